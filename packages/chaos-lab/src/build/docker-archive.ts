import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runCommand } from './run-command.ts';

/** The part of an image's configuration that the lab sets, named as in the OCI image specification. */
export interface ImageConfig {
  User?: string | undefined;
  Env?: string[] | undefined;
  Entrypoint?: string[] | undefined;
  Cmd?: string[] | undefined;
  WorkingDir?: string | undefined;
}

/** What `writeDockerArchive` packs. */
export interface DockerArchive {
  /** Name and tag. */
  ref: string;
  /** Architecture in Go's words: `amd64` or `arm64`. */
  architecture: string;
  config: ImageConfig;
  /** Paths of uncompressed layer tars, the lowest first. */
  layers: string[];
}

/**
 * Writes an image as `docker save` does, without a Docker engine. Engine and containerd then share layers that they
 * already have. The result depends on its input alone: no times are written.
 * @param work an existing directory on the file system of the layers, which are linked into it
 */
export async function writeDockerArchive(
  image: DockerArchive,
  archive: string,
  work: string,
  options: { log?: string; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const stage = join(work, '.docker-archive');
  await mkdir(stage);
  const diffIds: string[] = [];
  for (const layer of image.layers) {
    const digest = await sha256File(layer);
    diffIds.push(`sha256:${digest}`);
    await link(layer, join(stage, `${digest}.tar`));
  }
  const config = JSON.stringify({
    architecture: image.architecture,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const configFile = `${createHash('sha256').update(config).digest('hex')}.json`;
  await writeFile(join(stage, configFile), config);
  const manifest = [
    {
      Config: configFile,
      RepoTags: [image.ref],
      Layers: diffIds.map((id) => `${id.slice('sha256:'.length)}.tar`),
    },
  ];
  await writeFile(join(stage, 'manifest.json'), JSON.stringify(manifest));
  await packDirectory(stage, archive, options);
  await rm(stage, { recursive: true });
}

/** Packs the contents of a directory: sorted, owned by root, without times. */
export async function packDirectory(
  dir: string,
  tarFile: string,
  options: { log?: string; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--hard-dereference'];
  await runCommand(['tar', ...reproducible, '-cf', tarFile, '-C', dir, '.'], options);
}

async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
