// Checks on the real thing that a lab survives what the chaos suites and everyday life do to it, and leaves nothing.
// Run by hand: `node packages/chaos-lab/test/lab.check.ts` (some minutes, root, a Docker engine; uses a lab of its own).
// `--engine` also kills the Docker engine of this host, and with it everything else that runs in it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { down, execInNode, LabError, status, TerminalProgress, up, type Lab } from '../src/index.ts';
import { tryRun, run } from '../src/run.ts';

const name = 'lab-check';
const cluster = {
  apiVersion: 'postgresql.cnpg.io/v1',
  kind: 'Cluster',
  metadata: { name: 'pg', namespace: 'default' },
  spec: { instances: 3, storage: { size: '512Mi' } },
};
const { values } = parseArgs({ options: { engine: { type: 'boolean', default: false } } });
const progress = new TerminalProgress();
const bringUp = (): Promise<Lab> => up({ name, progress });
const docker = (...args: string[]): Promise<string> => run(['docker', ...args]);
const container = (node: string): string => `${name}-${node}`;

/** kubectl of the control plane: none is needed on the host. */
async function kubectl(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await execInNode('control-plane', ['kubectl', ...args], { name });
  assert.equal(exitCode, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function check(title: string, run: () => Promise<string | undefined>): Promise<void> {
  const started = performance.now();
  const figures = await run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`ok  ${title} (${seconds} s)${figures === undefined ? '' : `: ${figures}`}\n`);
}

/** Seconds until `look` is true. A look that fails is not true yet. */
async function secondsUntil(what: string, limitSeconds: number, look: () => Promise<boolean>): Promise<string> {
  const started = performance.now();
  while (!(await look().catch(() => false))) {
    assert.ok(performance.now() - started < limitSeconds * 1000, `${what}: not within ${limitSeconds} s`);
    await sleep(100);
  }
  return ((performance.now() - started) / 1000).toFixed(1);
}

const clusterHealthy = async (): Promise<boolean> =>
  (await kubectl('get', 'cluster', 'pg', '-o', 'jsonpath={.status.phase}/{.status.readyInstances}')) ===
  'Cluster in healthy state/3';
const waitHealthy = (): Promise<string> => secondsUntil('cluster healthy', 240, clusterHealthy);

const podField = async (path: string): Promise<string[]> =>
  (await kubectl('get', 'pods', '-l', 'cnpg.io/podRole=instance', '-o', `jsonpath={range .items[*]}{${path}} {end}`))
    .split(' ')
    .filter((text) => text !== '');
const podUids = async (): Promise<string[]> => (await podField('.metadata.uid')).toSorted();
const restarts = async (): Promise<number[]> =>
  (await podField('.status.containerStatuses[0].restartCount')).map(Number);

async function service(node: string, component: string, verb: string): Promise<string> {
  return (await execInNode(node, ['service', component, verb], { name })).stdout.trim();
}

/** What the host shows of the lab: containers, volumes, networks, routes, firewall rules, loop devices. */
async function traces(): Promise<string[]> {
  const commands = [
    ['docker', 'ps', '-a', '--format={{.Names}}'],
    ['docker', 'volume', 'ls', '--format={{.Name}}'],
    ['docker', 'network', 'ls', '--format={{.Name}}'],
    ['ip', '-4', 'route'],
    ['iptables-save'],
    ['losetup', '--list', '--noheadings', '--output=BACK-FILE'],
  ];
  const outputs = await Promise.all(commands.map((argv) => tryRun(argv)));
  const lines = outputs.flatMap(({ stdout }) => stdout.split('\n'));
  return lines
    .filter((line) => !/^[#:]/.test(line))
    .map((line) => line.replace(/^\[\d+:\d+\] /, '').trim())
    .toSorted();
}

async function left(): Promise<string[]> {
  return (await traces()).filter((line) => !before.includes(line) && marks.some((mark) => line.includes(mark)));
}

await down({ name }); // of an earlier run
const routes = await run(['ip', '-4', 'route']);
await check('a lab that is not there takes nothing from another one', async () => {
  await down({ name: 'lab-check-never' });
  assert.equal(await run(['ip', '-4', 'route']), routes);
  return undefined;
});
const before = await traces();
/** What the lab's traces on this host can be known by: another lab may come and go meanwhile. */
const marks = [name, 'taken-'];

await check('comes up from nothing', async () => {
  const lab = await bringUp();
  assert.deepEqual(
    lab.nodes.map((node) => node.name),
    ['control-plane', 'w1', 'w2', 'w3'],
  );
  assert.ok(readFileSync(lab.kubeconfig, 'utf8').includes('172.'));
  assert.equal((await status({ name })).state, 'ready');
  marks.push(
    (await docker('network', 'inspect', '--format={{index .Options "com.docker.network.bridge.name"}}', name)).trim(),
  );
  marks.push(...lab.nodes.map((node) => node.address));
  return undefined;
});

await check('a cluster of three becomes healthy', async () => {
  await execInNode('control-plane', ['kubectl', 'apply', '-f', '-'], { name, input: JSON.stringify(cluster) });
  return `${await waitHealthy()} s`;
});

await check('nothing to do takes less than 3 s', async () => {
  const started = performance.now();
  await bringUp();
  assert.ok(performance.now() - started < 3000);
  return `${Math.round(performance.now() - started)} ms`;
});

await check('a volume has its real size', async () => {
  const [, size = ''] =
    /(\d+)\s*$/.exec(
      (
        await kubectl('exec', 'pg-1', '-c', 'postgres', '--', 'df', '-k', '--output=size', '/var/lib/postgresql/data')
      ).trim(),
    ) ?? [];
  assert.ok(Number(size) > 400 * 1024 && Number(size) < 512 * 1024, `size ${size} KiB`);
  return `${size} KiB`;
});

await check('crashed services come back', async () => {
  const figures: string[] = [];
  for (const [node, component] of [
    ['w1', 'kubelet'],
    ['w1', 'containerd'],
    ['w1', 'kube-proxy'],
    ['control-plane', 'kube-scheduler'],
    ['control-plane', 'kube-controller-manager'],
    ['control-plane', 'etcd'],
    ['control-plane', 'kube-apiserver'],
  ] as const) {
    const old = await service(node, component, 'pid');
    await execInNode(node, ['kill', '-KILL', old], { name });
    const seconds = await secondsUntil(`${component} runs again`, 15, async () => {
      const now = await service(node, component, 'pid');
      return now !== '' && now !== old;
    });
    figures.push(`${component} ${seconds} s`);
  }
  figures.push(
    `all ready ${await secondsUntil('ready', 180, async () => (await status({ name })).state === 'ready')} s`,
  );
  return figures.join(', ');
});

await check('a frozen service is left alone, a stopped one stays down until it is started', async () => {
  const pid = await service('w2', 'kubelet', 'pid');
  await execInNode('w2', ['kill', '-STOP', pid], { name });
  await sleep(2000);
  assert.equal(await service('w2', 'kubelet', 'pid'), pid);
  await service('w2', 'kubelet', 'stop');
  await sleep(2000);
  assert.equal(await service('w2', 'kubelet', 'pid'), '');
  await service('w2', 'kubelet', 'start');
  return `started after ${await secondsUntil('kubelet runs', 10, async () => (await service('w2', 'kubelet', 'pid')) !== '')} s`;
});

await check('a node survives a power cut', async () => {
  await waitHealthy();
  const node = await kubectl('get', 'pod', 'pg-2', '-o', 'jsonpath={.spec.nodeName}');
  const uid = await kubectl('get', 'pod', 'pg-2', '-o', 'jsonpath={.metadata.uid}');
  await docker('kill', container(node));
  await sleep(3000);
  await docker('start', container(node));
  const port = await secondsUntil(
    'kubelet listens',
    30,
    async () => (await execInNode(node, ['bash', '-c', ': </dev/tcp/127.0.0.1/10250'], { name })).exitCode === 0,
  );
  const seconds = await secondsUntil(
    'pg-2 ready again',
    120,
    async () =>
      (await kubectl(
        'get',
        'pod',
        'pg-2',
        '-o',
        'jsonpath={.status.containerStatuses[0].restartCount}/{.status.containerStatuses[0].ready}',
      )) === '1/true',
  );
  assert.equal(await kubectl('get', 'pod', 'pg-2', '-o', 'jsonpath={.metadata.uid}'), uid);
  await waitHealthy();
  return `kubelet ${port} s, same pod ready ${seconds} s`;
});

await check('killed containers are started again, with the same pods', async () => {
  const uids = await podUids();
  await docker('kill', ...['control-plane', 'w1', 'w2', 'w3'].map(container));
  await bringUp();
  const seconds = await secondsUntil('every instance has restarted', 120, async () =>
    (await restarts()).every((n) => n > 0),
  );
  assert.deepEqual(await podUids(), uids);
  return `restarted ${seconds} s, healthy ${await waitHealthy()} s later`;
});

await check('a lost worker is made anew, and the cluster refills it', async () => {
  const node = await kubectl('get', 'pod', 'pg-3', '-o', 'jsonpath={.spec.nodeName}');
  const uids = await podUids();
  await docker('rm', '--force', container(node));
  await bringUp();
  const seconds = await secondsUntil('an instance on a new volume', 180, async () => {
    const now = await podUids();
    return now.length === 3 && now.filter((uid) => !uids.includes(uid)).length === 1 && (await clusterHealthy());
  });
  return `healthy ${seconds} s later`;
});

if (values.engine) {
  await check('a killed Docker engine is started and the lab repaired', async () => {
    process.kill(Number(readFileSync('/var/run/docker.pid', 'utf8')), 'SIGKILL');
    await sleep(3000);
    await bringUp();
    return `cluster healthy ${await waitHealthy()} s later`;
  });
}

await check('down leaves nothing', async () => {
  await down({ name });
  assert.deepEqual(await left(), []);
  assert.equal((await status({ name })).state, 'absent');
  return undefined;
});

await check('an interrupted start goes on where it was, and half a node is made anew', async () => {
  const cli = fileURLToPath(new URL('../bin/chaos-lab.js', import.meta.url));
  for (const signal of ['INT', 'KILL'] as const) {
    const interrupted = await tryRun([
      'timeout',
      `--signal=${signal}`,
      '5',
      process.execPath,
      cli,
      'up',
      '--name',
      name,
    ]);
    assert.notEqual(interrupted.exitCode, 0);
  }
  await bringUp();
  assert.equal((await status({ name })).state, 'ready');
  return undefined;
});

await check('a network that is taken is refused before anything is touched', async () => {
  await down({ name });
  for (let slot = 0; slot < 8; slot += 1) {
    await tryRun(['docker', 'network', 'create', `--subnet=172.${31 - slot}.128.0/24`, `taken-${slot}`]);
  }
  try {
    await assert.rejects(bringUp(), (error) => error instanceof LabError && /SUBNET_IN_USE|OTHER_LAB/.test(error.code));
    assert.equal((await status({ name })).state, 'absent');
  } finally {
    await tryRun(['docker', 'network', 'rm', ...Array.from({ length: 8 }, (_, slot) => `taken-${slot}`)]);
  }
  return undefined;
});

assert.deepEqual(await left(), []);
process.stdout.write('all checks passed\n');
