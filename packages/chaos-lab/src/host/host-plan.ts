import { architectureOf } from '../build/architecture.ts';
import { HostError } from './host-error.ts';

/**
 * What the machine is needed for: an `engine` that runs single containers; `docker` for a whole lab, which also needs
 * routes and more inotify instances; building `images` out of Debian packages; `compilers` for Go and C; `build` is
 * images and compilers.
 */
export type HostNeed = 'engine' | 'docker' | 'images' | 'compilers' | 'build';

/** What was found on the machine. */
export interface HostFacts {
  /** `process.platform` and `process.arch`. */
  platform: string;
  arch: string;
  isRoot: boolean;
  /** Programs and files that were looked for and found, by the names of `requirements`. */
  found: ReadonlySet<string>;
  hasApt: boolean;
  /** A Docker engine answers. */
  engineAnswers: boolean;
  /** Why it does not. */
  engineProblem?: string | undefined;
  /** Free bytes where the cache is and, when it is there, where the engine keeps its data: the smaller. */
  freeBytes: number;
  /** Free bytes of the directory for temporary files. */
  freeTmpBytes: number;
  /** fs.inotify.max_user_instances. */
  inotifyInstances: number;
}

/** What has to be done before the machine is ready. */
export interface HostPlan {
  /** Debian packages to install. */
  install: string[];
  startEngine: boolean;
  raiseInotify: boolean;
}

/** A program or file that something needs, and the Debian packages that bring it. */
export interface Requirement {
  name: string;
  /** Looked for on PATH, or as a file when it starts with a slash. */
  looksFor: string;
  packages: string[];
  neededFor: HostNeed[];
  /** Root does without it. */
  notForRoot?: boolean;
}

/** What the lab uses of the machine beside the Docker engine and Go. */
export const requirements: readonly Requirement[] = [
  { name: 'mmdebstrap', looksFor: 'mmdebstrap', packages: ['mmdebstrap'], neededFor: ['images', 'build'] },
  {
    name: "Debian's archive keys",
    looksFor: '/usr/share/keyrings/debian-archive-keyring.gpg',
    packages: ['debian-archive-keyring'],
    neededFor: ['images', 'build'],
  },
  {
    name: 'newuidmap',
    looksFor: 'newuidmap',
    packages: ['uidmap'],
    neededFor: ['images', 'build'],
    notForRoot: true,
  },
  { name: 'gcc', looksFor: 'gcc', packages: ['gcc'], neededFor: ['compilers', 'build'] },
  { name: 'C headers', looksFor: '/usr/include/stdio.h', packages: ['libc6-dev'], neededFor: ['compilers', 'build'] },
  {
    name: 'CA certificates',
    looksFor: '/etc/ssl/certs/ca-certificates.crt',
    packages: ['ca-certificates'],
    neededFor: ['compilers', 'build'],
  },
  { name: 'ip', looksFor: 'ip', packages: ['iproute2'], neededFor: ['docker'] },
];

/** Found when the machine has a Go that is new enough, or pip to get one. */
export const goOrPip: Requirement = {
  name: 'Go, or pip to install it',
  looksFor: 'go or pip',
  packages: ['python3', 'python3-pip'],
  neededFor: ['compilers', 'build'],
};

const engine: Requirement = {
  name: 'Docker engine',
  looksFor: 'dockerd',
  packages: ['docker.io'],
  neededFor: ['engine', 'docker'],
};

/** All that `HostFacts.found` may name. */
export const allRequirements: readonly Requirement[] = [...requirements, goOrPip, engine];

const gib = 1024 ** 3;
/**
 * Free disk that is asked for: images in the cache (1.3 GB), in the engine and on three nodes (2 GB), Go modules (2.4 GB)
 * and what compiling one component leaves (up to 2.5 GB; more is removed when the disk gets tight).
 */
export const neededFreeBytes: Readonly<Record<HostNeed, number>> = {
  engine: gib,
  images: 2 * gib,
  compilers: 8 * gib,
  build: 8 * gib,
  docker: 8 * gib,
};

/** Free bytes asked for in the directory for temporary files, where root file systems are unpacked. */
export const neededTmpBytes = gib;

/** fs.inotify.max_user_instances that a lab asks for. Three kubelets use up the kernel's default of 128. */
export const neededInotifyInstances = 1024;

/**
 * Decides what to do. Looks at nothing but its arguments.
 * @throws HostError with everything that the lab cannot or must not change by itself
 */
export function planHost(facts: HostFacts, needs: readonly HostNeed[]): HostPlan {
  if (facts.platform !== 'linux' || !architectureOf(facts.arch)) {
    throw new HostError([
      `the lab runs on Linux x64 and arm64 only, this is ${facts.platform} ${facts.arch}. Elsewhere, use an existing cluster.`,
    ]);
  }
  const problems: string[] = [];
  const commands: string[] = [];

  const needsEngine = needs.includes('engine') || needs.includes('docker');
  const missing = requirements
    .concat(goOrPip, needsEngine && !facts.engineAnswers ? engine : [])
    .filter((it) => !(it.notForRoot && facts.isRoot))
    .filter((it) => it.neededFor.some((need) => needs.includes(need)) && !facts.found.has(it.name));
  const install = missing.flatMap((it) => it.packages);
  const startEngine = needsEngine && !facts.engineAnswers;
  const raiseInotify = needs.includes('docker') && facts.inotifyInstances < neededInotifyInstances;

  if (missing.length > 0 && !(facts.isRoot && facts.hasApt)) {
    const packages = `Debian and Ubuntu packages ${install.join(' ')}`;
    problems.push(
      `${missing.map((it) => it.name).join(', ')} not found, and ${
        facts.hasApt ? 'only root can install' : 'there is no apt-get to install'
      } them (${packages})`,
    );
    if (facts.hasApt) commands.push(`apt-get install -y --no-install-recommends ${install.join(' ')}`);
  }
  if (startEngine && !facts.isRoot) {
    const why = facts.engineProblem ? `: ${facts.engineProblem}` : '';
    problems.push(
      `no Docker engine answers${why}, and only root can start one (or the user is not in the group docker)`,
    );
    commands.push('systemctl start docker');
  }
  if (raiseInotify && !facts.isRoot) {
    problems.push(`fs.inotify.max_user_instances is ${facts.inotifyInstances}, a lab needs ${neededInotifyInstances}`);
    commands.push(`sysctl -w fs.inotify.max_user_instances=${neededInotifyInstances}`);
  }
  const needed = Math.max(0, ...needs.map((need) => neededFreeBytes[need]));
  if (facts.freeBytes < needed) {
    problems.push(
      `${(facts.freeBytes / gib).toFixed(1)} GiB of disk are free, ${needed / gib} GiB are needed; "chaos-lab prune" removes old builds`,
    );
  }
  if (needs.some((need) => need === 'images' || need === 'build') && facts.freeTmpBytes < neededTmpBytes) {
    problems.push(
      `${(facts.freeTmpBytes / gib).toFixed(1)} GiB are free for temporary files, 1 GiB is needed; TMPDIR names the place`,
    );
  }
  if (problems.length > 0) {
    const sudo = commands.map((command) => (facts.isRoot ? command : `sudo ${command}`));
    throw new HostError(problems, sudo.length > 0 ? sudo.join(' && ') : undefined);
  }
  return { install, startEngine, raiseInotify };
}
