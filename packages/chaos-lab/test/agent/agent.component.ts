import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { data, FakeNode, one, two, until } from './fake-node.ts';

// What needs a real cluster is in suites/contract. Each test has a node for itself; they mostly wait, so several run at once.
const nodes = Array.from({ length: 4 }, (_, i) => new FakeNode(`cnpg-chaos-agent-test-${process.pid}-${i}`));
const idle: FakeNode[] = [];

beforeAll(async () => {
  const image = await FakeNode.image();
  await Promise.all(nodes.map((node) => node.start(image)));
  idle.push(...nodes);
}, 300_000);

afterAll(() => Promise.all(nodes.map((node) => node.remove())));

/** A node without a fault, for one test; what the test leaves there is mended. */
async function idleNode(): Promise<FakeNode & AsyncDisposable> {
  let node = idle.pop();
  for (; node === undefined; node = idle.pop()) await sleep(50);
  const taken = node;
  const giveBack = async (): Promise<void> => {
    await taken.clear();
    idle.push(taken);
  };
  return Object.assign(taken, { [Symbol.asyncDispose]: giveBack });
}

async function apply(node: FakeNode, id: string, ...rest: string[]): Promise<void> {
  expect(await node.agent('apply', id, '60', 'run-1', ...rest)).toMatchObject({ exitCode: 0 });
}

const open = { forth: 20, back: 20 };

