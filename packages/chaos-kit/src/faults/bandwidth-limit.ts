import { z } from 'zod';
import { probeStream, type StreamRate } from '../engines/agent/probe.ts';
import { shape } from '../engines/agent/shape.ts';
import { networkBetween } from '../engines/chaos-mesh/network-between.ts';
import { networkNeeds } from '../engines/chaos-mesh/network-chaos.ts';
import { betweenPeers, mostPeers, peersBetween } from './between-peers.ts';
import { rateFits } from './bounds.ts';
import { defineFault, type FaultContext } from './fault.ts';
import { fixture } from './fixture.ts';
import { reachBetween } from './reach.ts';

const rateForm = 'bits a second such as "10mbit", "500kbit" or "1gbit", from 64 kbit to 10 gbit';
const units: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 };

const options = z.object({
  ...betweenPeers,
  /** For each pod and way, such as `"10mbit"`. Yields bits a second. */
  rate: z.string({ error: () => rateForm }).transform((text, context) => {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(kbit|mbit|gbit)$/.exec(text) ?? [];
    const bits = Number(number) * (units[unit] ?? Number.NaN);
    if (bits >= 64e3 && bits <= 10e9) return Math.round(bits);
    context.addIssue({ code: 'custom', message: rateForm, input: text });
    return z.NEVER;
  }),
});

/** What passes between two sides is held to so many bits a second, for each pod and way. */
export const bandwidthLimit = defineFault({
  name: 'bandwidth-limit',
  options,
  target: peersBetween,
  maxTargets: mostPeers,
  engines: {
    agent: ({ targets, options: { oneWay, rate } }) => shape(targets, { oneWay, bits: rate }),
    'chaos-mesh': ({ targets, options: { oneWay, rate } }) =>
      networkBetween({ kind: 'bandwidth', bitsPerSecond: rate }, targets, oneWay),
  },
  needs: { agent: ['shape'], 'chaos-mesh': ['agent', ...networkNeeds('bandwidth', true)] },
  occupies: ({ targets }) =>
    targets.flatMap((target) => (target.kind === 'pod' ? [`interface of pod ${target.uid}`] : [])),
  evidence: {
    effect: async (context, signal) => {
      const { rate } = context.options;
      const streams = await measure(context, signal);
      const seen = streams.length > 0 && streams.every(({ bits }) => rateFits(rate, bits));
      return { seen, what: `${streams.map(say).join('; ')}; asked for ${megabits(rate)}` };
    },
    healed: async (context, signal) => {
      const streams = await measure(context, signal);
      const seen = streams.every(({ bits }) => bits > 2 * context.options.rate);
      return { seen, what: streams.map(say).join('; ') || 'nobody is left' };
    },
  },
});

/** Runs the body with a narrow network; see `bandwidthLimit`. */
export const withBandwidthLimit = fixture(bandwidthLimit);

type Context = FaultContext<typeof options>;

interface Stream extends StreamRate {
  readonly name: string;
}

// one after the other: two at once would share what one of them may use
async function measure({ kube, targets, options: { oneWay } }: Context, signal: AbortSignal): Promise<Stream[]> {
  const { pairs } = await reachBetween(kube, targets, signal);
  const streams: Stream[] = [];
  for (const [from, to] of pairs) {
    const name = (a: { name: string }, b: { name: string }) => `${a.name} → ${b.name}`;
    streams.push({ name: name(from, to), ...(await probeStream(kube, from, to, signal)) });
    if (!oneWay) streams.push({ name: name(to, from), ...(await probeStream(kube, to, from, signal)) });
  }
  return streams;
}

function say({ name, bits }: Stream): string {
  return `${name}: ${megabits(bits)}`;
}

function megabits(bits: number): string {
  return `${(bits / 1e6).toPrecision(3)} Mbit/s`;
}
