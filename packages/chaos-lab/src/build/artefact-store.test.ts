import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureArtefact, findArtefact } from './artefact-store.ts';
import { cacheLayout, type CacheLayout } from './cache-dir.ts';

let layout: CacheLayout;
let builds: number;
beforeEach(async () => {
  layout = cacheLayout(await mkdtemp(join(tmpdir(), 'store-')));
  builds = 0;
});
afterEach(() => rm(layout.root, { recursive: true }));

async function build(dir: string) {
  builds++;
  await writeFile(join(dir, 'image.tar'), 'content');
  await writeFile(join(dir, 'scratch'), 'x');
  return { versions: { bash: '5' }, ref: 'r:1', files: ['image.tar'] };
}
const ensure = () => ensureArtefact(layout, 'c', 'k', build);

test('is built once; what the build does not name is dropped', async () => {
  const first = await ensure();
  const second = await ensure();
  expect([first.cached, second.cached, builds]).toEqual([false, true, 1]);
  expect(second.artefact.metadata).toMatchObject({ versions: { bash: '5' }, ref: 'r:1', files: { 'image.tar': 7 } });
  expect((await readdir(first.artefact.dir)).sort()).toEqual(['image.tar', 'meta.json']);
  expect(await readdir(layout.tmp)).toEqual([]);
});

test('at the same time: built once, the others get it', async () => {
  const results = await Promise.all([ensure(), ensure(), ensure()]);
  expect(builds).toBe(1);
  expect(results.filter((result) => !result.cached)).toHaveLength(1);
});

test.for([
  ['a file is gone', (dir: string) => rm(join(dir, 'image.tar'))],
  ['a file is short', (dir: string) => truncate(join(dir, 'image.tar'), 3)],
  ['the metadata is gone', (dir: string) => rm(join(dir, 'meta.json'))],
  ['the metadata is no JSON', (dir: string) => writeFile(join(dir, 'meta.json'), '{')],
  ['the metadata lacks a field', (dir: string) => writeFile(join(dir, 'meta.json'), '{"component":"c"}')],
] as const)('is built again when %s', async ([, damage]) => {
  const { artefact } = await ensure();
  await damage(artefact.dir);
  expect(await findArtefact(layout, 'c', 'k')).toBeUndefined();
  const again = await ensure();
  expect([again.cached, builds]).toEqual([false, 2]);
  expect(await findArtefact(layout, 'c', 'k')).toBeDefined();
});

test('what a killed build left does not get into the next', async () => {
  const work = join(layout.tmp, 'c-k');
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'old'), '');
  await ensureArtefact(layout, 'c', 'k', async (dir) => {
    expect(await readdir(dir)).toEqual([]);
    return build(dir);
  });
  expect(await readdir(layout.tmp)).toEqual([]);
});

test('a build that fails leaves nothing', async () => {
  const failing = ensureArtefact(layout, 'c', 'k', async (dir) => {
    await writeFile(join(dir, 'image.tar'), 'half');
    throw new Error('no space');
  });
  await expect(failing).rejects.toThrow('no space');
  expect(await findArtefact(layout, 'c', 'k')).toBeUndefined();
  expect(await readdir(layout.tmp)).toEqual([]);
  expect(await readdir(layout.locks)).toEqual([]);
});