describe.concurrent('what it breaks, one sees, and so when it is mended', () => {
  test('a cut of one direction', async () => {
    await using node = await idleNode();
    expect(await node.mesh()).toMatchObject(open);
    await apply(node, 'cut-1', 'cut', one.uid, 'drop', '100', 'none', two.ip, 'none');
    expect(await node.mesh()).toMatchObject({ forth: 0, back: 20 });
    expect(await node.agent('remove', 'cut-1')).toMatchObject({ stdout: 'removed' });
    expect(await node.mesh()).toMatchObject(open);
  });

  test('a rejected connection is told so, a dropped one is not', async () => {
    await using node = await idleNode();
    const connect = () => node.agent('probe', two.uid, 'netprobe', 'connect', one.ip, '5432', '500');
    await apply(node, 'reject-1', 'cut', one.uid, 'reject', '100', 'any', 'any', 'none');
    expect((await connect()).stdout).toBe('refused: Connection refused');
    await node.agent('remove', 'reject-1');
    await apply(node, 'drop-1', 'cut', one.uid, 'drop', '100', 'any', 'any', 'none');
    expect((await connect()).stdout).toBe('timeout');
  });

  test('what the node itself sends is spared when asked for', async () => {
    await using node = await idleNode();
    const fromNode = async () => (await node.try('netprobe', 'connect', one.ip, '5432', '500')).stdout.trim();
    await apply(node, 'all-1', 'cut', one.uid, 'drop', '100', 'any', 'any', 'node');
    expect(await fromNode()).toBe('refused: Connection refused');
    expect(await node.mesh()).toMatchObject({ forth: 0, back: 0 });
  });

  test('latency, without netem', async () => {
    await using node = await idleNode();
    await apply(node, 'delay-1', 'delay', one.uid, '100000', '0', two.ip, 'none');
    const { rttMs, ...arrived } = await node.mesh();
    expect(arrived).toEqual(open);
    expect(Math.abs(rttMs - 100)).toBeLessThan(15);
    await node.agent('remove', 'delay-1');
    expect((await node.mesh()).rttMs).toBeLessThan(15);
  });

  test('a limited bandwidth', async () => {
    await using node = await idleNode();
    const rate = async () => {
      const [sink] = await Promise.all([
        node.agent('probe', one.uid, 'netprobe', 'sink', one.ip, '46000', '300', '1000'),
        node.agent('probe', two.uid, 'netprobe', 'pour', one.ip, '46000', '1800'),
      ]);
      const [, bytes = 0, , us = 1] = sink.stdout.split(' ').map(Number);
      return (bytes * 8) / us;
    };
    await apply(node, 'shape-1', 'shape', one.uid, '10000000', two.ip, 'none');
    const narrow = await rate();
    expect(narrow).toBeGreaterThan(8.5);
    expect(narrow).toBeLessThan(10.5);
    await node.agent('remove', 'shape-1');
    expect(await rate()).toBeGreaterThan(20);
  });

  test('writes that are never done, and then are', async () => {
    await using node = await idleNode();
    expect(await node.throttled()).toMatch(/^writes \d+/);
    await apply(node, 'hang-1', 'throttle', one.uid, one.container, data, 'hang');
    expect(await node.throttled()).toMatch(/^hung/);
    await node.agent('remove', 'hang-1');
    expect(await node.throttled()).toMatch(/^writes \d+/);
  });

  test('a stopped process, and one that is killed', async () => {
    await using node = await idleNode();
    await apply(node, 'stop-1', 'signal', one.uid, one.container, 'checkpointer', 'STOP');
    expect((await node.agent('signalled', one.uid)).stdout).toMatch(/^checkpointer STOP \d+ stopped$/);
    await node.agent('remove', 'stop-1');
    expect((await node.agent('signalled', one.uid)).stdout).toMatch(/running$/);
    await apply(node, 'kill-1', 'signal', one.uid, one.container, 'postmaster', 'KILL');
    expect((await node.agent('signalled', one.uid)).stdout).toMatch(/^postmaster KILL \d+ gone$/);
    expect(await node.list()).toEqual([]);
  });

  test('a full volume, up to what is to be left', async () => {
    await using node = await idleNode();
    const free = async () => Number((await node.agent('volume', one.uid, one.container, data)).stdout.split(' ')[0]);
    const before = await free();
    await apply(node, 'fill-1', 'fill', one.uid, one.container, data, '0');
    expect(await free()).toBeLessThan(65_536);
    await node.agent('remove', 'fill-1');
    expect(await free()).toBe(before);
    await apply(node, 'fill-2', 'fill', one.uid, one.container, data, '10000000');
    expect(Math.abs((await free()) - 10_000_000)).toBeLessThan(65_536);
  });

  test('memory and processors inside the container', async () => {
    await using node = await idleNode();
    await apply(node, 'hog-1', 'hog', one.uid, one.container, 'memory', '32');
    await apply(node, 'hog-2', 'hog', one.uid, one.container, 'cpu', '1');
    await until('the memory', async () => /^memory \d+ 3[2-9]\d{3} /m.test((await node.agent('hogs', one.uid)).stdout));
    await until('the processor', async () => /^cpu [1-9]/m.test((await node.agent('hogs', one.uid)).stdout));
    await node.agent('remove', 'hog-1');
    await node.agent('remove', 'hog-2');
    expect((await node.agent('hogs', one.uid)).stdout).toBe('');
  });
});

describe.concurrent('the list says what is there', () => {
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

  test.for(kinds)(
    '%s, with its run and its time, also when what was written down is lost; remove mends it then too',
    async (args) => {
      await using node = await idleNode();
      const [family] = args;
      await apply(node, `known-${family}`, ...args);
      const known = await node.list();
      expect(new Set(known.map(({ id }) => id))).toEqual(new Set([`known-${family}`]));
      expect(known[0]).toMatchObject({ family, run: 'run-1', left: expect.stringMatching(/^\d+$/) as string });
      await node.run('rm', `/var/lib/cnpg-chaos/faults/known-${family}`);
      const found = await node.list();
      expect(found.length).toBeGreaterThan(0);
      for (const { id, left, run } of found) {
        expect({ left, run }).toEqual({ left: '-', run: '-' });
        expect(await node.agent('remove', id)).toMatchObject({ exitCode: 0 });
      }
      expect(await node.list()).toEqual([]);
    },
  );
});

