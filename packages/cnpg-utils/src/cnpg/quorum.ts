import type { KubernetesObject } from '@kubernetes/client-node';
import { z } from 'zod';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { CNPG_API_VERSION, names } from './constants.ts';

const quorumSchema = z.looseObject({
  method: z.string().optional(),
  standbyNames: z.array(z.string()).nullish(),
  standbyNumber: z.number().int().optional(),
  primary: z.string().optional(),
});

/** What the primary told about its synchronous standbys (`FailoverQuorum`), for the decision about a failover. */
export interface FailoverQuorum {
  /** `ANY` or `FIRST`. */
  method?: string;
  /** Instances that may have every acknowledged transaction. The primary is not among them. */
  standbyNames: string[];
  /** How many of them acknowledge each commit; 0 while the primary changes its configuration. */
  standbyNumber: number;
  /** Instance that wrote it. */
  primary?: string;
}

/**
 * The failover quorum of a cluster. Undefined when there is no such object: `failoverQuorum` is not switched on, or the
 * operator is older than 1.28.
 */
export async function failoverQuorum(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<FailoverQuorum | undefined> {
  const found = await kube.find<KubernetesObject & { status?: unknown }>(
    {
      apiVersion: CNPG_API_VERSION,
      kind: 'FailoverQuorum',
      namespace: ref.namespace,
      name: names.failoverQuorum(ref.name),
    },
    options,
  );
  if (found === undefined) return undefined;
  const { method, primary, standbyNames, standbyNumber } = quorumSchema.parse(found.status ?? {});
  return {
    ...(method === undefined ? {} : { method }),
    ...(primary === undefined ? {} : { primary }),
    standbyNames: standbyNames ?? [],
    standbyNumber: standbyNumber ?? 0,
  };
}

/** Whether the operator may fail over, and why. */
export interface QuorumVerdict {
  allowed: boolean;
  /** As a sentence. */
  reason: string;
}

/**
 * The operator's own rule: some instance that can be promoted must surely have every acknowledged transaction. Of N
 * candidates W acknowledged each commit and R can be promoted; R + W > N makes the two sets meet. Source:
 * `internal/controller/replicas_quorum.go` of version 1.30.
 *
 * @param promotable instances whose pods are ready and that answer for their status
 */
export function quorumAllowsFailover(quorum: FailoverQuorum | undefined, promotable: readonly string[]): QuorumVerdict {
  if (quorum === undefined) return { allowed: false, reason: 'there is no FailoverQuorum' };
  if (quorum.standbyNumber <= 0) return { allowed: false, reason: 'the number of synchronous standbys is not known' };
  const candidates = new Set(quorum.standbyNames);
  if (candidates.size === 0) return { allowed: false, reason: 'no synchronous standbys are known' };
  const readable = [...candidates].filter((name) => promotable.includes(name));
  const sum = `${readable.length} of ${candidates.size} can be promoted, ${quorum.standbyNumber} acknowledged each commit`;
  const allowed = readable.length + quorum.standbyNumber > candidates.size;
  return { allowed, reason: allowed ? sum : `${sum}: none of them need have the last one` };
}
