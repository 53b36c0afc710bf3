import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveLedgerOptions } from '../options.ts';
import { RunRecord } from '../run-record.ts';
import type { SessionFacts } from '../session.ts';
import { eachRecord } from './cat.ts';
import { HISTORY_FORMAT } from './format.ts';
import { HistoryError, HistoryWriteError } from './history-error.ts';
import { HistoryBeside } from './history-beside.ts';
import { HistoryWriter } from './history-writer.ts';
import { HistoryReading, readHistory } from './replay.ts';
import type { StoredRun } from './replay.ts';

const facts: SessionFacts = {
  synchronousCommit: 'on',
  synchronousStandbyNames: 'ANY 1 (a)',
  fsync: 'on',
  durabilityHash: -7,
  serverVersion: 170_000,
  inRecovery: false,
  timeline: 1,
  server: '10.0.0.1:5432',
  systemIdentifier: '7123456789012345678',
  ownSessions: 1,
};
const WRITERS = 3;
const options = resolveLedgerOptions({ seed: 5, writers: WRITERS, table: 't' });

let dir: string;
let serial = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'history-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function fresh(): string {
  return join(dir, `h${serial++}`);
}

/** A run with everything in it; leaves two writes under way. */
function play(record: RunRecord): void {
  record.learnSettings(facts);
  for (let writer = 0; writer < WRITERS; writer++) record.connected(writer, 1, facts, 1);
  record.connected(2, 2, { ...facts, inRecovery: true, timeline: undefined, server: '10.0.0.2:5432' }, 2);
  record.observed({ atMs: 3.5, streaming: 2, synchronous: 1 });
  for (let i = 0; i < 40; i++) {
    const writer = i % WRITERS;
    const seq = record.begin(writer);
    if (seq === undefined) throw new Error('refused');
    const times = { writer, seq, dueMs: i * 10 + 0.1, sentMs: i * 10 + 0.7, endMs: i * 10 + 5.125 };
    if (i % 10 === 3) record.unacknowledged({ ...times, outcome: 'fail' }, new Error('too many “clients”'));
    else if (i % 10 === 4) record.unacknowledged({ ...times, outcome: 'info' }, new Error('gone'));
    else {
      const outcome = i % 10 === 5 ? 'ok-weak' : 'ok';
      const [server, timeline] = i < 20 ? (['a', 1] as const) : (['b', 2] as const);
      record.acknowledge({ ...times, outcome, lsn: 2 ** 33 + i * 100 }, server, timeline, i < 30 ? -7 : 8);
    }
  }
  record.connectFailed();
  record.nextTombstone();
  record.drop(17);
  record.doubt('a writer broke');
  record.stalled(100, 130);
  record.begin(0);
  record.begin(1);
}

async function written(close = true): Promise<{ record: RunRecord; path: string }> {
  const path = fresh();
  const history = HistoryWriter.create(path, { options, about: { cluster: { name: 'c' } } });
  const record = new RunRecord(WRITERS, history);
  play(record);
  await sleep(0);
  if (close) await history.close();
  return { record, path };
}

/** Everything that can be asked of a record. */
function contents(record: RunRecord) {
  const { counts, origins, standbys, stalls, systemIdentifier, lastAckMs, tombstones, dropped, doubts, reasons } =
    record;
  return {
    counts,
    origins,
    standbys,
    stalls: stalls.all,
    systemIdentifier,
    lastAckMs,
    tombstones,
    dropped,
    doubts,
    reasons,
    durability: record.durability(),
    inFlight: record.inFlight,
    completions: Array.from({ length: record.completions.length }, (_, i) => record.completions.at(i)),
    states: record.writers.map((states) => Array.from({ length: states.length }, (_, seq) => states.state(seq))),
  };
}

