import { z } from 'zod';
import { cut } from '../engines/agent/cut.ts';
import { networkBetween } from '../engines/chaos-mesh/network-between.ts';
import { networkNeeds } from '../engines/chaos-mesh/network-chaos.ts';
import { betweenPeers, mostPeers, peersBetween } from './between-peers.ts';
import { lossFits } from './bounds.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { looksWhole, passages, reachBetween, sayPassage } from './reach.ts';

const percentForm = 'a percentage from 0.01 to 99.99 with two digits after the point at most';

const options = z.object({
  ...betweenPeers,
  /** Of the packets that arrive, at random; from 0.01 to 99.99. For all of them take a partition. */
  percent: z
    .number({ error: () => percentForm })
    .min(0.01, { error: () => percentForm })
    .max(99.99, { error: () => percentForm })
    .multipleOf(0.01, { error: () => percentForm }),
});

// enough that 1 % stands out: two standard deviations are 0.4 %
const probes = { count: 2_000, spacingUs: 500 } as const;

/** A share of what passes between two sides is lost, each packet by itself. */
export const packetLoss = defineFault({
  name: 'packet-loss',
  options,
  target: peersBetween,
  maxTargets: mostPeers,
  engines: {
    agent: ({ targets, options: { oneWay, percent } }) =>
      cut(targets, { oneWay, how: 'drop', percent, ends: 'arrival' }),
    'chaos-mesh': ({ targets, options: { oneWay, percent } }) =>
      networkBetween({ kind: 'loss', percent }, targets, oneWay),
  },
  needs: { agent: ['cut'], 'chaos-mesh': ['agent', ...networkNeeds('loss', true)] },
  evidence: {
    effect: async ({ kube, targets, options: { oneWay, percent } }, signal) => {
      const reach = await reachBetween(kube, targets, signal);
      const { forth, back } = await passages(kube, reach, signal, probes);
      const lossy = [...forth, ...(oneWay ? [] : back)];
      const spared = oneWay ? back : [];
      const seen =
        lossy.length > 0 &&
        lossy.every(({ sent, arrived }) => sent > 0 && lossFits(percent, sent, sent - arrived)) &&
        spared.every(({ sent, arrived }) => arrived === sent);
      const what = [...lossy, ...spared].map(sayPassage).concat(reach.blind).join('; ');
      return { seen, what, data: { passages: [...lossy, ...spared].map((one) => ({ ...one })) } };
    },
    healed: ({ kube, targets }, signal) => looksWhole(kube, targets, signal),
  },
});

/** Runs the body with a lossy network; see `packetLoss`. */
export const withPacketLoss = fixture(packetLoss);
