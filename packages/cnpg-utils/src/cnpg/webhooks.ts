import type { KubernetesObject } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import {
  CnpgNotInstalledError,
  ForbiddenError,
  InvalidError,
  isTransientKubeError,
  KubeError,
  NotFoundError,
} from '../kube/errors.ts';
import type { CallOptions } from '../kube/refs.ts';
import { CLUSTER_KIND, CNPG_API_VERSION } from './constants.ts';
import type { Cluster } from './types.ts';

/** Whether the operator's admission webhooks answer. */
export interface WebhookProbe {
  answers: boolean;
  /** Why not, as a sentence. */
  problem?: string;
}

/**
 * Asks the operator's webhooks, through the API server, to judge a Cluster that is invalid, without creating it. Only
 * the validating webhook knows what is wrong with it (`spec.storage.size`), and it is asked after the mutating one: the
 * expected refusal proves both.
 *
 * @param options.namespace where to try. It must exist. @default 'default'
 * @throws KubeError when the API server itself does not answer or forbids the try
 */
export async function probeWebhook(
  kube: KubeClient,
  options: CallOptions & { namespace?: string } = {},
): Promise<WebhookProbe> {
  const { namespace = 'default', ...call } = options;
  const invalid: Cluster = {
    apiVersion: CNPG_API_VERSION,
    kind: CLUSTER_KIND,
    metadata: { name: 'cnpg-chaos-webhook-probe', namespace },
    spec: { instances: 1, storage: { size: '' } },
  };
  try {
    await kube.create(invalid, { ...call, dryRun: true });
    return { answers: false, problem: 'an invalid Cluster was accepted: the validating webhook is not installed' };
  } catch (error) {
    if (error instanceof InvalidError && error.message.includes('storage.size')) return { answers: true };
    if (error instanceof ForbiddenError && error.message.includes('storage.size')) return { answers: true };
    if (error instanceof CnpgNotInstalledError || error instanceof NotFoundError) {
      return { answers: false, problem: error.message };
    }
    // 500 with a body is the API server saying that it did not reach the webhook.
    if (error instanceof KubeError && error.status !== undefined && isTransientKubeError(error)) {
      return { answers: false, problem: `the webhook does not answer: ${error.message}` };
    }
    throw error;
  }
}

/** Like {@link probeWebhook}, without the reason. */
export async function webhookAnswers(
  kube: KubeClient,
  options: CallOptions & { namespace?: string } = {},
): Promise<boolean> {
  return (await probeWebhook(kube, options)).answers;
}

/** Which of the operator's two webhooks for clusters. */
export type ClusterWebhook = 'mutating' | 'validating';

/** Selects namespaces by their labels, as Kubernetes does; `{}` selects all. */
export interface NamespaceSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** The operator's webhook is not registered. */
export class WebhookNotFoundError extends Error {
  override readonly name = 'WebhookNotFoundError';
  readonly code = 'CNPG_WEBHOOK_NOT_FOUND';
}

// Names in the release manifest of 1.30.
const WEBHOOKS = {
  mutating: {
    kind: 'MutatingWebhookConfiguration',
    configuration: 'cnpg-mutating-webhook-configuration',
    webhook: 'mcluster.cnpg.io',
  },
  validating: {
    kind: 'ValidatingWebhookConfiguration',
    configuration: 'cnpg-validating-webhook-configuration',
    webhook: 'vcluster.cnpg.io',
  },
} as const;

type WebhookConfiguration = KubernetesObject & {
  webhooks?: { name: string; namespaceSelector?: NamespaceSelector }[];
};

/**
 * Restricts the namespaces whose clusters a webhook is asked about, for the whole server: a selector that fits none
 * switches it off. To undo it, give what this returns.
 *
 * @returns the selector that was there
 * @throws WebhookNotFoundError; ConflictError or InvalidError when somebody reordered the webhooks meanwhile
 */
export async function setWebhookNamespaceSelector(
  kube: KubeClient,
  which: ClusterWebhook,
  selector: NamespaceSelector,
  options: CallOptions = {},
): Promise<NamespaceSelector> {
  const { kind, configuration, webhook } = WEBHOOKS[which];
  const ref = { apiVersion: 'admissionregistration.k8s.io/v1', kind, name: configuration };
  const found = await kube.find<WebhookConfiguration>(ref, options);
  const index = found?.webhooks?.findIndex(({ name }) => name === webhook) ?? -1;
  if (index < 0) {
    const there = found?.webhooks?.map(({ name }) => name).join(', ') ?? 'no such configuration';
    throw new WebhookNotFoundError(`webhook ${webhook} in ${kind} ${configuration}: not found; there are: ${there}`);
  }
  const at = `/webhooks/${index}`;
  const patch = [
    { op: 'test', path: `${at}/name`, value: webhook },
    { op: 'add', path: `${at}/namespaceSelector`, value: selector },
  ];
  await kube.patch(ref, patch, { ...options, type: 'json' });
  return found?.webhooks?.[index]?.namespaceSelector ?? {};
}
