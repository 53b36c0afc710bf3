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
  'agent',
  'client',
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

/** A name in containerd's image list and what it stands for. */
export interface NodeImage {
  ref: string;
  digest: string;
}

/** Parses `ctr images ls`. */
export function parseNodeImages(text: string): NodeImage[] {
  return text.split('\n').flatMap((line) => {
    const [ref, , digest] = line.split(/\s+/);
    return ref && digest?.startsWith('sha256:') ? [{ ref, digest }] : [];
  });
}

/**
 * The names to remove from a node: of the lab's images, those that are neither `wanted` nor mentioned in `used`, and the
 * names by digest that containerd's CRI gave to the same images, without which they would not be freed.
 */
export function unneeded(images: readonly NodeImage[], wanted: ReadonlySet<string>, used: string): string[] {
  const named = images.filter(({ ref }) => ref.startsWith(repository));
  const old = named.filter(({ ref }) => !wanted.has(ref) && !used.includes(`"${ref}"`));
  const kept = new Set(named.filter((image) => !old.includes(image)).map(({ digest }) => digest));
  const freed = new Set(old.map(({ digest }) => digest).filter((digest) => !kept.has(digest)));
  const byDigest = images.filter(({ ref, digest }) => ref.startsWith('sha256:') && freed.has(digest));
  return [...old, ...byDigest].map(({ ref }) => ref);
}

/**
 * Removes the lab's images that a node no longer needs. `used` is the JSON of everything that may name an image: a
 * Cluster goes on with the image it was made with.
 */
export async function dropOldImages(
  container: string,
  images: Record<ImageName, BuiltImage>,
  used: () => Promise<string>,
): Promise<void> {
  const wanted = new Set(workerImages.map((name) => images[name].ref));
  if ([...(await imagesOn(container))].every((ref) => wanted.has(ref))) return;
  const listed = parseNodeImages(await execInContainer(container, ['ctr', '-n', 'k8s.io', 'images', 'ls']));
  const old = unneeded(listed, wanted, await used());
  if (old.length > 0) await execInContainer(container, ['ctr', '-n', 'k8s.io', 'images', 'rm', ...old]);
}
