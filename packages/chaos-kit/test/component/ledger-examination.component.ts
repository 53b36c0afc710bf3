import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Ledger, verifyStored } from '../../src/ledger/index.ts';
import type { LedgerVerification } from '../../src/ledger/index.ts';
import { PostgresCluster } from './postgres-cluster.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ledger-examination-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let serial = 0;

describe.concurrent('after a run every instance is looked at', () => {
  /** A run that has ended, with its cluster. */
  async function ended(cluster: PostgresCluster): Promise<Ledger> {
    const historyDir = join(scratch, String(serial++));
    const ledger = await Ledger.start(cluster.observed, { rate: 500, writers: 4, seed: 22, historyDir });
    await ledger.waitForAcks(400, { timeoutMs: 15_000 });
    await ledger.stop();
    return ledger;
  }

  function asked({ checks }: LedgerVerification): Record<string, unknown> {
    const names = ['replica-compare', 'amcheck', 'checksums'];
    return Object.fromEntries(
      checks
        .filter(({ checker }) => names.includes(checker))
        .map((it) => [it.checker, `${it.verdict} ${it.count}, ${it.looked}`]),
    );
  }

  const sentencesOf = ({ checks }: LedgerVerification, name: string): string =>
    checks.find(({ checker }) => checker === name)?.sentences.join('\n') ?? '';

  test('and found sound, and amcheck is not left behind', async () => {
    await using cluster = await PostgresCluster.start({ standbys: 2 });
    await using ledger = await ended(cluster);
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'pass', integrity: 'pass' });
    expect(asked(result)).toEqual({
      'replica-compare': 'pass 0, 3 of 3 instances',
      amcheck: expect.stringMatching(/^pass 0, \d{3} objects on 3 of 3 instances$/) as string,
      checksums: 'pass 0, 3 instances with check sums of 3',
    });
    expect(await cluster.primary.value("select count(*) from pg_extension where extname = 'amcheck'")).toBe('0');
    expect(verifyStored(ledger.historyDir).verification.checks).toEqual(result.checks);
  });

  test('an index that does not lead to a row', async () => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await ended(cluster);
    const { table } = ledger.options;
    const ready = (is: boolean) =>
      cluster.primary.sql(`update pg_index set indisready = ${is} where indrelid = '${table}'::regclass`);
    await ready(false);
    // the row is there as before, but its new place is not in the index
    await cluster.primary.sql(
      `with moved as (delete from ${table} where writer = 2 and seq = 7 returning *) insert into ${table} select * from moved`,
    );
    await ready(true);
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({
      verdict: 'fail',
      integrity: 'fail',
      counts: { lost: 0, unexpected: 0, corrupted: 0 },
    });
    expect(asked(result)).toMatchObject({
      'replica-compare': 'fail 2, 2 of 2 instances',
      amcheck: expect.stringMatching(/^fail 2, /) as string,
    });
    expect(sentencesOf(result, 'replica-compare')).toMatch(/p by its index has \d+ rows of writer 2 .*, its table has/);
    expect(sentencesOf(result, 'amcheck')).toMatch(/s1: XX001 heap tuple .* lacks matching index tuple/);
  });

  test('a replica with other contents, whose check sums fit', async () => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await ended(cluster);
    const { table } = ledger.options;
    const file = await cluster.primary.value(`select pg_relation_filepath('${table}')`);
    const payload = await cluster.primary.value(`select payload from ${table} where writer = 1 and seq = 3`);
    await cluster.primary.sql('checkpoint');
    const replica = cluster.standby();
    await replica.stop();
    await replica.overwrite(file, payload, payload.replaceAll(/./g, 'x'), { checksums: 'fit' });
    await replica.start();
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', counts: { lost: 0, corrupted: 0 } });
    expect(asked(result)).toMatchObject({
      'replica-compare': 'fail 1, 2 of 2 instances',
      amcheck: expect.stringMatching(/^pass 0, /) as string,
      checksums: 'pass 0, 2 instances with check sums of 2',
    });
    expect(sentencesOf(result, 'replica-compare')).toMatch(/s1 has other contents than p in the \d+ rows of writer 1/);
  });

  test('a page that changed on the disk of a replica', async () => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await ended(cluster);
    const { table } = ledger.options;
    const file = await cluster.primary.value(`select pg_relation_filepath('${table}')`);
    const payload = await cluster.primary.value(`select payload from ${table} where writer = 1 and seq = 3`);
    const replica = cluster.standby();
    await cluster.primary.sql('checkpoint');
    await replica.stop();
    await replica.overwrite(file, payload, payload.replaceAll(/./g, 'x'), { checksums: 'stay' });
    await replica.start();
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', counts: { lost: 0 } });
    expect(asked(result)).toMatchObject({ checksums: expect.stringMatching(/^fail/) as string });
    expect(sentencesOf(result, 'checksums')).toMatch(/a server reported damage: s1: XX001 invalid page in block 0/);
  });

  test('or the primary, which no final read can get past: fail at once, not inconclusive', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await ended(cluster);
    const { table } = ledger.options;
    const file = await cluster.primary.value(`select pg_relation_filepath('${table}')`);
    const payload = await cluster.primary.value(`select payload from ${table} where writer = 1 and seq = 3`);
    await cluster.primary.stop();
    await cluster.primary.overwrite(file, payload, payload.replaceAll(/./g, 'x'), { checksums: 'stay' });
    await cluster.primary.start();
    const startMs = performance.now();
    const result = await ledger.verify({ final: cluster.final });
    expect(performance.now() - startMs).toBeLessThan(40_000);
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', readFrom: undefined });
    expect(asked(result)).toMatchObject({ checksums: expect.stringMatching(/^fail/) as string });
    expect(sentencesOf(result, 'checksums')).toMatch(/damage: .*XX001 invalid page in block 0/);
  });

  test('a replica that does not follow any more leaves it open', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await ended(cluster);
    await cluster.standby().follow(undefined);
    const result = await ledger.verify({ final: cluster.final, catchUpMs: 1500 });
    expect(result.integrity).toBe('inconclusive');
    expect(asked(result)).toMatchObject({ 'replica-compare': 'inconclusive 1, 1 of 2 instances' });
    expect(sentencesOf(result, 'replica-compare')).toMatch(
      /s1 could not be compared: behind: after 1.5 s it has replayed/,
    );
  });
});
