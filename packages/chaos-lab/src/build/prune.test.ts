import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { architectureOf } from './architecture.ts';
import { cacheLayout, type CacheLayout } from './cache-dir.ts';
import { planComponents } from './component-plan.ts';
import { withLock } from './process-lock.ts';
import { prune } from './prune.ts';

let layout: CacheLayout;
let needed: string;
beforeEach(async () => {
  vi.stubEnv('XDG_CACHE_HOME', await mkdtemp(join(tmpdir(), 'prune-')));
  vi.stubEnv('DOCKER_HOST', 'unix:///nonexistent/docker.sock');
  layout = cacheLayout();
  const [pause] = await planComponents(['pause'], architectureOf(process.arch) ?? 'amd64');
  needed = pause?.key ?? '';
  for (const path of [
    join('artefacts', 'pause', needed),
    join('artefacts', 'pause', 'old'),
    'tmp',
    'go/mod',
    'tools/go',
  ]) {
    await mkdir(join(layout.root, path), { recursive: true });
    await writeFile(join(layout.root, path, 'file'), 'x'.repeat(10_000));
  }
});
afterEach(async () => {
  await rm(join(layout.root, '..'), { recursive: true });
  vi.unstubAllEnvs();
});

const artefacts = () => readdir(join(layout.artefacts, 'pause'));

test('keeps what this checkout needs, and the toolchain', async () => {
  const { removed, bytes } = await prune();
  expect(removed.sort()).toEqual([join(layout.artefacts, 'pause', 'old'), layout.goModCache, layout.tmp].sort());
  expect(bytes).toBeGreaterThan(30_000);
  expect(await artefacts()).toEqual([needed]);
});

test('with "all" nothing stays', async () => {
  await prune({ all: true });
  expect(await artefacts()).toEqual([]);
  expect(await readdir(join(layout.root, 'tools'))).toEqual([]);
});

test('does not take a running build its directory and caches', async () => {
  await withLock(join(layout.locks, 'pause-x'), async () => {
    expect((await prune()).removed).toEqual([join(layout.artefacts, 'pause', 'old')]);
  });
});

test('an empty cache is nothing to do', async () => {
  await rm(layout.root, { recursive: true });
  expect(await prune()).toEqual({ removed: [], bytes: 0 });
  await mkdir(layout.root);
});
