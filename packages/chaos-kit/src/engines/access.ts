import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { EngineProblem } from './engine.ts';

/** A right that an engine needs. */
export interface NeededRight {
  /** API group; empty for core kinds. */
  readonly group: string;
  /** Plural, such as `pods`. */
  readonly resource: string;
  /** Such as `exec`. */
  readonly subresource?: string;
  readonly verb: string;
  /** Missing for kinds that belong to no namespace. */
  readonly namespace?: string;
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
export function describeRight({ group, resource, subresource, verb, namespace }: NeededRight): EngineProblem {
  const plural = group === '' ? resource : `${resource}.${group}`;
  const kind = subresource === undefined ? plural : `${plural}/${subresource}`;
  const scope = namespace === undefined ? '' : ` -n ${namespace}`;
  const role = namespace === undefined ? 'clusterrole' : 'role';
  return {
    missing: `no right to ${verb} ${kind} in ${namespace === undefined ? 'the cluster' : `namespace ${namespace}`}`,
    remedy: `kubectl${scope} create ${role} cnpg-chaos-${resource} --verb=${verb} --resource=${kind}, and bind it`,
  };
}
