import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeOldHistories } from './old-histories.ts';

test('removes the oldest histories, and nothing that is none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'histories-'));
  try {
    for (const [i, name] of ['c', 'a', 'b'].entries()) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'history.bin'), '');
      utimesSync(join(folder, name, 'history.bin'), 1000 + i, 1000 + i);
    }
    writeFileSync(join(folder, 'a', 'dump.txt'), '');
    rmSync(join(folder, 'b', 'history.bin'));
    writeFileSync(join(folder, 'b', 'dump.txt'), '');
    mkdirSync(join(folder, 'other'));
    writeFileSync(join(folder, 'run.jsonl'), '');
    removeOldHistories(folder, 2);
    expect(readdirSync(folder).toSorted()).toEqual(['a', 'b', 'other', 'run.jsonl']);
    removeOldHistories(folder, 0);
    expect(readdirSync(folder).toSorted()).toEqual(['other', 'run.jsonl']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
