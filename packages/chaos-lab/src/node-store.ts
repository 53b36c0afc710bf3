import { createHash } from 'node:crypto';
import { cp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuiltImage, ImageName } from './build/index.ts';
import { createVolume, docker, execInContainer, removeContainers, removeVolumes } from './docker.ts';
import { hostConfig } from './node-container-spec.ts';
import { importImages, workerImages } from './node-images.ts';
import { fill, readManifest } from './package-files.ts';
import { found, poll } from './poll.ts';
import { run, tryRun } from './run.ts';
import { labLabel, type Topology } from './topology.ts';

/** Docker label of the images that hold a store. */
export const storeLabel = 'cnpg-chaos/node-store';

/** What {@link NodeStore} is made of. */
export interface NodeStoreOptions {
  topology: Topology;
  images: Record<ImageName, BuiltImage>;
  signal?: AbortSignal | undefined;
}

/**
 * A containerd folder with all images unpacked, kept as an image of the Docker engine. Nodes get hard links into that
 * image's layer: neither containerd nor overlay mounts ever write into what is unpacked, so three nodes share one copy
 * on disk and in the page cache, and are filled in a second instead of twenty.
 */
export class NodeStore {
  readonly #topology: Topology;
  readonly #images: Record<ImageName, BuiltImage>;
  readonly #signal: AbortSignal | undefined;
  readonly #ref: string;

  constructor({ topology, images, signal }: NodeStoreOptions) {
    this.#topology = topology;
    this.#images = images;
    this.#signal = signal;
    this.#ref = `cnpg-chaos.lab/node-store:${storeKey(images).slice(0, 12)}`;
  }

  /** True when this process can make links in the engine's folders: as root, beside the engine, with layers as folders. */
  static async isPossible(): Promise<boolean> {
    if (process.getuid?.() !== 0) return false;
    const [driver, root] = (await docker(['info', '--format={{.Driver}} {{.DockerRootDir}}'])).trim().split(' ');
    return driver === 'overlay2' && root !== undefined && (await exists(join(root, 'overlay2')));
  }

  /** Makes the store unless it is there. `onProgress` hears what is being done. Returns whether it was there. */
  async ensure(onProgress: (what: string) => void): Promise<boolean> {
    if ((await this.#layer()) !== undefined) return true;
    const { lab } = this.#topology;
    const helper = `${lab}-node-store`;
    try {
      await removeContainers([helper]);
      await removeVolumes([helper]);
      const folder = await createVolume(lab, helper);
      await this.#startContainerd(helper);
      await importImages(helper, this.#images, { signal: this.#signal, onImported: onProgress });
      await docker(['stop', '--time=20', helper]);
      onProgress('kept for the next time');
      const pack = `set -o pipefail; tar --create --xattrs --directory "$1" . | docker import --change "LABEL ${storeLabel}=1" - "$2"`;
      await run(['bash', '-c', pack, 'pack', folder, this.#ref], { timeoutMs: 300_000, signal: this.#signal });
    } finally {
      await removeContainers([helper]);
      await removeVolumes([helper]);
    }
    return false;
  }

  /** Fills an empty folder with links to the store. Databases, which containerd writes into, are copied. */
  async link(target: string): Promise<void> {
    const source = await this.#layer();
    if (source === undefined) return; // images are then imported
    await run(['cp', '--archive', '--link', '--no-target-directory', source, target], { signal: this.#signal });
    const files = await readdir(target, { recursive: true });
    for (const file of files.filter((name) => name.endsWith('.db'))) {
      const own = join(target, file);
      await rm(own);
      await cp(join(source, file), own, { preserveTimestamps: true });
    }
  }

  async #layer(): Promise<string | undefined> {
    const { exitCode, stdout } = await tryRun([
      'docker',
      'image',
      'inspect',
      '--format={{.GraphDriver.Data.UpperDir}}',
      this.#ref,
    ]);
    const folder = stdout.trim();
    return exitCode === 0 && (await exists(folder)) ? folder : undefined;
  }

  async #startContainerd(container: string): Promise<void> {
    const config = fill(await readManifest('node/containerd.toml'), { PAUSE_IMAGE: this.#images.pause.ref });
    await docker([
      'run',
      '--detach',
      '--interactive',
      `--name=${container}`,
      `--label=${labLabel}=${this.#topology.lab}`,
      '--network=none',
      ...hostConfig.CapAdd.map((name) => `--cap-add=${name}`),
      ...hostConfig.CapDrop.map((name) => `--cap-drop=${name}`),
      ...hostConfig.SecurityOpt.map((option) => `--security-opt=${option}`),
      '--tmpfs=/run',
      `--volume=${container}:/var/lib/containerd`,
      '--entrypoint=/usr/bin/tini',
      this.#images.node.ref,
      '--',
      'sh',
      '-c',
      'until [ -s /etc/containerd/config.toml ]; do sleep 0.05; done; exec containerd --config /etc/containerd/config.toml',
    ]);
    await execInContainer(
      container,
      ['sh', '-c', 'cat >/tmp/config && mkdir -p /etc/containerd && mv /tmp/config /etc/containerd/config.toml'],
      {
        input: config,
      },
    );
    await poll(
      'containerd of the image store',
      async () => found(await execInContainer(container, ['ctr', 'version'])),
      {
        timeoutMs: 30_000,
        signal: this.#signal,
      },
    );
  }
}

/** Two stores with equal keys hold the same images, written by the same containerd. */
export function storeKey(images: Record<ImageName, Pick<BuiltImage, 'ref' | 'key'>>): string {
  const parts = ['node' as const, ...workerImages].map((name) => [images[name].ref, images[name].key]);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
