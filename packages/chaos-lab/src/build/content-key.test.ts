import { chmod, mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contentKey, directoryKey } from './content-key.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'key-'));
  await mkdir(join(dir, 'sub'));
  await writeFile(join(dir, 'a'), 'one');
  await writeFile(join(dir, 'sub', 'b'), 'two');
});
afterEach(() => rm(dir, { recursive: true }));

test('order of the parts does not count, names and values do', () => {
  expect(contentKey({ a: '1', b: '2' })).toBe(contentKey({ b: '2', a: '1' }));
  const keys = [{ a: '1', b: '2' }, { a: '2', b: '1' }, { a: '1' }, { ab: '12' }, { a: '1,b:2' }].map(contentKey);
  expect(new Set(keys).size).toBe(keys.length);
});

test('a folder keeps its key when times and permissions change', async () => {
  const key = await directoryKey(dir);
  await utimes(join(dir, 'a'), 1, 1);
  await chmod(join(dir, 'a'), 0o700);
  expect(await directoryKey(dir)).toBe(key);
});

test('a folder gets another key when a content or a name changes, or a file comes', async () => {
  const keys = [await directoryKey(dir)];
  await writeFile(join(dir, 'sub', 'b'), 'Two');
  keys.push(await directoryKey(dir));
  await rename(join(dir, 'sub', 'b'), join(dir, 'sub', 'c'));
  keys.push(await directoryKey(dir));
  await writeFile(join(dir, 'new'), '');
  keys.push(await directoryKey(dir));
  expect(new Set(keys).size).toBe(keys.length);
});
