/**
 * Folders that must not lie on the container's overlay file system, by purpose: overlay on overlay fails, and databases
 * live here. They are volumes with a name and the lab's label, so that they are found also when their container was
 * removed by hand.
 */
export const volumes: Record<'worker' | 'control-plane', Record<string, string>> = {
  worker: { containerd: '/var/lib/containerd', kubelet: '/var/lib/kubelet', volumes: '/var/lib/lab' },
  'control-plane': { etcd: '/var/lib/etcd' },
};

/** Name of a node's volume. */
export const volumeName = (container: string, purpose: string): string => `${container}-${purpose}`;

/** Part of the container's host configuration: what privileged mode would give, without it. */
export const hostConfig = {
  CapAdd: ['ALL'],
  // Missing on some hosts even for root, where asking for it (or for privileged mode) fails. Dropped everywhere, so
  // that the lab is the same everywhere.
  CapDrop: ['SYS_RESOURCE'],
  SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined', 'label=disable'],
  // What the docker client makes of `systempaths=unconfined`; the engine does not know that word.
  MaskedPaths: [] as string[],
  ReadonlyPaths: [] as string[],
  DeviceCgroupRules: ['a *:* rwm'],
  CgroupnsMode: 'private' as const,
  Tmpfs: { '/run': 'exec,mode=755', '/tmp': 'exec,mode=1777' },
};

/** Everything about the container itself that, when changed, asks for a new container. */
export const containerSpec: string = JSON.stringify([volumes, hostConfig]);
