import type { BuiltLab, ImageName } from './build/index.ts';

// Of the hundreds of versions inside the images these are what a report is read by.
const named: readonly [name: string, image: ImageName, inside: string][] = [
  ['cloudnative-pg', 'operator', 'github.com/cloudnative-pg/cloudnative-pg'],
  ['chaos-mesh', 'chaos-mesh', 'github.com/chaos-mesh/chaos-mesh'],
  ['coredns', 'coredns', 'github.com/coredns/coredns'],
  ['local-path-provisioner', 'local-path-provisioner', 'github.com/rancher/local-path-provisioner'],
  ['containerd', 'node', 'containerd'],
  ['runc', 'node', 'runc'],
  ['etcd', 'node', 'etcd-server'],
];

/** Versions of what runs in the lab, for people and reports; what an image does not tell is left out. */
export function versionsOf(built: {
  kubernetes: Pick<BuiltLab['kubernetes'], 'version'>;
  images: Record<ImageName, { versions: Readonly<Record<string, string>> }>;
}): Record<string, string> {
  const versions: Record<string, string> = { kubernetes: built.kubernetes.version };
  for (const [name, image, inside] of named) {
    const version = built.images[image].versions[inside];
    if (version !== undefined) versions[name] = version;
  }
  const [, postgresql] =
    Object.entries(built.images.operand.versions).find(([name]) => /^postgresql-\d+$/.test(name)) ?? [];
  if (postgresql !== undefined) versions['postgresql'] = postgresql;
  return versions;
}
