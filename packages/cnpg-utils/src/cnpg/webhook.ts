import type { KubeClient } from '../kube/client.ts';
import { ForbiddenError, InvalidError, isTransientKubeError, KubeError, NotFoundError } from '../kube/errors.ts';
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
    if (error instanceof NotFoundError) {
      return { answers: false, problem: `the kind ${CLUSTER_KIND} is not installed: ${error.message}` };
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
