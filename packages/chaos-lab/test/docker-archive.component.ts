import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packDirectory, writeDockerArchive } from '../src/build/docker-archive.ts';
import { runCommand } from '../src/build/run-command.ts';
import { ensureHost, hasImage, loadImage, removeImage } from '../src/host/index.ts';
import { silentProgress } from '../src/progress.ts';

test('the Docker engine loads an archive that was written without one', async () => {
  await ensureHost({ progress: silentProgress, need: ['engine'] });
  const dir = await mkdtemp(join(tmpdir(), 'archive-'));
  const ref = `cnpg-chaos.lab/archive-test:${process.pid}`;
  try {
    const layers: string[] = [];
    for (const name of ['below', 'above']) {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, name), name);
      layers.push(join(dir, `${name}.tar`));
      await packDirectory(join(dir, name), join(dir, `${name}.tar`));
    }
    const architecture = (await runCommand(['dpkg', '--print-architecture'])).trim();
    const archive = join(dir, 'image.tar');
    await writeDockerArchive({ ref, architecture, config: { User: '26' }, layers }, archive, dir);

    expect(await hasImage(ref)).toBe(false);
    await loadImage(archive);
    expect(await hasImage(ref)).toBe(true);

    await writeFile(archive, 'no archive at all');
    await expect(loadImage(archive)).rejects.toThrow(archive);
  } finally {
    await removeImage(ref);
    await rm(dir, { recursive: true });
  }
});
