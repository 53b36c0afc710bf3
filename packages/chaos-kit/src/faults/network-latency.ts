import { z } from 'zod';
import { durationSchema } from '../config/duration-schema.ts';
import { delay } from '../engines/agent/delay.ts';
import { networkBetween } from '../engines/chaos-mesh/network-between.ts';
import { networkNeeds } from '../engines/chaos-mesh/network-chaos.ts';
import { probeConnect, type ProbePlace, probeMesh } from '../engines/agent/probe.ts';
import { betweenPeers, mostPeers, peersBetween } from './between-peers.ts';
import { latencyFits } from './bounds.ts';
import { defineFault, type FaultContext } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';
import { type Reach, reachBetween } from './reach.ts';

const longestMs = 10_000;

const options = z.object({
  ...betweenPeers,
  /** Added each way, such as `"50ms"`: with both directions a round trip takes twice as much longer. 1 ms to 10 s. */
  latency: durationSchema().refine((ms) => ms >= 1 && ms <= longestMs, {
    error: () => 'a duration from "1ms" to "10s"',
  }),
  /** Spread around `latency` to both sides, at most as much as that. Default: none. */
  jitter: durationSchema().default(0),
});

/**
 * What passes between two sides takes longer, over open connections and new ones. A synchronous commit waits for one round
 * trip; with `ANY 1` it waits for the nearest standby only, so slow all of them or none.
 */
export const networkLatency = defineFault({
  name: 'network-latency',
  options,
  target: peersBetween,
  maxTargets: mostPeers,
  engines: {
    agent: ({ targets, options: { oneWay, latency, jitter } }) =>
      delay(targets, { oneWay, latencyMs: latency, jitterMs: Math.min(jitter, latency) }),
    'chaos-mesh': ({ targets, options: { oneWay, latency, jitter } }) =>
      networkBetween({ kind: 'delay', latencyMs: latency, jitterMs: Math.min(jitter, latency) }, targets, oneWay),
  },
  needs: { agent: ['delay'], 'chaos-mesh': ['agent', ...networkNeeds('delay', true)] },
  evidence: {
    effect: async (context, signal) => {
      const wantedMs = addedMs(context);
      const { trips, blind } = await roundTrips(context, signal);
      const seen = trips.length > 0 && trips.every(({ medianMs }) => latencyFits(wantedMs, medianMs));
      const what = [...trips.map(say), ...blind, `asked for ${wantedMs} ms more`].join('; ');
      return { seen, what, data: { trips: trips.map((one) => ({ ...one })), wantedMs } };
    },
    healed: async (context, signal): Promise<Observation> => {
      const { trips, blind } = await roundTrips(context, signal);
      const fast = trips.every(({ medianMs }) => medianMs > 0 && medianMs < Math.max(addedMs(context) / 2, 1));
      return { seen: fast, what: [...trips.map(say), ...blind].join('; ') || 'nobody is left' };
    },
  },
});

/** Runs the body with a slower network; see `networkLatency`. */
export const withNetworkLatency = fixture(networkLatency);

type Context = FaultContext<typeof options>;

function addedMs({ options: { oneWay, latency } }: Context): number {
  return oneWay ? latency : 2 * latency;
}

interface Trip {
  readonly from: string;
  readonly to: string;
  readonly medianMs: number;
  readonly answered: number;
}

async function roundTrips(
  context: Context,
  signal: AbortSignal,
): Promise<{ trips: readonly Trip[]; blind: readonly string[] }> {
  const { kube, targets } = context;
  const { pairs, servers, blind } = await reachBetween(kube, targets, signal);
  const connections = await connectTrips(context, servers, signal);
  if (pairs.length === 0) return { trips: connections, blind };
  const mesh = await probeMesh(kube, pairs, { tailMs: 400 + 3 * addedMs(context) }, signal);
  const trip = ([from, to]: readonly [ProbePlace, ProbePlace]): Trip => {
    const { median, count } = mesh.roundTrip(from.ip, to.ip);
    return { from: from.name, to: to.name, medianMs: median / 1000, answered: count };
  };
  return { trips: [...pairs.map(trip), ...connections], blind };
}

const connections = 5;

/** To open a connection takes one round trip. An address where nobody listens tells nothing. */
async function connectTrips(
  context: Context,
  servers: Reach['servers'],
  signal: AbortSignal,
): Promise<readonly Trip[]> {
  const timeoutMs = 1_000 + 3 * addedMs(context);
  const trips = await Promise.all(
    servers.map(async ({ pod, address, port }): Promise<Trip> => {
      const times: number[] = [];
      for (let tries = 0; tries < connections; tries++) {
        const { outcome, afterMs } = await probeConnect(context.kube, pod, { address, port }, { timeoutMs, signal });
        if (outcome !== 'connected' || afterMs === undefined) break;
        times.push(afterMs);
      }
      const medianMs = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
      return { from: pod.name, to: `${address}:${port}`, medianMs, answered: times.length };
    }),
  );
  return trips.filter(({ answered }) => answered > 0);
}

function say({ from, to, medianMs, answered }: Trip): string {
  return `${from} ↔ ${to}: ${medianMs.toFixed(1)} ms (median of ${answered})`;
}
