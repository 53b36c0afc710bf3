import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildImages } from '../../src/build/build.ts';
import { docker, execInContainer } from '../../src/docker.ts';
import { ensureHost } from '../../src/host/index.ts';
import { silentProgress } from '../../src/progress.ts';
import { tryRun } from '../../src/run.ts';

// The agent on a container that looks like a node; see fake-node.sh. What needs a real cluster is in suites/contract.
const name = `cnpg-chaos-agent-test-${process.pid}`;
const script = fileURLToPath(new URL('fake-node.sh', import.meta.url));
const one = { uid: '00000001-0000-4000-8000-000000000000', container: '1'.repeat(64), ip: '10.9.0.1' };
const two = { uid: '00000002-0000-4000-8000-000000000000', container: '2'.repeat(64), ip: '10.9.0.2' };
const data = '/var/lib/postgresql/data';

beforeAll(async () => {
  await ensureHost({ progress: silentProgress, need: ['engine'] });
  const [image] = await buildImages({ progress: silentProgress, only: ['agent'] });
  if (image === undefined) throw new Error('the agent has no image');
  await image.loaded();
  const rights = ['--cap-add=ALL', '--cap-drop=SYS_RESOURCE', '--device-cgroup-rule=a *:* rwm', '--cgroupns=private'];
  const open = ['seccomp=unconfined', 'systempaths=unconfined', 'apparmor=unconfined'];
  await docker([
    'run',
    '--detach',
    `--name=${name}`,
    ...rights,
    ...open.map((option) => `--security-opt=${option}`),
    '--tmpfs=/run',
    '--volume=/var/lib/kubelet',
    `--volume=${script}:/fake-node.sh:ro`,
    '--entrypoint=bash',
    image.ref,
    '/fake-node.sh',
    'up',
  ]);
  await until('the node', async () => (await tryRun(['docker', 'exec', name, 'test', '-e', '/ready'])).exitCode === 0);
  for (const { uid, container, ip } of [one, two]) {
    await execInContainer(name, ['bash', '/fake-node.sh', 'pod', uid, container, ip.replace(/.*\./, '')]);
  }
}, 300_000);

afterEach(async () => {
  for (const line of await list()) await agent('remove', line.id);
});

afterAll(async () => {
  await tryRun(['docker', 'rm', '--force', '--volumes', name]);
});

async function agent(...verb: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await tryRun(['docker', 'exec', name, 'cnpg-chaos-agent', ...verb]);
  return { exitCode, stdout: stdout.trim(), stderr: stderr.trim() };
}

async function apply(id: string, ...rest: string[]): Promise<void> {
  expect(await agent('apply', id, '60', 'run-1', ...rest)).toMatchObject({ exitCode: 0 });
}

