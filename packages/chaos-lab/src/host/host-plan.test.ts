import { expect, test } from 'vitest';
import { HostError } from './host-error.ts';
import { allRequirements, planHost, type HostFacts, type HostNeed } from './host-plan.ts';

const gib = 1024 ** 3;
const everything = new Set(allRequirements.map((it) => it.name));
const good: HostFacts = {
  platform: 'linux',
  arch: 'x64',
  isRoot: true,
  found: everything,
  hasApt: true,
  engineAnswers: true,
  freeBytes: 100 * gib,
  freeTmpBytes: 100 * gib,
  inotifyInstances: 8192,
};
const all: HostNeed[] = ['docker', 'build'];
const without = (...names: string[]) => new Set([...everything].filter((name) => !names.includes(name)));

function problemsOf(facts: Partial<HostFacts>, needs = all): HostError {
  try {
    planHost({ ...good, ...facts }, needs);
  } catch (error) {
    if (error instanceof HostError) return error;
    throw error;
  }
  throw new Error('no HostError');
}

test('a machine that has everything needs nothing, root or not', () => {
  const nothing = { install: [], startEngine: false, raiseInotify: false };
  expect(planHost(good, all)).toEqual(nothing);
  expect(planHost({ ...good, isRoot: false, hasApt: false }, all)).toEqual(nothing);
});

test('root on Debian: packages are installed, the engine started, the limit raised', () => {
  const facts = { ...good, found: new Set<string>(), engineAnswers: false, inotifyInstances: 128 };
  const plan = planHost(facts, all);
  expect(plan).toMatchObject({ startEngine: true, raiseInotify: true });
  for (const name of ['docker.io', 'mmdebstrap', 'gcc', 'libc6-dev', 'iproute2', 'python3-pip']) {
    expect(plan.install).toContain(name);
  }
});

test('only what is needed is asked for', () => {
  const bare = { ...good, found: new Set<string>(), engineAnswers: false, inotifyInstances: 128, freeBytes: 3 * gib };
  expect(planHost(bare, ['engine'])).toEqual({ install: ['docker.io'], startEngine: true, raiseInotify: false });
  expect(planHost(bare, ['images']).install).toEqual(['mmdebstrap', 'debian-archive-keyring']);
  expect(planHost(bare, ['engine', 'images']).install).not.toContain('gcc');
});

test('an engine that answers is used, wherever it comes from', () => {
  expect(planHost({ ...good, found: without('Docker engine') }, all).install).toEqual([]);
});

test('not root: one error with the exact command', () => {
  const error = problemsOf({
    isRoot: false,
    found: without('Docker engine', 'mmdebstrap'),
    engineAnswers: false,
    engineProblem: 'connect EACCES',
    inotifyInstances: 128,
  });
  expect(error.problems).toHaveLength(3);
  expect(error.message).toContain('connect EACCES');
  expect(error.command).toBe(
    'sudo apt-get install -y --no-install-recommends mmdebstrap docker.io && sudo systemctl start docker && sudo sysctl -w fs.inotify.max_user_instances=1024',
  );
});

test('what only ordinary users need is not asked of root', () => {
  const found = without('newuidmap');
  expect(planHost({ ...good, found }, all).install).toEqual([]);
  expect(problemsOf({ found, isRoot: false }).command).toContain('uidmap');
});

test('no apt: the packages are named, no command is made up', () => {
  const error = problemsOf({ hasApt: false, found: without('mmdebstrap') });
  expect(error.message).toContain('mmdebstrap');
  expect(error.command).toBeUndefined();
});

test('little disk: an error even when the rest could be done', () => {
  const error = problemsOf({ freeBytes: 7.5 * gib });
  expect(error.message).toContain('7.5 GiB of disk are free, 8 GiB are needed');
});

test('little room for temporary files is an error where it is needed', () => {
  expect(problemsOf({ freeTmpBytes: gib / 2 }).message).toContain('0.5 GiB are free for temporary files');
  expect(() => planHost({ ...good, freeTmpBytes: 0 }, ['docker'])).not.toThrow();
});

test.for([
  ['darwin', 'arm64'],
  ['linux', 'ia32'],
  ['linux', 'riscv64'],
] as const)('%s %s is refused', ([platform, arch]) => {
  const error = problemsOf({ platform, arch });
  expect(error.message).toContain(`Linux x64 and arm64 only, this is ${platform} ${arch}`);
});
