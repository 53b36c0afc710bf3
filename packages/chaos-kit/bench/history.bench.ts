// What keeping a run costs per record, and how fast a stored one is verified. Prints figures, asserts nothing.
// `--writes <n>` sets the length of the run (default 1 000 000), `--dir <path>` where it is written (default: temporary).
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HISTORY_FORMAT, RECORD_CODES, RecordBlock } from '../src/ledger/history/format.ts';
import { HistoryWriter } from '../src/ledger/history/history-writer.ts';
import { readHistory } from '../src/ledger/history/replay.ts';
import { RowsWriter } from '../src/ledger/history/rows-file.ts';
import { verifyStored } from '../src/ledger/history/verify-stored.ts';
import { resolveLedgerOptions } from '../src/ledger/options.ts';
import { RunRecord } from '../src/ledger/run-record.ts';
import type { RecordSink } from '../src/ledger/record-sink.ts';

const { values } = parseArgs({ options: { writes: { type: 'string', default: '1000000' }, dir: { type: 'string' } } });
const writes = Number(values.writes);
if (!Number.isSafeInteger(writes) || writes < 1000)
  throw new Error(`--writes '${values.writes}' is no number from 1000`);

const WRITERS = 32;
const dir = mkdtempSync(join(values.dir ?? tmpdir(), 'history-bench-'));
const rows: [what: string, value: string, limit: string][] = [];
const add = (what: string, ns: number, limit = ''): void => void rows.push([what, `${ns.toFixed(0)} ns`, limit]);

function timed(count: number, run: () => void): number {
  const started = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - started) / count;
}

/** As many writes of a run as fit in one turn of the event loop, each begun and acknowledged. */
async function play(record: RunRecord, perTurn: number): Promise<number> {
  const started = process.hrtime.bigint();
  const completion = { writer: 0, seq: 0, outcome: 'ok', dueMs: 0, sentMs: 0, endMs: 0, lsn: 0 } as const;
  for (let i = 0; i < writes; i++) {
    const writer = i % WRITERS;
    const seq = record.begin(writer) ?? -1;
    const endMs = i / 10;
    record.acknowledge(
      { ...completion, writer, seq, dueMs: endMs - 2, sentMs: endMs - 1, endMs, lsn: i * 176 },
      'a',
      1,
      7,
    );
    if (i % perTurn === perTurn - 1) await turn();
  }
  return Number(process.hrtime.bigint() - started) / writes;
}

const silent: RecordSink = {
  invoke: () => true,
  origin: () => {},
  acknowledged: () => {},
  unacknowledged: () => {},
  connected: () => {},
  connectFailed: () => {},
  settings: () => {},
  standbys: () => {},
  tombstone: () => {},
  dropped: () => {},
  doubt: () => {},
  stalled: () => {},
};

try {
  // 1. the records themselves, as a full buffer writes them
  const perBlock = 1638;
  const block = new RecordBlock(perBlock);
  const path = join(dir, 'plain');
  const fd = openSync(path, 'w');
  const encode = (flush: boolean): void => {
    for (let i = 0; i < 2 * writes; i++) {
      block.put(i % perBlock, i, RECORD_CODES.ok, i / 10, i * 176, i >>> 5, 1, 0.5, 7, i & 31, 0);
      if (flush && i % perBlock === perBlock - 1) writeSync(fd, block.bytes);
    }
  };
  encode(false);
  add(
    'one record: encode with check sum',
    timed(2 * writes, () => encode(false)),
  );
  add(
    'one record: encode, written in blocks of 64 KiB',
    timed(2 * writes, () => encode(true)),
    '≤ 150 ns',
  );
  const bytes = block.bytes.subarray(0, HISTORY_FORMAT.recordBytes);
  const calls = 200_000;
  add(
    'one write() of one record',
    timed(calls, () => {
      for (let i = 0; i < calls; i++) writeSync(fd, bytes);
    }),
  );
  add(
    'one fdatasync',
    timed(50, () => {
      for (let i = 0; i < 50; i++) {
        writeSync(fd, bytes);
        fdatasyncSync(fd);
      }
    }),
  );
  closeSync(fd);
  rmSync(path);

  // 2. a whole write of a run: invoke on disk before it is sent, acknowledgement on disk at the end of its turn
  const options = { ...resolveLedgerOptions({ seed: 1, writers: WRITERS, table: 't' }) };
  const memory = await play(new RunRecord(WRITERS, silent), 64);
  add('one write of a run in memory', memory);
  const run = join(dir, 'run');
  const history = HistoryWriter.create(run, { options });
  const kept = await play(new RunRecord(WRITERS, history), 64);
  await history.close();
  add('one write of a run on disk: two records, each safe before it counts', kept);
  add('  of which the history, per record', (kept - memory) / 2);

  // 3. reading it back
  const size = statSync(join(run, 'history.bin')).size;
  rows.push(['history of the run', `${(size / 1024 / 1024).toFixed(0)} MiB`, '']);
  add(
    'read back, per record',
    timed(2 * writes, () => void readHistory(run)),
  );
  {
    using file = new RowsWriter(run);
    add(
      'keep a row of the final read',
      timed(writes, () => {
        for (let i = 0; i < writes; i++) file.row(i % WRITERS, Math.floor(i / WRITERS), false);
      }),
    );
    file.commit({ table: 't', server: 'a', timeline: 1, unreachable: [], terminated: 0, forks: [] });
  }
  const started = process.hrtime.bigint();
  const { verification } = verifyStored(run);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (verification.counts.present !== writes) throw new Error(`${verification.counts.present} of ${writes} are there`);
  rows.push([`verify ${writes} writes offline`, `${seconds.toFixed(2)} s`, '']);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.stdout.write(
  `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}\n${rows
    .map(([what, value, limit]) => `${what.padEnd(70)} ${value.padStart(10)} ${limit}`.trimEnd())
    .join('\n')}\n`,
);
