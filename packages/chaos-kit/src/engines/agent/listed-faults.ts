import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';
import { agentPods, runAgent } from './agent-pods.ts';

/** A fault that an agent found on its node. */
export interface ListedFault {
  readonly id: string;
  readonly family: string;
  /** Until it ends by itself; undefined when the agent does not know it and only found it. */
  readonly secondsLeft: number | undefined;
  readonly runId: string | undefined;
  /** Where it is, in words. */
  readonly what: string;
}

/** Reads what the agent's `list` printed: tab-separated lines. @throws EngineError when a line is not of that form */
export function parseListed(text: string): readonly ListedFault[] {
  const faults = new Map<string, ListedFault>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [id, family, left, run, what, ...more] = line.split('\t');
    if (
      id === undefined ||
      !family ||
      left === undefined ||
      run === undefined ||
      what === undefined ||
      more.length > 0
    ) {
      throw new EngineError('agent', `list: got the line ${JSON.stringify(line)}, expected five fields`);
    }
    // one fault may be found at several places
    const known = faults.get(id);
    faults.set(id, {
      id,
      family,
      secondsLeft: left === '-' ? undefined : Number(left),
      runId: run === '-' ? undefined : run,
      what: known === undefined ? what : `${known.what}; ${what}`,
    });
  }
  return [...faults.values()];
}

/**
 * What is really there on all nodes, as their agents find it. No agents: nothing.
 *
 * @throws EngineError when one of them cannot look
 */
export async function agentFaults(
  kube: KubeClient,
  signal: AbortSignal,
): Promise<readonly (ListedFault & { readonly node: string })[]> {
  const pods = await agentPods(kube, signal);
  const found = await Promise.allSettled(
    pods.map(async ({ node }) => {
      const text = await runAgent(kube, node, ['list'], { signal, timeoutMs: 10_000 });
      return parseListed(text).map((fault) => ({ ...fault, node }));
    }),
  );
  const failed = found.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  if (failed.length > 0) {
    const why = failed.map((reason) => (reason instanceof Error ? reason.message : String(reason))).join('; ');
    throw new EngineError('agent', `cannot look at every node: ${why}`, { cause: failed[0] });
  }
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}
