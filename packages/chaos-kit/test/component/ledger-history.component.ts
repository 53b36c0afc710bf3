import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFinal } from '../../src/ledger/final-read.ts';
import type { FinalHistory, FinalRead } from '../../src/ledger/final-read.ts';
import { HistoryBeside } from '../../src/ledger/history/history-beside.ts';
import { HistoryError } from '../../src/ledger/history/history-error.ts';
import { HistoryReading, readHistory } from '../../src/ledger/history/replay.ts';
import { HistoryWriteError, Ledger, verifyAgainst, verifyStored } from '../../src/ledger/index.ts';
import { Payloads } from '../../src/ledger/payload.ts';
import { until } from './container-host.ts';
import type { LedgerProcessOptions } from './ledger-process.ts';
import { PostgresCluster } from './postgres-cluster.ts';

const program = fileURLToPath(new URL('./ledger-process.ts', import.meta.url));
const bin = fileURLToPath(new URL('../../bin/chaos-kit.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'ledger-history-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('a run kept on disk', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  /** Starts the program, under a limit on the size of files in KiB when one is given. */
  function run(options: Pick<LedgerProcessOptions, 'historyDir' | 'seed' | 'rate'>, limitKiB?: number) {
    const { host, port } = cluster.address;
    const input: LedgerProcessOptions = { ...options, host, port };
    const limit = limitKiB === undefined ? '' : `ulimit -f ${limitKiB};`;
    const script = `${limit} exec "$0" --conditions=@cnpg-chaos/source "$1" "$2"`;
    const child = spawn('bash', ['-c', script, process.execPath, program, JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen = { output: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.output += text));
    const lines = (): string[] => seen.output.split('\n').slice(0, -1);
    return { child, writerPid: () => Number(lines()[0]), lines: () => lines().slice(1) };
  }

  async function ended(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => child.once('close', resolve));
  }

  test('is judged the same offline, and its directory is not used twice', async () => {
    const historyDir = join(scratch, 'clean');
    const options = { writers: 4, rate: 1000, seed: 8, historyDir, about: { profile: 'sync' } } as const;
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(500, { timeoutMs: 10_000 });
    const live = await ledger.verify({ final: cluster.final });
    await ledger[Symbol.asyncDispose]();
    const { run: stored, verification } = verifyStored(historyDir);
    expect(stored).toMatchObject({ state: 'closed', cutBytes: 0, manifest: { about: { profile: 'sync' } } });
    expect(live).toMatchObject({ verdict: 'pass', notes: [] });
    expect({ ...verification, durationMs: 0 }).toEqual({ ...live, durationMs: 0 });
    await expect(Ledger.start(cluster.target, options)).rejects.toThrow(HistoryWriteError);
  });

  test.each([0, 130, 370])(
    'is readable and judged after its processes were killed (%d ms after 300 writes)',
    async (ms) => {
      const historyDir = join(scratch, `killed-${ms}`);
      const { child, writerPid, lines } = run({ historyDir, seed: 9, rate: 'closed' });
      await until('300 writes', async () => (Number(lines().at(-1) ?? 0) >= 300 ? true : undefined), 30_000);
      await sleep(ms);
      process.kill(writerPid(), 'SIGKILL');
      child.kill('SIGKILL');
      await ended(child);
      const told = Number(lines().at(-1));

      const stored = readHistory(historyDir);
      expect(stored.state).toBe('running');
      // what the process had told anybody is in the file
      expect(stored.record.acknowledged).toBeGreaterThanOrEqual(told);
      expect(verifyStored(historyDir).verification.verdict).toBe('inconclusive');

      const { target, final } = cluster;
      const { verification } = await verifyAgainst(historyDir, { target, final });
      expect(verification.reasons).toEqual([]);
      expect(verification).toMatchObject({ verdict: 'pass', integrity: 'pass' });
      const { counts } = verification;
      expect(counts).toMatchObject({ lost: 0, unexpected: 0, phantomFail: 0, duplicated: 0, corrupted: 0, failed: 0 });
      expect(counts.unknown).toBeLessThanOrEqual(4);
      expect(counts.attempted).toBe(counts.acknowledged + counts.unknown);
      expect(counts.rows).toBe(counts.acknowledged + counts.recovered);
      expect(verifyStored(historyDir).verification.counts).toEqual(counts);

      // the same when the table is read before the history is known
      const { options, systemIdentifier } = stored.manifest;
      const nextTombstone = (): number => {
        using reading = HistoryReading.open(historyDir);
        return new HistoryBeside(reading).nextTombstone();
      };
      const whole = Promise.resolve(stored);
      const payloads = new Payloads(options.seed, options.payloadBytes);
      const how = { target, final, options, payloads, timeoutMs: 30_000, signal: new AbortController().signal };
      const readBefore = async (later: FinalHistory['whole'], dir = historyDir): Promise<FinalRead> =>
        readFinal({
          ...how,
          historyDir: dir,
          history: { systemIdentifier, record: undefined, whole: later, nextTombstone },
        });
      const clean = { rows: counts.rows, unexpected: 0, duplicated: 0, corrupted: 0 };
      expect((await readBefore(whole)).tally).toMatchObject(clean);
      const nowhere = await readBefore(whole, join(historyDir, 'missing'));
      expect(nowhere).toMatchObject({ tally: clean, notStored: expect.stringContaining('ENOENT') });
      const damaged = Promise.reject(new HistoryError(historyDir, 64, 'is damaged'));
      damaged.catch(() => undefined);
      await expect(readBefore(damaged)).rejects.toThrow(HistoryError);

      // and it can still go red
      const { table } = options;
      await cluster.primary.sql(`delete from ${table} where writer = 1 and seq = 5`);
      await cluster.primary.sql(`insert into ${table} (writer, seq, epoch, payload) values (2, 65536, 1, 'x')`);
      const again = await verifyAgainst(historyDir, { target, final });
      expect(again.verification).toMatchObject({ verdict: 'fail', counts: { lost: 1, unexpected: 1 } });
      expect(again.verification.checks).toContainEqual(expect.objectContaining({ checker: 'hole', count: 1 }));
      expect((await readBefore(whole)).tally).toMatchObject({ rows: counts.rows, unexpected: 1 });
      await cluster.primary.sql(`drop table ${table}`);
    },
  );

  test('ends in order when only the runner was killed', async () => {
    const historyDir = join(scratch, 'orphaned');
    const { child, writerPid, lines } = run({ historyDir, seed: 13, rate: 1000 });
    await until('300 writes', async () => (Number(lines().at(-1) ?? 0) >= 300 ? true : undefined), 30_000);
    child.kill('SIGKILL');
    await until('the writers end', async () => (existsSync(`/proc/${writerPid()}`) ? undefined : true));
    const stored = readHistory(historyDir);
    expect(stored.state).toBe('closed');
    const { target, final } = cluster;
    const { verification } = await verifyAgainst(historyDir, { target, final });
    expect(verification).toMatchObject({ verdict: 'pass', integrity: 'pass', reasons: [], notes: [] });
    await cluster.primary.sql(`drop table ${stored.manifest.options.table}`);
  });

  test('of writers that were killed cannot pass, however complete it is', async () => {
    await using ledger = await Ledger.start(cluster.target, { writers: 4, rate: 1000, seed: 14, keepTable: 'never' });
    await ledger.waitForAcks(300, { timeoutMs: 10_000 });
    process.kill(ledger.writerPid, 'SIGKILL');
    const told = 'the process of the writers ended: signal SIGKILL';
    await expect(ledger.waitForAcks(1e6, { timeoutMs: 10_000 })).rejects.toThrow(told);
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'inconclusive', reasons: [told] });
    expect(result.counts).toMatchObject({ lost: 0, unexpected: 0, phantomFail: 0 });
    expect(result.counts.acknowledged).toBeGreaterThanOrEqual(300);
  });

  test('is judged by the command, offline and against its server', async () => {
    const historyDir = join(scratch, 'command');
    const { child, writerPid, lines } = run({ historyDir, seed: 12, rate: 1000 });
    await until('300 writes', async () => (Number(lines().at(-1) ?? 0) >= 300 ? true : undefined), 30_000);
    process.kill(writerPid(), 'SIGKILL');
    child.kill('SIGKILL');
    await ended(child);

    const { host, port } = cluster.address;
    const server = ['--server', `postgres://app@${host}:${port}/app`];
    const instances = ['--instance', `postgres://postgres@${host}:${port}/app`];
    expect(await verifyCommand(historyDir)).toMatchObject({ code: 3 });
    expect(await verifyCommand(historyDir, ...server, ...instances)).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await verifyCommand(historyDir);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^pass\\n[^]*read from ${host}:${port} on timeline 1`));
    const { table } = readHistory(historyDir).manifest.options;
    await cluster.primary.sql(`drop table ${table}`);
  });

  async function verifyCommand(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = { ...process.env, PGPASSWORD: 'secret' };
    return await new Promise((resolve) => {
      execFile(process.execPath, [bin, 'verify', ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  }

  test('ends inconclusive when its disk is full, and what was written stays readable', async () => {
    const historyDir = join(scratch, 'full');
    const { child, lines } = run({ historyDir, seed: 10, rate: 1000 }, 48);
    await ended(child);
    const live: unknown = JSON.parse(lines().at(-1) ?? '');
    const reason = expect.stringContaining(`the history cannot be written: ${join(historyDir, 'history.bin')}: EFBIG`);
    expect(live).toMatchObject({
      verdict: 'inconclusive',
      integrity: 'inconclusive',
      reasons: ['the history could not be written to its end: what came after is not known', reason],
      counts: { lost: 0, unexpected: 0, phantomFail: 0 },
    });
    const { run: stored, verification } = verifyStored(historyDir);
    expect(stored.state).toBe('gave-up');
    expect(stored.record.counts.attempted).toBeGreaterThan(400);
    expect(verification).toMatchObject({ verdict: 'inconclusive', counts: { lost: 0, unexpected: 0, phantomFail: 0 } });
    expect(verification.reasons).toEqual(['the history could not be written to its end: what came after is not known']);
    await cluster.primary.sql(`drop table ${stored.manifest.options.table}`);
  });

  test('is not begun where it cannot be written, and then the server is left alone', async () => {
    const before = await cluster.primary.value("select count(*) from pg_class where relname like 'chaos_ledger_%'");
    const historyDir = join(program, 'below-a-file');
    await expect(Ledger.start(cluster.target, { seed: 1, historyDir })).rejects.toThrow(/cannot be written: .*ENOTDIR/);
    expect(await cluster.primary.value("select count(*) from pg_class where relname like 'chaos_ledger_%'")).toBe(
      before,
    );
  });

  test('of a start that failed leaves no history behind', async () => {
    const historyDir = join(scratch, 'refused');
    const options = { seed: 1, historyDir, table: 'chaos_there_already' } as const;
    await cluster.primary.sql('create table chaos_there_already ()');
    await expect(Ledger.start(cluster.target, options)).rejects.toThrow('could not be created');
    expect(existsSync(join(historyDir, 'history.bin'))).toBe(false);
  });
});