test('a history read back is the record that was in memory', async () => {
  const { record, path } = await written();
  const run = readHistory(path);
  expect(contents(run.record)).toEqual(contents(record));
  expect(run).toMatchObject({ state: 'closed', cutBytes: 0, header: { seed: 5, writers: WRITERS } });
  expect(run.manifest).toMatchObject({
    options,
    about: { cluster: { name: 'c' } },
    versions: { node: process.version, server: 170_000 },
    durability: { '-7': { synchronousCommit: 'on', synchronousStandbyNames: 'ANY 1 (a)', fsync: 'on' } },
  });
});

describe('read beside something else', () => {
  test.each([0, 1, 20, 1000])('it is the same, with %d records at once', async (atOnce) => {
    const { record, path } = await written();
    using reading = HistoryReading.open(path);
    const history = new HistoryBeside(reading, atOnce);
    expect(history.record === undefined).toBe(atOnce < 1000);
    const run = await history.whole;
    expect(history.record).toBe(run.record);
    expect(contents(run.record)).toEqual(contents(record));
    expect(history.systemIdentifier).toBe(record.systemIdentifier);
  });

  test('it is the same, whatever the size of the pieces', async () => {
    const { record, path } = await written();
    for (const most of [1, 2, 3, 7]) {
      using reading = HistoryReading.open(path);
      let run: StoredRun | undefined;
      while (run === undefined) run = reading.advance(most);
      expect(contents(run.record)).toEqual(contents(record));
    }
  });

  test('damage that is found late is told to whoever waits for the whole', async () => {
    const { path } = await written();
    const file = join(path, 'history.bin');
    const bytes = readFileSync(file);
    const at = HISTORY_FORMAT.headerBytes + 30 * HISTORY_FORMAT.recordBytes;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    using reading = HistoryReading.open(path);
    const history = new HistoryBeside(reading, 5);
    await turn();
    await expect(history.whole).rejects.toThrow(HistoryError);
    expect(history.record).toBeUndefined();
    using other = HistoryReading.open(path);
    expect(() => new HistoryBeside(other, 1000)).toThrow(HistoryError);
  });

  test('its tombstones are numbered by the age of the run, after those of the run itself', async () => {
    const { path } = await written();
    using reading = HistoryReading.open(path);
    const history = new HistoryBeside(reading);
    const first = history.nextTombstone();
    expect(first).toBeGreaterThanOrEqual(1);
    expect([history.nextTombstone(), history.nextTombstone()]).toEqual([first + 1, first + 2]);
  });
});

test('one whose process was killed is the same, and remembers what was reserved', async () => {
  const { record, path } = await written(false);
  const run = readHistory(path);
  expect(run.state).toBe('running');
  expect(contents(run.record)).toEqual(contents(record));
  expect(run.record.states(0).bound).toBe(65_536);
});

test('a write is in the file when `kept` resolves, and an acknowledgement at the end of the turn', async () => {
  const path = fresh();
  const history = HistoryWriter.create(path, { options });
  const record = new RunRecord(WRITERS, history);
  const seq = record.begin(1);
  expect(await history.kept()).toBe(true);
  expect(readHistory(path).record.states(1).state(0)).toBe('pending');
  record.acknowledge({ writer: 1, seq: seq ?? -1, outcome: 'ok', dueMs: 1, sentMs: 1, endMs: 2, lsn: 1 }, 'a', 1, 0);
  await turn();
  expect(readHistory(path).record.acknowledged).toBe(1);
  await history.close();
});

test('numbers are reserved before they are used, again and again', async () => {
  const path = fresh();
  const history = HistoryWriter.create(path, { options: { ...options, writers: 64 } });
  for (let seq = 0; seq < 150_000; seq++) history.invoke(0, seq, 1);
  await history.close();
  let reserved = 0;
  eachRecord(path, (record) => {
    if (record.kind === 'reserve') reserved = Number(record['below']);
    else if (Number(record['seq']) >= reserved) throw new Error(`${String(record['seq'])} was not reserved`);
  });
  expect(reserved).toBe(3 * 65_536);
});

