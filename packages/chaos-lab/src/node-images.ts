import { execInContainer } from './docker.ts';
import type { BuiltImage, ImageName } from './build/index.ts';

/** Images that workers hold, in the order in which they are needed. The node image itself is Docker's. */
export const workerImages: readonly ImageName[] = [
  'pause',
  'coredns',
  'busybox',
  'local-path-provisioner',
  'operator',
  'chaos-daemon',
  'chaos-mesh',
  'operand',
];

const repository = 'cnpg-chaos.lab/';

/** Names of the lab's images that containerd on a node has. */
export async function imagesOn(container: string): Promise<Set<string>> {
  const out = await execInContainer(container, ['ctr', '-n', 'k8s.io', 'images', 'ls', '-q']);
  return new Set(out.split('\n').filter((line) => line.startsWith(repository)));
}

/** Imports the images that a node lacks, one after the other. Returns what was imported. */
export async function importImages(
  container: string,
  images: Record<ImageName, BuiltImage>,
  options: { signal?: AbortSignal | undefined; onImported?: (name: ImageName) => void } = {},
): Promise<ImageName[]> {
  const have = await imagesOn(container);
  const lacking = workerImages.filter((name) => !have.has(images[name].ref));
  for (const name of lacking) {
    await execInContainer(container, ['ctr', '-n', 'k8s.io', 'images', 'import', '-'], {
      inputFile: images[name].archive,
      timeoutMs: 300_000,
      signal: options.signal,
    });
    options.onImported?.(name);
  }
  return lacking;
}

/** Removes the lab's images that a node no longer needs; the cache has them if they are ever asked for again. */
export async function dropOldImages(container: string, images: Record<ImageName, BuiltImage>): Promise<void> {
  const wanted = new Set(workerImages.map((name) => images[name].ref));
  const old = [...(await imagesOn(container))].filter((ref) => !wanted.has(ref));
  if (old.length > 0) await execInContainer(container, ['ctr', '-n', 'k8s.io', 'images', 'rm', ...old]);
}
