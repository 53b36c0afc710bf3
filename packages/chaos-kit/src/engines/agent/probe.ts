import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { randomInt } from 'node:crypto';
import { EngineError } from '../engine-error.ts';
import { runAgent } from './agent-pods.ts';

/** Somebody who can be asked to send and to listen: a pod, in its own network, by the agent of its node. */
export interface ProbePlace {
  readonly node: string;
  /** UID of the pod, or `self` for the agent's own pod. */
  readonly pod: string;
  readonly ip: string;
  readonly name: string;
}

/** What one place saw of another. */
export interface PeerCount {
  readonly sent: number;
  /** Datagrams of the peer that arrived here. */
  readonly received: number;
  /** Own datagrams that the peer sent back. */
  readonly echoed: number;
  /** Round trip in microseconds; 0 when nothing came back. */
  readonly rttUs: { readonly min: number; readonly median: number; readonly max: number };
}

/** What all places saw of each other. */
export class MeshResult {
  readonly #seen: ReadonlyMap<string, ReadonlyMap<string, PeerCount>>;

  /** @param seen by the place's address, then the peer's */
  constructor(seen: ReadonlyMap<string, ReadonlyMap<string, PeerCount>>) {
    this.#seen = seen;
  }

  /** Datagrams from one address to another: sent there, arrived here. */
  delivered(from: string, to: string): { sent: number; arrived: number } {
    return { sent: this.#of(from, to).sent, arrived: this.#of(to, from).received };
  }

  /** Round trips as seen from `from`, in microseconds, and how many there were. */
  roundTrip(from: string, to: string): PeerCount['rttUs'] & { readonly count: number } {
    const { rttUs, echoed } = this.#of(from, to);
    return { ...rttUs, count: echoed };
  }

  #of(place: string, peer: string): PeerCount {
    const count = this.#seen.get(place)?.get(peer);
    if (count === undefined) throw new EngineError('agent', `nobody sent from ${place} to ${peer}`);
    return count;
  }
}

/** How much a mesh sends. */
export interface MeshOptions {
  /** Datagrams to each peer. @default 20 */
  readonly count?: number;
  /** Time between two of them in microseconds. @default 10000 */
  readonly spacingUs?: number;
  /** How long it listens after the last one, in milliseconds. @default 400 */
  readonly tailMs?: number;
  /** How long it waits before the first one, until the others listen too, in milliseconds. @default 600 */
  readonly leadMs?: number;
}

/** Sends datagrams between both ends of every pair, in both directions at the same time, and counts what arrives. */
export async function probeMesh(
  kube: KubeClient,
  pairs: readonly (readonly [ProbePlace, ProbePlace])[],
  options: MeshOptions,
  signal: AbortSignal,
): Promise<MeshResult> {
  const { count = 20, spacingUs = 10_000, tailMs = 400, leadMs = 600 } = options;
  const peers = new Map<ProbePlace, Set<string>>();
  const places = new Map<string, ProbePlace>();
  for (const [a, b] of pairs) {
    for (const [one, other] of [[a, b] as const, [b, a] as const]) {
      const place = places.get(one.ip) ?? one;
      places.set(one.ip, place);
      const known = peers.get(place) ?? new Set();
      peers.set(place, known.add(other.ip));
    }
  }
  const port = String(randomInt(42_000, 60_000));
  const timing = [leadMs, count, spacingUs, tailMs].map(String);
  const seen = await Promise.all(
    [...peers].map(async ([place, others]) => {
      const verb = ['probe', place.pod, 'netprobe', 'mesh', port, ...timing, ...others];
      return [place.ip, parseMesh(await runAgent(kube, place.node, verb, { signal }))] as const;
    }),
  );
  return new MeshResult(new Map(seen));
}

const meshLine = /^(\S+) sent (\d+) received (\d+) echoed (\d+) rtt_us (\d+) (\d+) (\d+)$/;

/** Reads what `netprobe mesh` printed, by the peer's address. @throws EngineError when it is not of that form */
export function parseMesh(text: string): ReadonlyMap<string, PeerCount> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [, peer = '', ...numbers] = meshLine.exec(line) ?? [];
        if (peer === '') throw new EngineError('agent', `netprobe mesh said ${JSON.stringify(line)}`);
        const [sent = 0, received = 0, echoed = 0, min = 0, median = 0, max = 0] = numbers.map(Number);
        return [peer, { sent, received, echoed, rttUs: { min, median, max } }] as const;
      }),
  );
}

/** How an attempt to connect ended. */
export interface ConnectResult {
  /** `connected`: somebody accepted. `answered`: a PostgreSQL server answered too. `silent`: accepted, no answer in time. */
  readonly outcome: 'connected' | 'answered' | 'silent' | 'timeout' | 'refused';
  /** Milliseconds until it was connected or answered. */
  readonly afterMs?: number;
  /** Why it was refused. */
  readonly why?: string;
}

/** Opens a TCP connection out of a pod's network. */
export async function probeConnect(
  kube: KubeClient,
  from: ProbePlace,
  to: { readonly address: string; readonly port: number },
  options: { readonly timeoutMs: number; readonly greet?: boolean; readonly signal: AbortSignal },
): Promise<ConnectResult> {
  const verb = ['probe', from.pod, 'netprobe', 'connect', to.address, String(to.port), String(options.timeoutMs)];
  if (options.greet === true) verb.push('greet');
  return parseConnect(await runAgent(kube, from.node, verb, { signal: options.signal }));
}

/** Reads what `netprobe connect` printed. @throws EngineError when it is not of that form */
export function parseConnect(text: string): ConnectResult {
  const line = text.trim();
  const [, outcome, rest = ''] = /^(connected|answered|silent|timeout|refused):? ?(.*)$/.exec(line) ?? [];
  if (outcome === undefined) throw new EngineError('agent', `netprobe connect said ${JSON.stringify(line)}`);
  if (outcome === 'refused') return { outcome, why: rest };
  if (outcome === 'connected' || outcome === 'answered') return { outcome, afterMs: Number(rest) / 1000 };
  return { outcome: outcome as 'silent' | 'timeout' };
}

/** How much of a stream arrived. */
export interface StreamRate {
  readonly bits: number;
}

// long enough for TCP to find the limit, and for the bucket of the shaper to be empty
const warmMs = 400;
const streamMs = 1_500;

/** Sends one TCP stream as fast as it goes, and gives the bits a second that arrived. */
export async function probeStream(
  kube: KubeClient,
  from: ProbePlace,
  to: ProbePlace,
  signal: AbortSignal,
): Promise<StreamRate> {
  const port = String(randomInt(42_000, 60_000));
  const sink = ['probe', to.pod, 'netprobe', 'sink', to.ip, port, String(warmMs), String(streamMs)];
  const pour = ['probe', from.pod, 'netprobe', 'pour', to.ip, port, String(warmMs + streamMs + 500)];
  const [said] = await Promise.all([
    runAgent(kube, to.node, sink, { signal }),
    runAgent(kube, from.node, pour, { signal }),
  ]);
  return parseSink(said);
}

/** Reads what `netprobe sink` printed. @throws EngineError when it is not of that form */
export function parseSink(text: string): StreamRate {
  const [, bytes, us] = /^received (\d+) in (\d+)$/.exec(text.trim()) ?? [];
  if (bytes === undefined) throw new EngineError('agent', `netprobe sink said ${JSON.stringify(text)}`);
  return { bits: us === '0' ? 0 : (Number(bytes) * 8e6) / Number(us) };
}
