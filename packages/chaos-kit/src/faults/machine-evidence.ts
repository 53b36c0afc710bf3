import { connect } from 'node:tls';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { LabControl } from '../engines/lab-control.ts';
import type { NodeTarget } from '../targets/target.ts';
import type { Observation } from './observation.ts';

const kubeletPort = 10_250;
// a living kubelet of a busy lab shakes hands within 50 ms
const handshakeMs = 1_500;
const apiReadMs = 2_000;

/** The kubelet of a node does not answer a TLS handshake: it, its machine or the way to it is gone. */
export async function kubeletSilent(target: NodeTarget, signal: AbortSignal, port?: number): Promise<Observation> {
  const { ip } = target;
  if (ip === undefined) return { seen: false, what: `node ${target.name} has no address to ask its kubelet at` };
  const answer = await handshake(ip, port ?? kubeletPort, signal);
  return {
    seen: answer !== 'answers',
    what: `node ${target.name}: its kubelet at ${ip} ${answer === 'answers' ? answer : `does not answer (${answer})`}`,
  };
}

interface NodeView {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  status?: { conditions?: { type: string; status: string }[] };
}

/** The kubelet of a node answers, and Kubernetes calls the node ready. */
export async function nodeBack(
  kube: KubeClient,
  target: NodeTarget,
  signal: AbortSignal,
  port?: number,
): Promise<Observation> {
  const silent = await kubeletSilent(target, signal, port);
  if (silent.seen) return { seen: false, what: silent.what };
  const node = await kube.find<NodeView>({ apiVersion: 'v1', kind: 'Node', name: target.name }, { signal });
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'missing';
  return { seen: ready === 'True', what: `${silent.what}, condition Ready is ${ready}` };
}

/** A read from the API server, which asks etcd. `broken`: whether it is to fail. */
export async function apiRead(kube: KubeClient, broken: boolean, signal: AbortSignal): Promise<Observation> {
  try {
    const ref = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' };
    await kube.get(ref, { signal, timeoutMs: apiReadMs });
    return { seen: !broken, what: 'the API server answers a read' };
  } catch (error) {
    signal.throwIfAborted();
    const text = error instanceof Error ? error.message : String(error);
    return { seen: broken, what: `the API server does not answer a read: ${text}` };
  }
}

/** How a supervised service of a machine is, by its process. */
export async function serviceState(
  lab: LabControl,
  machine: string,
  service: string,
  signal: AbortSignal,
): Promise<'running' | 'frozen' | 'stopped'> {
  const script = `pid=$(cat "/run/lab/$1.pid" 2>/dev/null) && sed -E 's/.*\\) (.).*/\\1/' "/proc/$pid/stat" 2>/dev/null; exit 0`;
  const { stdout } = await lab.exec(machine, ['bash', '-c', script, 'look', service], signal);
  return stateOf(stdout.trim());
}

/** Reads the state of a process as the kernel names it; empty when there is none. */
export function stateOf(letter: string): 'running' | 'frozen' | 'stopped' {
  if (letter === 'T' || letter === 't') return 'frozen';
  return letter === '' || letter === 'Z' || letter === 'X' ? 'stopped' : 'running';
}

function handshake(host: string, port: number, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host, port, rejectUnauthorized: false });
  const timer = setTimeout(() => resolve(`nothing within ${handshakeMs} ms`), handshakeMs);
  socket.once('secureConnect', () => resolve('answers'));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

/** The shortest of three reads from the API server, in milliseconds: what it takes when nothing else is in the way. */
export async function apiReadTime(kube: KubeClient, latencyMs: number, signal: AbortSignal): Promise<number> {
  const times: number[] = [];
  const ref = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' };
  for (let i = 0; i < 3; i += 1) {
    const startedMs = performance.now();
    await kube.get(ref, { signal, timeoutMs: 4 * latencyMs + 5_000 });
    times.push(performance.now() - startedMs);
  }
  return Math.min(...times);
}
