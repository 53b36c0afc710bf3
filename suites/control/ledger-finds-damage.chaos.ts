import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';
import { tamper } from './tamper.ts';

// Nothing is broken here: rows are changed behind the ledger's back, and it must say exactly what was done.
describe('the ledger finds', () => {
  test.override('workload', { rate: 200, writers: 4, keepTable: 'never' });

  test('deleted acknowledged rows', { tags: ['smoke', 'control'] }, async ({ chaos, cluster, ledger }) => {
    chaos.expectVerdict('fail', 'three acknowledged rows were deleted');
    await ledger.waitForAcks(300, { timeoutMs: 30_000 });
    await ledger.stop();
    const { table } = ledger.options;
    const deleted = await tamper(cluster, `delete from ${table} where ctid in (select ctid from ${table} limit 3)`);
    expect(deleted).toBe(3);
    const { verdict, integrity, counts, lost } = await chaos.verifyLedger();
    // Rows that go missing from the middle are damage besides: a failover only loses the end.
    expect({ verdict, integrity }).toEqual({ verdict: 'fail', integrity: 'fail' });
    expect(counts).toMatchObject({ lost: 3, unexpected: 0, duplicated: 0, corrupted: 0, phantomFail: 0 });
    expect(lost).toHaveLength(3);
    await expect(ledger).not.toHaveLostNoAcknowledgedWrite();
  });

  test('foreign rows', { tags: ['smoke', 'control'] }, async ({ chaos, cluster, ledger }) => {
    chaos.expectVerdict('fail', 'two rows were inserted that no writer of the ledger wrote');
    await ledger.waitForAcks(300, { timeoutMs: 30_000 });
    await ledger.stop();
    const { table, writers } = ledger.options;
    await tamper(
      cluster,
      `insert into ${table} (writer, seq, epoch, payload) values (${writers}, 0, 0, 'x'), (0, 1000000, 0, 'x')`,
    );
    const { integrity, counts } = await chaos.verifyLedger();
    expect(integrity).toBe('fail');
    expect(counts).toMatchObject({ lost: 0, unexpected: 2, duplicated: 0, corrupted: 0, phantomFail: 0 });
  });

  test('duplicated rows', { tags: ['smoke', 'control'] }, async ({ chaos, cluster, ledger }) => {
    chaos.expectVerdict('fail', 'two rows were copied');
    await ledger.waitForAcks(300, { timeoutMs: 30_000 });
    await ledger.stop();
    const { table } = ledger.options;
    const copied = await tamper(
      cluster,
      `insert into ${table} (writer, seq, epoch, payload) select writer, seq, epoch, payload from ${table} limit 2`,
    );
    expect(copied).toBe(2);
    const { integrity, counts } = await chaos.verifyLedger();
    expect(integrity).toBe('fail');
    expect(counts).toMatchObject({ lost: 0, unexpected: 0, duplicated: 2, corrupted: 0, phantomFail: 0 });
  });
});