describe('a torn end', () => {
  test('is cut wherever it is torn, and what is left is a beginning of the run', async () => {
    const { record, path } = await written();
    const whole = contents(record).completions;
    const file = join(path, 'history.bin');
    const { size } = statSync(file);
    const { headerBytes, recordBytes } = HISTORY_FORMAT;
    for (let length = size; length >= headerBytes; length -= 7) {
      truncateSync(file, length);
      const run = readHistory(path);
      expect(run.cutBytes).toBe((length - headerBytes) % recordBytes);
      const { completions } = contents(run.record);
      expect(completions).toEqual(whole.slice(0, completions.length));
    }
  });

  test('that holds rubbish or zeros is cut too', async () => {
    for (const rubbish of [Buffer.alloc(400), Buffer.alloc(333, 0xa5)]) {
      const { record, path } = await written();
      appendFileSync(join(path, 'history.bin'), rubbish);
      const run = readHistory(path);
      expect(run.cutBytes).toBe(rubbish.length);
      expect(contents(run.record)).toEqual(contents(record));
    }
  });

  test('of the side file takes the records that need it along', async () => {
    const { path } = await written();
    const file = join(path, 'strings.jsonl');
    const text = readFileSync(file, 'utf8');
    truncateSync(file, Buffer.byteLength(text.slice(0, text.indexOf('gone'))));
    const run = readHistory(path);
    expect(run.record.counts).toMatchObject({ ok: 3, fail: 1, info: 0 });
    expect(run.cutBytes).toBeGreaterThan(0);
  });
});

describe('what is no history is refused by name and offset', () => {
  async function changed(change: (bytes: Buffer) => unknown) {
    const file = 'history.bin';
    const { path } = await written();
    const bytes = readFileSync(join(path, file));
    change(bytes);
    writeFileSync(join(path, file), bytes);
    return { file: join(path, file), ...refusal(() => readHistory(path)) };
  }

  function refusal(read: () => unknown): { offset: number | undefined; message: string } {
    try {
      read();
    } catch (error) {
      if (error instanceof HistoryError) return { offset: error.offset, message: error.message };
    }
    throw new Error('not refused');
  }

  test.each([
    ['a foreign file', (b: Buffer) => b.write('PK\x03\x04', 0, 'latin1'), 0, 'a history begins with "CNPGLDGR"'],
    ['another version', (b: Buffer) => b.writeUInt16LE(9, 8), 8, 'has version 9; this program reads version 1'],
    ['another size of records', (b: Buffer) => b.writeUInt16LE(48, 10), 10, 'records of 48 bytes; version 1 has 40'],
    ['an unknown state', (b: Buffer) => b.writeUInt8(7, 12), 12, '1 (closed)'],
    ['a changed header', (b: Buffer) => b.writeDoubleLE(6, 16), 60, 'check sum'],
    [
      'a changed record',
      (b: Buffer) => b.writeUInt8((b[64 + 40 * 12 + 3] ?? 0) ^ 1, 64 + 40 * 12 + 3),
      64 + 40 * 12,
      'record 12 does not match',
    ],
    ['two records that changed places', swap, 64 + 40 * 20, 'record 20 does not match'],
  ])('%s', async (_, change, offset, message) => {
    const refused = await changed(change);
    expect(refused.offset).toBe(offset);
    expect(refused.message).toContain(message);
    expect(refused.message).toContain(refused.file);
  });

  function swap(bytes: Buffer): void {
    const one = Buffer.from(bytes.subarray(64 + 40 * 20, 64 + 40 * 21));
    bytes.copy(bytes, 64 + 40 * 20, 64 + 40 * 21, 64 + 40 * 22);
    one.copy(bytes, 64 + 40 * 21);
  }

  test('an empty file, a short one, none', async () => {
    const { path } = await written();
    const file = join(path, 'history.bin');
    truncateSync(file, 30);
    expect(() => readHistory(path)).toThrow(`${file} at byte 30: ends inside its header of 64 bytes`);
    truncateSync(file, 0);
    expect(() => readHistory(path)).toThrow('begins with ""');
    rmSync(file);
    expect(() => readHistory(path)).toThrow('ENOENT');
  });

  test('records beside the manifest or the side file of another run', async () => {
    const { path } = await written();
    const other = fresh();
    const history = HistoryWriter.create(other, { options: { ...options, seed: 6 } });
    await history.close();
    copyFileSync(join(path, 'run.json'), join(other, 'run.json'));
    expect(() => readHistory(other)).toThrow('seed 5, but the records beside it have 6');
    writeFileSync(join(path, 'strings.jsonl'), '{"id":0,"kind":"text","text":"x"}\n');
    expect(() => readHistory(path)).toThrow(/settings refers to line 1 of strings.jsonl, which is about text/);
    writeFileSync(join(path, 'strings.jsonl'), '{"id":4}\n');
    expect(() => readHistory(path)).toThrow('line 1 is {"id":4}; expected an object with "id" 0');
  });

  test('a manifest that is none', async () => {
    const { path } = await written();
    writeFileSync(join(path, 'run.json'), '{');
    expect(() => readHistory(path)).toThrow('run.json: is no manifest of a history');
    writeFileSync(join(path, 'run.json'), JSON.stringify({ format: 'cnpg-chaos ledger history', version: 2 }));
    expect(() => readHistory(path)).toThrow('"version"');
  });
});

