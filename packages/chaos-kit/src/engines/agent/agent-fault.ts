import { setTimeout as sleep } from 'node:timers/promises';
import { runLabel } from '../../safety/labels.ts';
import type { PodTarget } from '../../targets/target.ts';
import { EngineError } from '../engine-error.ts';
import type { Action, EngineContext, UndoEntry, UndoStep } from '../engine.ts';
import { AgentMissingError, mayPass, runAgent } from './agent-pods.ts';
import { containerId } from './container-id.ts';

/** What one node's agent is to do to one pod. */
export interface AgentPart {
  readonly target: PodTarget;
  /** Name of the family: a file of the agent's `lib/`. */
  readonly family: string;
  /** Told to the family by its id after the pod's UID; looked up when it acts, since a restart changes it. */
  readonly container?: string;
  /** The family's arguments after these. */
  readonly args: readonly string[];
}

/** What is special about a fault. */
export interface AgentFaultOptions {
  /** It happens once and cannot be undone, such as a signal that kills. */
  readonly once?: boolean;
}

/** Name of the undo that removes a fault from a node. */
export const removeFaultKind = 'remove-fault';

/**
 * Faults on nodes, carried out by the agents there, all at the same time. Each has an undo of its own, and ends by itself
 * on its node when the time to live is over.
 *
 * @param summary one line, for the timeline
 */
export function agentFault(summary: string, parts: readonly AgentPart[], options: AgentFaultOptions = {}): Action {
  if (parts.length === 0) throw new EngineError('agent', `${summary}: nothing to do`);
  return {
    summary,
    plan({ kube, faultId, labels, ttlMs }) {
      const placed = parts.map((part, index) => ({ ...part, id: `${faultId}-${index}`, node: nodeOf(part.target) }));
      const ttl = String(Math.ceil(ttlMs / 1000));
      const run = labels[runLabel] ?? 'unknown';
      return {
        undo: options.once === true ? [] : placed.map(({ node, id }) => removeFaultStep(node, id)),
        async act(signal) {
          const answers = await Promise.all(
            placed.map(async ({ node, id, family, target, container, args }) => {
              const place = [target.uid];
              if (container !== undefined) place.push(await containerId(kube, target, container, signal));
              const verb = ['apply', id, ttl, run, family, ...place, ...args];
              const said = await runAgent(kube, node, verb, { signal });
              return [id, said.trim()] as const;
            }),
          );
          return Object.fromEntries(answers.filter(([, said]) => said !== ''));
        },
      };
    },
  };
}

/** The undo of a fault on a node, as data. */
export function removeFaultStep(node: string, id: string): UndoStep {
  return { kind: removeFaultKind, data: { node, id } };
}

/** Node and id of an undo. @throws EngineError when it is none of this engine */
export function faultOf(entry: Pick<UndoEntry, 'kind' | 'data'>): { node: string; id: string } {
  const { node, id } = entry.data;
  if (entry.kind !== removeFaultKind || typeof node !== 'string' || typeof id !== 'string') {
    throw new EngineError('agent', `does not know the undo "${entry.kind}" with ${JSON.stringify(entry.data)}`);
  }
  return { node, id };
}

const retryMs = 500;

/**
 * Removes a fault from its node and says how. Tries until the signal fires while node or API server are away, because
 * they may be what was broken.
 */
export async function removeFault(
  { kube }: Pick<EngineContext, 'kube'>,
  { node, id }: { node: string; id: string },
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    try {
      return `${id} on node ${node}: ${(await runAgent(kube, node, ['remove', id], { signal, timeoutMs: 10_000 })).trim()}`;
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      if (error instanceof AgentMissingError && !(await nodeExists(kube, node, signal).catch(() => true))) {
        return `${id}: node ${node} is gone, and the fault with it`;
      }
      await sleep(retryMs, undefined, { signal });
    }
  }
}

async function nodeExists(kube: EngineContext['kube'], name: string, signal: AbortSignal): Promise<boolean> {
  return (await kube.find({ apiVersion: 'v1', kind: 'Node', name }, { signal })) !== undefined;
}

function nodeOf(target: PodTarget): string {
  if (target.node !== undefined) return target.node;
  throw new EngineError('agent', `pod ${target.namespace}/${target.name} is on no node yet`);
}