async function list(): Promise<{ id: string; family: string; left: string; run: string; what: string }[]> {
  const { stdout } = await agent('list');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', family = '', left = '', run = '', what = ''] = line.split('\t');
      return { id, family, left, run, what };
    });
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 20 s`);
    await sleep(100);
  }
}

/** Datagrams between the two pods: how many of 20 arrived each way, and the shortest round trip in milliseconds: the others also tell how busy this machine is. */
async function mesh(): Promise<{ forth: number; back: number; rttMs: number }> {
  const probe = (from: typeof one, to: typeof one) =>
    agent('probe', from.uid, 'netprobe', 'mesh', '45000', '500', '20', '5000', '600', to.ip);
  const [here, there] = await Promise.all([probe(one, two), probe(two, one)]);
  const numbers = (text: string) => text.split(' ').map(Number);
  return {
    forth: numbers(there.stdout)[4] ?? -1,
    back: numbers(here.stdout)[4] ?? -1,
    rttMs: (numbers(here.stdout)[8] ?? -1) / 1000,
  };
}

// Through a pipe, as a container runtime reads it: what still writes keeps it open.
const throttled = async () => {
  const verb = `cnpg-chaos-agent iolatency ${one.uid} ${one.container} ${data} 500`;
  return { stdout: (await execInContainer(name, ['bash', '-c', `${verb} 2>&1 | cat`], { timeoutMs: 15_000 })).trim() };
};
const open = { forth: 20, back: 20 };

describe('what it breaks, one sees, and so when it is mended', () => {
  test('a cut of one direction', async () => {
    expect(await mesh()).toMatchObject(open);
    await apply('cut-1', 'cut', one.uid, 'drop', '100', 'none', two.ip, 'none');
    expect(await mesh()).toMatchObject({ forth: 0, back: 20 });
    expect(await agent('remove', 'cut-1')).toMatchObject({ stdout: 'removed' });
    expect(await mesh()).toMatchObject(open);
  });

  test('a rejected connection is told so, a dropped one is not', async () => {
    const connect = () => agent('probe', two.uid, 'netprobe', 'connect', one.ip, '5432', '500');
    await apply('reject-1', 'cut', one.uid, 'reject', '100', 'any', 'any', 'none');
    expect((await connect()).stdout).toBe('refused: Connection refused');
    await agent('remove', 'reject-1');
    await apply('drop-1', 'cut', one.uid, 'drop', '100', 'any', 'any', 'none');
    expect((await connect()).stdout).toBe('timeout');
  });

  test('what the node itself sends is spared when asked for', async () => {
    const fromNode = async () =>
      (await tryRun(['docker', 'exec', name, 'netprobe', 'connect', one.ip, '5432', '500'])).stdout.trim();
    await apply('all-1', 'cut', one.uid, 'drop', '100', 'any', 'any', 'node');
    expect(await fromNode()).toBe('refused: Connection refused');
    expect(await mesh()).toMatchObject({ forth: 0, back: 0 });
  });

  test('latency, without netem', async () => {
    await apply('delay-1', 'delay', one.uid, '100000', '0', two.ip, 'none');
    const { rttMs, ...arrived } = await mesh();
    expect(arrived).toEqual(open);
    expect(Math.abs(rttMs - 100)).toBeLessThan(15);
    await agent('remove', 'delay-1');
    expect((await mesh()).rttMs).toBeLessThan(15);
  });

  test('a limited bandwidth', async () => {
    const rate = async () => {
      const [sink] = await Promise.all([
        agent('probe', one.uid, 'netprobe', 'sink', one.ip, '46000', '300', '1000'),
        agent('probe', two.uid, 'netprobe', 'pour', one.ip, '46000', '1800'),
      ]);
      const [, bytes = 0, , us = 1] = sink.stdout.split(' ').map(Number);
      return (bytes * 8) / us;
    };
    await apply('shape-1', 'shape', one.uid, '10000000', two.ip, 'none');
    const narrow = await rate();
    expect(narrow).toBeGreaterThan(8.5);
    expect(narrow).toBeLessThan(10.5);
    await agent('remove', 'shape-1');
    expect(await rate()).toBeGreaterThan(20);
  });

  test('writes that are never done, and then are', async () => {
    expect((await throttled()).stdout).toMatch(/^writes \d+/);
    await apply('hang-1', 'throttle', one.uid, one.container, data, 'hang');
    expect((await throttled()).stdout).toMatch(/^hung/);
    await agent('remove', 'hang-1');
    expect((await throttled()).stdout).toMatch(/^writes \d+/);
  });

  test('a stopped process, and one that is killed', async () => {
    await apply('stop-1', 'signal', one.uid, one.container, 'checkpointer', 'STOP');
    expect((await agent('signalled', one.uid)).stdout).toMatch(/^checkpointer STOP \d+ stopped$/);
    await agent('remove', 'stop-1');
    expect((await agent('signalled', one.uid)).stdout).toMatch(/running$/);
    await apply('kill-1', 'signal', one.uid, one.container, 'postmaster', 'KILL');
    expect((await agent('signalled', one.uid)).stdout).toMatch(/^postmaster KILL \d+ gone$/);
    expect(await list()).toEqual([]);
  });

  test('a full volume, up to what is to be left', async () => {
    const free = async () => Number((await agent('volume', one.uid, one.container, data)).stdout.split(' ')[0]);
    const before = await free();
    await apply('fill-1', 'fill', one.uid, one.container, data, '0');
    expect(await free()).toBeLessThan(65_536);
    await agent('remove', 'fill-1');
    expect(await free()).toBe(before);
    await apply('fill-2', 'fill', one.uid, one.container, data, '10000000');
    expect(Math.abs((await free()) - 10_000_000)).toBeLessThan(65_536);
  });

  test('memory and processors inside the container', async () => {
    await apply('hog-1', 'hog', one.uid, one.container, 'memory', '32');
    await apply('hog-2', 'hog', one.uid, one.container, 'cpu', '1');
    await until('the memory', async () => /^memory \d+ 3[2-9]\d{3} /m.test((await agent('hogs', one.uid)).stdout));
    await until('the processor', async () => /^cpu [1-9]/m.test((await agent('hogs', one.uid)).stdout));
    await agent('remove', 'hog-1');
    await agent('remove', 'hog-2');
    expect((await agent('hogs', one.uid)).stdout).toBe('');
  });
});

describe('the list says what is there', () => {
  const kinds: [string, ...string[]][] = [
    ['cut', one.uid, 'drop', '100', two.ip, 'none', 'none'],
    ['delay', one.uid, '1000', '0', two.ip, 'none'],
    ['fill', one.uid, one.container, data, '30000000'],
    ['freeze', one.uid, one.container],
    ['hog', one.uid, one.container, 'cpu', '1'],
    ['shape', one.uid, '1000000', two.ip, 'none'],
    ['signal', one.uid, one.container, 'checkpointer', 'STOP'],
    ['throttle', one.uid, one.container, data, 'hang'],
  ];

  test.each(kinds)(
    '%s, with its run and its time, also when what was written down is lost; remove mends it then too',
    async (...args) => {
      const [family] = args;
      await apply(`known-${family}`, ...args);
      const known = await list();
      expect(new Set(known.map(({ id }) => id))).toEqual(new Set([`known-${family}`]));
      expect(known[0]).toMatchObject({ family, run: 'run-1', left: expect.stringMatching(/^\d+$/) as string });
      await execInContainer(name, ['rm', `/var/lib/cnpg-chaos/faults/known-${family}`]);
      const found = await list();
      expect(found.length).toBeGreaterThan(0);
      for (const { id, left, run } of found) {
        expect({ left, run }).toEqual({ left: '-', run: '-' });
        expect(await agent('remove', id)).toMatchObject({ exitCode: 0 });
      }
      expect(await list()).toEqual([]);
    },
  );
});

describe('an undo', () => {
  test('does no harm twice, and keeps an act that comes late from breaking anything', async () => {
    await apply('late-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none');
    expect((await agent('remove', 'late-1')).stdout).toBe('removed');
    expect((await agent('remove', 'late-1')).stdout).toBe('was not there, it had ended before: removed');
    expect((await agent('remove', 'never-1')).stdout).toBe('was not there');
    for (const id of ['late-1', 'never-1']) {
      const late = await agent('apply', id, '60', 'run-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none');
      expect(late).toMatchObject({ exitCode: 1, stderr: `${id} was undone before it began; nothing was touched` });
    }
    expect(await list()).toEqual([]);
  });

  test('is made at once when half of the act failed', async () => {
    const bad = await agent(
      'apply',
      'half-1',
      '60',
      'run-1',
      'cut',
      one.uid,
      'drop',
      '100',
      'no-address',
      'none',
      'none',
    );
    expect(bad.exitCode).toBe(1);
    expect(bad.stderr).toContain("address: got 'no-address'");
    expect(await list()).toEqual([]);
    await execInContainer(name, ['test', '!', '-e', '/var/lib/cnpg-chaos/faults/half-1']);
  });
});

describe('the clock on the node', () => {
  const serving = async (body: () => Promise<void>) => {
    await execInContainer(name, ['bash', '-c', 'setsid cnpg-chaos-agent serve >/serve.log 2>&1 & echo $! >/serve.pid']);
    try {
      await body();
    } finally {
      await execInContainer(name, [
        'bash',
        '-c',
        'kill $(cat /serve.pid); while kill -0 $(cat /serve.pid) 2>/dev/null; do sleep 0.1; done',
      ]);
    }
  };

  test('ends a fault when its time is over, and no other', async () => {
    await serving(async () => {
      expect(await agent('apply', 'short-1', '2', 'run-1', 'freeze', one.uid, one.container)).toMatchObject({
        exitCode: 0,
      });
      await apply('long-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none');
      expect((await list()).map(({ id }) => id)).toEqual(['long-1', 'short-1']);
      await until('short-1 to end', async () => !(await list()).some(({ id }) => id === 'short-1'));
      expect((await list()).map(({ id }) => id)).toEqual(['long-1']);
      expect((await agent('remove', 'short-1')).stdout).toBe('was not there, it had ended before: expired');
    });
  });

  test('an agent that is told to stop ends everything', async () => {
    await serving(() => apply('stopping-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none'));
    expect(await list()).toEqual([]);
  });

  test('an agent that starts anew ends what fell due meanwhile, and holds packets again that must still be held', async () => {
    expect(
      await agent('apply', 'due-1', '1', 'run-1', 'cut', two.uid, 'drop', '100', '10.9.0.9', 'none', 'none'),
    ).toMatchObject({ exitCode: 0 });
    await apply('held-1', 'delay', one.uid, '100000', '0', two.ip, 'none');
    await execInContainer(name, ['pkill', '-x', 'netdelay']);
    await sleep(1_100);
    expect((await mesh()).rttMs).toBeLessThan(15);
    await serving(async () => {
      await until('due-1 to end', async () => !(await list()).some(({ id }) => id === 'due-1'));
      expect(Math.abs((await mesh()).rttMs - 100)).toBeLessThan(15);
    });
    expect(await list()).toEqual([]);
  });
});

test('an agent that starts anew goes on when one of its faults cannot', async () => {
  const lost = `family delay\nrun run-1\nboot $(cat /proc/sys/kernel/random/boot_id)\nuntil 9999999999\npod 0000000f-0000-4000-8000-000000000000\ndelay 1000 0 any none`;
  await execInContainer(name, ['bash', '-c', `printf '%b\\n' "${lost}" >/var/lib/cnpg-chaos/faults/lost-1`]);
  await execInContainer(name, ['bash', '-c', 'setsid cnpg-chaos-agent serve >/serve.log 2>&1 & echo $! >/serve.pid']);
  await until('it to serve', async () => (await execInContainer(name, ['cat', '/serve.log'])).includes('serving'));
  expect(await execInContainer(name, ['cat', '/serve.log'])).toContain('cannot resume lost-1');
  await execInContainer(name, [
    'bash',
    '-c',
    'kill $(cat /serve.pid); while kill -0 $(cat /serve.pid) 2>/dev/null; do sleep 0.1; done',
  ]);
  await execInContainer(name, ['test', '!', '-e', '/var/lib/cnpg-chaos/faults/lost-1']);
});

describe('refused, with nothing touched', () => {
  test.each<[string, string[], string]>([
    ['a time without an end', ['x-1', '0', 'r', 'freeze', one.uid, one.container], "ttl: got '0'"],
    ['an unknown family', ['x-2', '5', 'r', 'burn', one.uid], "family: got 'burn'"],
    [
      'a pod that is not here',
      ['x-3', '5', 'r', 'cut', '0000000f-0000-4000-8000-000000000000', 'drop', '100', 'any', 'any', 'none'],
      'has no process on this node',
    ],
    [
      'a container that does not run',
      ['x-4', '5', 'r', 'freeze', one.uid, 'f'.repeat(64)],
      'does not run on this node',
    ],
    [
      'a process that is not there',
      ['x-5', '5', 'r', 'signal', one.uid, one.container, 'walsender', 'STOP'],
      'there is no walsender',
    ],
    [
      'the disk of the node',
      ['x-6', '5', 'r', 'fill', one.uid, one.container, '/var/lib/kubelet', '0'],
      'lies on the disk of the node',
    ],
    ['memory without a limit', ['x-7', '5', 'r', 'hog', one.uid, one.container, 'memory', '0'], 'has no memory limit'],
  ])('%s', async (_what, args, message) => {
    const { exitCode, stderr } = await agent('apply', ...args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(await list()).toEqual([]);
  });
});

test('it says what this node can do', async () => {
  const { stdout } = await agent('features');
  expect(stdout.split('\n')).toEqual(['cut', 'delay', 'fill', 'freeze', 'hog', 'shape', 'signal', 'throttle']);
});
