import type { Progress } from '../progress.ts';

/** Names of the images that a lab is made of. */
export const imageNames = [
  'node',
  'operand',
  'operator',
  'chaos-mesh',
  'chaos-daemon',
  'agent',
  'client',
  'coredns',
  'local-path-provisioner',
  'busybox',
  'pause',
] as const;

/** One of the images that a lab is made of. */
export type ImageName = (typeof imageNames)[number];

/** Folder below `components/` that makes an image. */
export function componentOf(image: ImageName): string {
  return image === 'operator' ? 'cnpg' : image;
}

/** Options of `buildComponents`. */
export interface BuildOptions {
  progress: Progress;
  /** Ends running commands; what was half built leaves no cache entry. */
  signal?: AbortSignal;
  /** Build only these images and what they are made of. Default: all. */
  only?: readonly ImageName[];
}

/** An image in the cache. */
export interface BuiltImage {
  component: ImageName;
  /** 64 hex digits over everything the image is made of. */
  key: string;
  /** Name and tag, for instance `cnpg-chaos.lab/coredns:0123456789ab`. The operand's tag starts with its PostgreSQL version. */
  ref: string;
  /** Path of the archive, in the format of `docker save`, as `docker load` and `ctr images import` read it. */
  archive: string;
  /** Bytes of the archive. */
  bytes: number;
  /** Versions of what is inside: Go modules or Debian packages. */
  versions: Readonly<Record<string, string>>;
  /** Loads the image into the Docker engine unless it is there. */
  loaded(): Promise<void>;
}

/** Everything that a lab is made of, in the cache. */
export interface BuiltLab {
  images: Record<ImageName, BuiltImage>;
  /** The multi-call binary `kubernetes`, which the node image also holds in /usr/local/bin with a link per program. */
  kubernetes: { dir: string; version: string; key: string };
  /** Manifests as the modules ship them. Image names in them are those of the upstream projects. */
  manifests: {
    /** Path of the release manifest of the CNPG operator. */
    cnpg: string;
    /** Path of the custom resource definitions of Chaos Mesh. */
    chaosMeshCrds: string;
  };
  /** Hash over all component keys: equal keys mean equal labs. */
  key: string;
  /** Components that the cache answered. */
  cached: string[];
  /** Components that were built. */
  built: string[];
}
