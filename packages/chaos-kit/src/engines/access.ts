import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { EngineProblem } from './engine.ts';

/** A right that an engine needs. */
export interface NeededRight {
  /** API group; empty for core kinds. */
  readonly group: string;
  /** Plural, such as `pods`. */
  readonly resource: string;
  readonly verb: string;
  readonly namespace: string;
}

interface AccessReview {
  apiVersion: string;
  kind: string;
  spec: { resourceAttributes: NeededRight };
  status?: { allowed?: boolean };
}

/** Asks the API server which of the rights the current user lacks. */
export async function missingRights(
  kube: KubeClient,
  rights: readonly NeededRight[],
  signal: AbortSignal,
): Promise<EngineProblem[]> {
  const answers = await Promise.all(
    rights.map((right) =>
      kube.create<AccessReview>(
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { ...right } },
        },
        { signal },
      ),
    ),
  );
  return rights.filter((_right, index) => answers[index]?.status?.allowed !== true).map(describeRight);
}

/** What is missing, and a command that grants it. */
export function describeRight({ group, resource, verb, namespace }: NeededRight): EngineProblem {
  const kind = group === '' ? resource : `${resource}.${group}`;
  return {
    missing: `no right to ${verb} ${kind} in namespace ${namespace}`,
    remedy: `kubectl -n ${namespace} create role cnpg-chaos-${resource} --verb=${verb} --resource=${kind}, and bind it`,
  };
}
