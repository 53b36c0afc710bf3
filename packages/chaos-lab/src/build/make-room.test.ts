import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheLayout } from './cache-dir.ts';
import { makeRoom, roomForWork } from './make-room.ts';

test('the build cache goes when the disk gets tight, and only then', async () => {
  const layout = cacheLayout(await mkdtemp(join(tmpdir(), 'room-')));
  try {
    await mkdir(layout.goBuildCache, { recursive: true });
    expect(await makeRoom(layout, async () => roomForWork)).toBe(false);
    await access(layout.goBuildCache);
    expect(await makeRoom(layout, async () => roomForWork - 1)).toBe(true);
    await expect(access(layout.goBuildCache)).rejects.toThrow('ENOENT');
    expect(await makeRoom(layout, async () => 0)).toBe(false);
  } finally {
    await rm(layout.root, { recursive: true });
  }
});