describe.concurrent('an undo', () => {
  test('does no harm twice, and keeps an act that comes late from breaking anything', async () => {
    await using node = await idleNode();
    await apply(node, 'late-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none');
    expect((await node.agent('remove', 'late-1')).stdout).toBe('removed');
    expect((await node.agent('remove', 'late-1')).stdout).toBe('was not there, it had ended before: removed');
    expect((await node.agent('remove', 'never-1')).stdout).toBe('was not there');
    for (const id of ['late-1', 'never-1']) {
      const late = await node.agent('apply', id, '60', 'run-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none');
      expect(late).toMatchObject({ exitCode: 1, stderr: `${id} was undone before it began; nothing was touched` });
    }
    expect(await node.list()).toEqual([]);
  });

  test('is made at once when half of the act failed', async () => {
    await using node = await idleNode();
    const bad = await node.agent(
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
    expect(await node.list()).toEqual([]);
    await node.run('test', '!', '-e', '/var/lib/cnpg-chaos/faults/half-1');
  });
});

describe.concurrent('the clock on the node', () => {
  test('ends a fault when its time is over, and no other', async () => {
    await using node = await idleNode();
    await node.serving(async () => {
      expect(await node.agent('apply', 'short-1', '2', 'run-1', 'freeze', one.uid, one.container)).toMatchObject({
        exitCode: 0,
      });
      await apply(node, 'long-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none');
      expect((await node.list()).map(({ id }) => id)).toEqual(['long-1', 'short-1']);
      await until('short-1 to end', async () => !(await node.list()).some(({ id }) => id === 'short-1'));
      expect((await node.list()).map(({ id }) => id)).toEqual(['long-1']);
      expect((await node.agent('remove', 'short-1')).stdout).toBe('was not there, it had ended before: expired');
    });
  });

  test('an agent that is told to stop ends everything', async () => {
    await using node = await idleNode();
    await node.serving(() => apply(node, 'stopping-1', 'cut', one.uid, 'drop', '100', two.ip, 'none', 'none'));
    expect(await node.list()).toEqual([]);
  });

  test('an agent that starts anew ends what fell due meanwhile, and holds packets again that must still be held', async () => {
    await using node = await idleNode();
    expect(
      await node.agent('apply', 'due-1', '1', 'run-1', 'cut', two.uid, 'drop', '100', '10.9.0.9', 'none', 'none'),
    ).toMatchObject({ exitCode: 0 });
    await apply(node, 'held-1', 'delay', one.uid, '100000', '0', two.ip, 'none');
    await node.run('pkill', '-x', 'netdelay');
    await sleep(1_100);
    expect((await node.mesh()).rttMs).toBeLessThan(15);
    await node.serving(async () => {
      await until('due-1 to end', async () => !(await node.list()).some(({ id }) => id === 'due-1'));
      expect(Math.abs((await node.mesh()).rttMs - 100)).toBeLessThan(15);
    });
    expect(await node.list()).toEqual([]);
  });
});

test.concurrent('an agent that starts anew goes on when one of its faults cannot', async () => {
  await using node = await idleNode();
  const lost = `family delay\nrun run-1\nboot $(cat /proc/sys/kernel/random/boot_id)\nuntil 9999999999\npod 0000000f-0000-4000-8000-000000000000\ndelay 1000 0 any none`;
  await node.run('mkdir', '-p', '/var/lib/cnpg-chaos/faults');
  await node.run('bash', '-c', `printf '%b\\n' "${lost}" >/var/lib/cnpg-chaos/faults/lost-1`);
  await node.serving(async () => {
    await until('it to serve', async () => (await node.run('cat', '/serve.log')).includes('serving'));
    expect(await node.run('cat', '/serve.log')).toContain('cannot resume lost-1');
  });
  await node.run('test', '!', '-e', '/var/lib/cnpg-chaos/faults/lost-1');
});

describe.concurrent('refused, with nothing touched', () => {
  test.for<[string, string[], string]>([
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
  ])('%s', async ([, args, message]) => {
    await using node = await idleNode();
    const { exitCode, stderr } = await node.agent('apply', ...args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(await node.list()).toEqual([]);
  });
});

test.concurrent('it says what this node can do', async () => {
  await using node = await idleNode();
  const { stdout } = await node.agent('features');
  expect(stdout.split('\n')).toEqual(['cut', 'delay', 'fill', 'freeze', 'hog', 'shape', 'signal', 'throttle']);
});
