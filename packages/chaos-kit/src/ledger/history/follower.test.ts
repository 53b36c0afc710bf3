import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveLedgerOptions } from '../options.ts';
import { RunRecord } from '../run-record.ts';
import { HistoryFollower } from './follower.ts';
import { HistoryWriter } from './history-writer.ts';
import { readHistory } from './replay.ts';

const BATCH = 3;
const options = resolveLedgerOptions({ seed: 1, writers: 64, batch: BATCH });

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'follower-'))));
afterEach(() => rmSync(dir, { recursive: true }));

/** One statement that ends, of two writers that take turns; the others make it that eight share a write(). */
function write(record: RunRecord, i: number): void {
  const writer = i % 2;
  const seq = record.begin(writer, BATCH) ?? -1;
  const times = { writer, seq, dueMs: i, sentMs: i + 0.25, endMs: i + 0.5 };
  if (i % 10 === 9) record.unacknowledged({ ...times, outcome: 'info' }, new Error('gone'));
  else record.acknowledge({ ...times, outcome: 'ok', lsn: i * 100 }, i < 40_000 ? 'a' : 'b', i < 40_000 ? 1 : 2, 7);
}

test('knows what the writers know, while they write', async () => {
  const path = join(dir, 'run');
  const history = HistoryWriter.create(path, { options });
  const record = new RunRecord(64, history, { writes: false, completions: 'none' });
  using follower = new HistoryFollower(path, BATCH);
  const { completions } = follower.record;
  const statements = 45_000;
  const differences: number[] = [];
  for (let i = 0; i < statements; i++) {
    write(record, i);
    if (i % 10_000 !== 0) continue;
    await history.kept();
    follower.catchUp();
    differences.push(follower.record.acknowledged - record.acknowledged);
  }
  expect(differences).toEqual([0, 0, 0, 0, 0]);
  record.stalled(5, 50);
  await history.kept();
  follower.catchUp();
  expect(follower.record.counts).toEqual(record.counts);
  expect(follower.record.origins).toEqual(record.origins);
  expect(follower.record.reasons).toEqual(record.reasons);
  expect(follower.record.stalls.all).toMatchObject([{ startMs: 5, endMs: 50 }]);
  expect(follower.acksPerSecond(statements)).toBeGreaterThan(2000);
  expect(completions.length).toBe(statements);
  for (const i of [0, 16_383, 16_384, statements - 1, 40_000, 39_998]) {
    expect(completions.at(i)).toMatchObject({
      writer: i % 2,
      seq: Math.floor(i / 2) * BATCH,
      count: BATCH,
      outcome: i % 10 === 9 ? 'info' : 'ok',
      endMs: i + 0.5,
      lsn: i % 10 === 9 ? 0 : i * 100,
    });
  }
  expect(completions.firstAtOrAfter(20_000)).toBe(20_000);
  await history.close();
  const { record: stored } = readHistory(path);
  expect(stored.counts).toEqual(record.counts);
  expect(stored.states(0).state(BATCH * 4 + 2)).toBe('ok');
  expect(stored.states(1).state(BATCH * 4)).toBe('info');
});
