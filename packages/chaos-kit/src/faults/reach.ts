import { findPodByUid, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import { agentPods } from '../engines/agent/agent-pods.ts';
import { type MeshOptions, probeConnect, probeMesh, type ProbePlace } from '../engines/agent/probe.ts';
import { everyAddress, sidesOf } from '../engines/agent/sides.ts';
import type { EndpointTarget, PodTarget, ResolvedTarget } from '../targets/target.ts';
import type { Observation } from './observation.ts';

/** What can be probed between two sides. */
export interface Reach {
  /** Pods of both sides that are still there, each with a peer of the other side. */
  readonly pairs: readonly (readonly [from: ProbePlace, to: ProbePlace])[];
  /** Pods and the addresses on the other side of which it is known that something answers there. */
  readonly servers: readonly { readonly pod: ProbePlace; readonly address: string; readonly port: number }[];
  /** What cannot be probed, in words. */
  readonly blind: readonly string[];
}

const apiServerPort = 443;

/**
 * Finds out between whom it can be probed whether packets get through: pods by datagrams, the API server by connecting to
 * it. For `everything` the agent's pod on another node is the other side. Pods that are gone are left out.
 */
export async function reachBetween(
  kube: KubeClient,
  targets: readonly ResolvedTarget[],
  signal: AbortSignal,
): Promise<Reach> {
  const sides = sidesOf(targets);
  const places = new Map<string, ProbePlace>();
  await Promise.all(
    targets.map(async (target) => {
      const place = target.kind === 'pod' ? await placeOf(kube, target, signal) : undefined;
      if (place !== undefined) places.set(target.uid, place);
    }),
  );
  const pairs: [ProbePlace, ProbePlace][] = [];
  const servers: { pod: ProbePlace; address: string; port: number }[] = [];
  const blind: string[] = [];
  for (const from of sides.from) {
    for (const to of sides.to) {
      const [one, other] = [places.get(from.uid), places.get(to.uid)];
      if (one !== undefined && other !== undefined) pairs.push([one, other]);
      const pod = one ?? other;
      const far = [from, to].find((peer) => peer.kind !== 'pod');
      if (pod === undefined || far === undefined) continue;
      if (far.kind === 'endpoint' && isEverything(far)) {
        const stranger = await strangerTo(kube, pod, signal);
        if (stranger === undefined) blind.push(`${pod.name} ↔ everything: there is no agent on another node`);
        else pairs.push(far === to ? [pod, stranger] : [stranger, pod]);
      } else if (far.kind === 'endpoint' && far.role === 'API server') {
        servers.push(...far.addresses.map((address) => ({ pod, address, port: apiServerPort })));
      } else {
        blind.push(`${pod.name} ↔ ${far.name}: nobody there answers a probe`);
      }
    }
  }
  return { pairs, servers, blind };
}

function isEverything(endpoint: EndpointTarget): boolean {
  return endpoint.addresses.some((address) => everyAddress.includes(address));
}

async function placeOf(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<ProbePlace | undefined> {
  const pod = await findPodByUid(kube, target, { signal });
  const ip = pod?.status?.podIP;
  const node = pod?.spec?.nodeName;
  if (ip === undefined || node === undefined || pod?.metadata?.deletionTimestamp !== undefined) return undefined;
  return { node, pod: target.uid, ip, name: target.name };
}

async function strangerTo(kube: KubeClient, pod: ProbePlace, signal: AbortSignal): Promise<ProbePlace | undefined> {
  const agents = await agentPods(kube, signal);
  const found = agents.find(({ node, ready, ip }) => ready && ip !== undefined && node !== pod.node);
  return found?.ip === undefined
    ? undefined
    : { node: found.node, pod: 'self', ip: found.ip, name: `agent on ${found.node}` };
}

/** How much got through each way, in words and as data. */
export interface Passage {
  readonly from: string;
  readonly to: string;
  readonly sent: number;
  readonly arrived: number;
}

/** Counts what gets through between all pairs, each way. */
export async function passages(
  kube: KubeClient,
  reach: Reach,
  signal: AbortSignal,
  options: MeshOptions = {},
): Promise<{ forth: Passage[]; back: Passage[] }> {
  if (reach.pairs.length === 0) return { forth: [], back: [] };
  const mesh = await probeMesh(kube, reach.pairs, options, signal);
  const count = (a: ProbePlace, b: ProbePlace): Passage => ({
    from: a.name,
    to: b.name,
    ...mesh.delivered(a.ip, b.ip),
  });
  return {
    forth: reach.pairs.map(([a, b]) => count(a, b)),
    back: reach.pairs.map(([a, b]) => count(b, a)),
  };
}

const connectTimeoutMs = 1_000;

/** Nothing gets through where it should not, and everything gets through where it should. */
export async function looksCut(
  kube: KubeClient,
  targets: readonly ResolvedTarget[],
  { oneWay, how }: { readonly oneWay: boolean; readonly how: 'drop' | 'reject' },
  signal: AbortSignal,
): Promise<Observation> {
  const reach = await reachBetween(kube, targets, signal);
  const [{ forth, back }, servers] = await Promise.all([passages(kube, reach, signal), connects(kube, reach, signal)]);
  const closed = [...forth, ...(oneWay ? [] : back)];
  const open = oneWay ? back : [];
  // a server that drops silently gives a timeout, one that was never there a refusal
  const cutOff = (outcome: string) => (how === 'reject' ? outcome === 'refused' : outcome === 'timeout');
  const seen =
    closed.length + servers.length > 0 &&
    closed.every(({ sent, arrived }) => sent > 0 && arrived === 0) &&
    open.every(({ sent, arrived }) => arrived === sent) &&
    servers.every(({ outcome }) => cutOff(outcome));
  const what = [
    ...closed.map(sayPassage),
    ...open.map((passage) => `${sayPassage(passage)} (left alone)`),
    ...servers.map(({ name, outcome }) => `${name}: ${outcome}`),
    ...reach.blind,
  ].join('; ');
  return { seen, what, data: { passages: [...closed, ...open].map((one) => ({ ...one })) } };
}

/** Everything gets through again between those who are still there. */
export async function looksWhole(
  kube: KubeClient,
  targets: readonly ResolvedTarget[],
  signal: AbortSignal,
): Promise<Observation> {
  const reach = await reachBetween(kube, targets, signal);
  const [{ forth, back }, servers] = await Promise.all([passages(kube, reach, signal), connects(kube, reach, signal)]);
  const all = [...forth, ...back];
  // of the API server's addresses only that of its Service listens on this port
  const pods = new Set(servers.map(({ pod }) => pod));
  const answered = [...pods].every((pod) => servers.some((one) => one.pod === pod && one.outcome === 'connected'));
  const seen = all.every(({ sent, arrived }) => sent > 0 && arrived === sent) && answered;
  const words = [...all.map(sayPassage), ...servers.map(({ name, outcome }) => `${name}: ${outcome}`), ...reach.blind];
  return { seen, what: words.join('; ') || 'nobody is left who was cut off' };
}

async function connects(kube: KubeClient, { servers }: Reach, signal: AbortSignal) {
  return Promise.all(
    servers.map(async ({ pod, address, port }) => {
      const { outcome } = await probeConnect(kube, pod, { address, port }, { timeoutMs: connectTimeoutMs, signal });
      return { pod: pod.name, name: `${pod.name} → ${address}:${port}`, outcome };
    }),
  );
}

/** `a → b: 19 of 20 arrived` */
export function sayPassage({ from, to, sent, arrived }: Passage): string {
  return `${from} → ${to}: ${arrived} of ${sent} arrived`;
}
