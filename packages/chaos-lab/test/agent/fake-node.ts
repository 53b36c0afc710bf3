import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildImages } from '../../src/build/build.ts';
import { docker, execInContainer } from '../../src/docker.ts';
import { ensureHost } from '../../src/host/index.ts';
import { silentProgress } from '../../src/progress.ts';
import { tryRun } from '../../src/run.ts';
import type { RunResult } from '../../src/run.ts';

const script = fileURLToPath(new URL('fake-node.sh', import.meta.url));

/** The two pods of each node, and the volume of each. */
export const one = { uid: '00000001-0000-4000-8000-000000000000', container: '1'.repeat(64), ip: '10.9.0.1' };
export const two = { uid: '00000002-0000-4000-8000-000000000000', container: '2'.repeat(64), ip: '10.9.0.2' };
export const data = '/var/lib/postgresql/data';

/** Asks until it is so. @throws Error after 20 s */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 20 s`);
    await sleep(250);
  }
}

/** A container that looks like a node with two pods to the agent in it; see fake-node.sh. */
export class FakeNode {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** Reference of the agent's image, which is built when it is missing. */
  static async image(): Promise<string> {
    await ensureHost({ progress: silentProgress, need: ['engine'] });
    const [image] = await buildImages({ progress: silentProgress, only: ['agent'] });
    if (image === undefined) throw new Error('the agent has no image');
    await image.loaded();
    return image.ref;
  }

  async start(image: string): Promise<void> {
    const rights = ['--cap-add=ALL', '--cap-drop=SYS_RESOURCE', '--device-cgroup-rule=a *:* rwm', '--cgroupns=private'];
    const open = ['seccomp=unconfined', 'systempaths=unconfined', 'apparmor=unconfined'];
    await docker([
      'run',
      '--detach',
      `--name=${this.#name}`,
      ...rights,
      ...open.map((option) => `--security-opt=${option}`),
      '--tmpfs=/run',
      '--volume=/var/lib/kubelet',
      `--volume=${script}:/fake-node.sh:ro`,
      '--entrypoint=bash',
      image,
      '/fake-node.sh',
      'up',
    ]);
    await until('the node', async () => (await this.try('test', '-e', '/ready')).exitCode === 0);
    for (const { uid, container, ip } of [one, two]) {
      await this.run('bash', '/fake-node.sh', 'pod', uid, container, ip.replace(/.*\./, ''));
    }
  }

  /** Runs a command on the node; throws when it fails. */
  async run(...argv: string[]): Promise<string> {
    return execInContainer(this.#name, argv);
  }

  async try(...argv: string[]): Promise<RunResult> {
    return tryRun(['docker', 'exec', this.#name, ...argv]);
  }

  async agent(...verb: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { exitCode, stdout, stderr } = await this.try('cnpg-chaos-agent', ...verb);
    return { exitCode, stdout: stdout.trim(), stderr: stderr.trim() };
  }

  async list(): Promise<{ id: string; family: string; left: string; run: string; what: string }[]> {
    const { stdout } = await this.agent('list');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [id = '', family = '', left = '', run = '', what = ''] = line.split('\t');
        return { id, family, left, run, what };
      });
  }

  /** Datagrams between the two pods: how many of 20 arrived each way, and the shortest round trip in milliseconds: the others also tell how busy this machine is. */
  async mesh(): Promise<{ forth: number; back: number; rttMs: number }> {
    const probe = (from: typeof one, to: typeof one) =>
      `cnpg-chaos-agent probe ${from.uid} netprobe mesh 45000 500 20 5000 600 ${to.ip}`;
    // by one command: two that begin far apart do not meet
    const both = await this.run('bash', '-c', `exec 3< <(${probe(two, one)}); ${probe(one, two)}; cat <&3`);
    const [here = '', there = ''] = both.split('\n');
    const numbers = (text: string) => text.split(' ').map(Number);
    return {
      forth: numbers(there)[4] ?? -1,
      back: numbers(here)[4] ?? -1,
      rttMs: (numbers(here)[8] ?? -1) / 1000,
    };
  }

  /** How long writes to the volume take, read through a pipe, as a container runtime reads it: what still writes keeps it open. */
  async throttled(): Promise<string> {
    const verb = `cnpg-chaos-agent iolatency ${one.uid} ${one.container} ${data} 500`;
    return (await execInContainer(this.#name, ['bash', '-c', `${verb} 2>&1 | cat`], { timeoutMs: 15_000 })).trim();
  }

  /** Mends everything. */
  async clear(): Promise<void> {
    for (const { id } of await this.list()) await this.agent('remove', id);
  }

  /** Runs the agent that stays while the body runs, then tells it to stop and waits until it has. */
  async serving(body: () => Promise<void>): Promise<void> {
    await this.run('bash', '-c', 'setsid cnpg-chaos-agent serve >/serve.log 2>&1 & echo $! >/serve.pid');
    try {
      await body();
    } finally {
      await this.run(
        'bash',
        '-c',
        'kill $(cat /serve.pid); while kill -0 $(cat /serve.pid) 2>/dev/null; do sleep 0.1; done',
      );
    }
  }

  /** Does no harm when it never started. */
  async remove(): Promise<void> {
    await tryRun(['docker', 'rm', '--force', '--volumes', this.#name]);
  }
}
