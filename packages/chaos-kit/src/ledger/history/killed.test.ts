import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { resolveLedgerOptions } from '../options.ts';
import { readHistory } from './replay.ts';

const WRITERS = 3;

// Tells by a pipe what a server and an observer would know: every write that it sends, every count that it has.
const program = `
  import { writeSync } from 'node:fs';
  import { setImmediate as turn } from 'node:timers/promises';
  import { HistoryWriter } from ${JSON.stringify(new URL('./history-writer.ts', import.meta.url).href)};
  import { RunRecord } from ${JSON.stringify(new URL('../run-record.ts', import.meta.url).href)};
  const history = HistoryWriter.create(process.argv[1], { options: JSON.parse(process.argv[2]) });
  const record = new RunRecord(${WRITERS}, history);
  for (let i = 0; ; i++) {
    const writer = i % ${WRITERS};
    const seq = record.begin(writer);
    await history.kept();
    writeSync(1, writer + ' ' + seq + '\\n');
    await turn();
    record.acknowledge({ writer, seq, outcome: 'ok', dueMs: i, sentMs: i, endMs: i + 1, lsn: i }, 'a', 1, 7);
    await turn();
    writeSync(1, 'acknowledged ' + record.acknowledged + '\\n');
  }
`;

test('whatever a killed process had sent or told is in its history', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'killed-'));
  try {
    const options = JSON.stringify(resolveLedgerOptions({ seed: 1, writers: WRITERS }));
    const path = join(dir, 'run');
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, path, options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    while (output.length < 20_000) await sleep(1);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));

    const { record, state } = readHistory(path);
    expect(state).toBe('running');
    const told = output
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ').map(Number));
    const sent = told.filter(([writer]) => !Number.isNaN(writer));
    const unknown = sent.filter(([writer = -1, seq = -1]) => record.states(writer).state(seq) === 'never');
    expect(unknown).toEqual([]);
    expect(record.acknowledged).toBeGreaterThanOrEqual(
      told.findLast(([writer]) => Number.isNaN(writer))?.[1] ?? Infinity,
    );
    expect(record.counts.attempted).toBeLessThanOrEqual(sent.length + 1);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
