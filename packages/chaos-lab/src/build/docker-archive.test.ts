import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packDirectory, writeDockerArchive } from './docker-archive.ts';
import { runCommand } from './run-command.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'archive-'));
});
afterEach(() => rm(dir, { recursive: true }));

const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex');

test('names its image and lists layers by what they contain', async () => {
  await mkdir(join(dir, 'root'));
  await writeFile(join(dir, 'root', 'file'), 'x');
  await packDirectory(join(dir, 'root'), join(dir, 'layer.tar'));
  const image = { ref: 'a/b:1', architecture: 'arm64', config: { User: '26' }, layers: [join(dir, 'layer.tar')] };
  await writeDockerArchive(image, join(dir, 'image.tar'), dir);

  const out = join(dir, 'out');
  await mkdir(out);
  await runCommand(['tar', '-xf', join(dir, 'image.tar'), '-C', out]);
  const [manifest] = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'));
  const layer = sha256(await readFile(join(dir, 'layer.tar')));
  expect(manifest).toMatchObject({ RepoTags: ['a/b:1'], Layers: [`${layer}.tar`] });
  expect(sha256(await readFile(join(out, manifest.Layers[0])))).toBe(layer);
  const config = await readFile(join(out, manifest.Config), 'utf8');
  expect(manifest.Config).toBe(`${sha256(config)}.json`);
  expect(JSON.parse(config)).toMatchObject({
    architecture: 'arm64',
    config: { User: '26' },
    rootfs: { diff_ids: [`sha256:${layer}`] },
  });
  expect((await readdir(dir)).sort()).toEqual(['image.tar', 'layer.tar', 'out', 'root']);
});

test('the same input gives the same bytes', async () => {
  await mkdir(join(dir, 'root'));
  await writeFile(join(dir, 'root', 'file'), 'x');
  const digests: string[] = [];
  for (const name of ['1.tar', '2.tar']) {
    await writeFile(join(dir, 'root', 'file'), 'x'); // another time stamp
    await packDirectory(join(dir, 'root'), join(dir, name));
    digests.push(sha256(await readFile(join(dir, name))));
  }
  expect(digests[0]).toBe(digests[1]);
});