describe('a history that cannot be written', () => {
  test('is refused at the begin: below a file, and over another history', async () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    expect(() => HistoryWriter.create(join(file, 'x'), { options })).toThrow(HistoryWriteError);
    const { path } = await written();
    expect(() => HistoryWriter.create(path, { options })).toThrow('it holds a history already');
  });

  // A limit on the size of files stands for a full disk: both end a write() in its middle and refuse the next.
  const limited = `
    import { HistoryWriter } from ${JSON.stringify(new URL('./history-writer.ts', import.meta.url).href)};
    import { RunRecord } from ${JSON.stringify(new URL('../run-record.ts', import.meta.url).href)};
    const history = HistoryWriter.create(process.argv[1], { options: JSON.parse(process.argv[2]) });
    let failures = 0;
    history.onFailure = () => failures++;
    const record = new RunRecord(3, history);
    let begun = 0;
    for (let i = 0; i < 1000; i++) {
      if (record.begin(i % 3) === undefined) break;
      if (await history.kept()) begun++;
    }
    const { attempted } = record.counts;
    await history.close();
    console.log(JSON.stringify({ begun, attempted, failures, message: history.failure.message }));
  `;

  test('issues no numbers after the disk is full, says why, and stays readable', () => {
    const path = fresh();
    const script = 'ulimit -f 3; exec "$0" --input-type=module -e "$1" "$2" "$3"';
    const argv = ['-c', script, process.execPath, limited, path, JSON.stringify(options)];
    const child: unknown = JSON.parse(execFileSync('bash', argv, { encoding: 'utf8' }));
    const { headerBytes, recordBytes } = HISTORY_FORMAT;
    const attempted = Math.floor((3 * 1024 - headerBytes) / recordBytes) - WRITERS;
    const message = expect.stringContaining(`the history cannot be written: ${join(path, 'history.bin')}: EFBIG`);
    expect(child).toEqual({ begun: attempted, attempted, failures: 1, message });
    const run = readHistory(path);
    expect(run.state).toBe('gave-up');
    expect(run.cutBytes).toBe((3 * 1024 - headerBytes) % recordBytes);
    expect(run.record.counts.attempted).toBe(attempted);
    expect(run.record.doubts).toEqual(['the history could not be written to its end: what came after is not known']);
  });
});
