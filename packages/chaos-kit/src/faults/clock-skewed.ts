import { type KubeClient, parseDuration, psqlRows } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { timeChaos, timeNeeds } from '../engines/chaos-mesh/time-chaos.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import type { PodTarget } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';

const form = 'a duration other than 0 with an optional sign, such as "5m" or "-90s"';

const offset = z.string({ error: () => form }).transform((text, context) => {
  try {
    const sign = text.startsWith('-') ? -1 : 1;
    const ms = sign * parseDuration(text.replace(/^[+-]/, ''));
    if (ms !== 0) return ms;
  } catch {
    // told below
  }
  context.addIssue({ code: 'custom', message: form, input: text });
  return z.NEVER;
});

/**
 * The wall clock of an instance is off, for its manager and PostgreSQL with every session that is opened from then on; the
 * monotonic clock is not. Looked at by `clock_timestamp()` in a new session, against the runner's own clock.
 */
export const clockSkewed = defineFault({
  name: 'clock-skewed',
  options: z.object({ target: podTargetSpec.default('primary'), offset }),
  target: ({ target }) => podSelector(target),
  engines: {
    'chaos-mesh': ({ targets, options }) => timeChaos({ targets, offsetMs: options.offset }),
  },
  unsupported: {
    kubernetes: 'the clock belongs to the node, and all of its pods share it',
    agent: 'the clock belongs to the node, and all of its pods share it',
  },
  needs: { 'chaos-mesh': timeNeeds },
  occupies: ({ targets }) => targets.map(({ uid }) => `clock of pod ${uid}`),
  evidence: {
    async effect({ kube, target, options }, signal) {
      const { offMs, what, resolutionMs } = await look(kube, target, signal);
      // Twice what a look takes, and a second for clocks of machines that differ.
      const seen = Math.abs(offMs - options.offset) <= 1_000 + 2 * resolutionMs;
      return { seen, what, data: { offMs, resolutionMs } };
    },
    async healed({ kube, target }, signal) {
      const { offMs, what, resolutionMs } = await look(kube, target, signal);
      return { seen: Math.abs(offMs) <= 1_000 + 2 * resolutionMs, what, data: { offMs, resolutionMs } };
    },
  },
});

async function look(kube: KubeClient, target: PodTarget, signal: AbortSignal) {
  const startedAt = Date.now();
  const sql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms';
  const [row] = await psqlRows<{ ms: number }>(kube, target, sql, { signal });
  const endedAt = Date.now();
  const resolutionMs = endedAt - startedAt;
  const offMs = Math.round((row?.ms ?? Number.NaN) - (startedAt + endedAt) / 2);
  return { offMs, resolutionMs, what: `${target.name}: its clock is off by ${offMs} ms (± ${resolutionMs} ms)` };
}

/** Runs the body with the clock of an instance off; see `clockSkewed`. */
export const withClockSkew = fixture(clockSkewed);
