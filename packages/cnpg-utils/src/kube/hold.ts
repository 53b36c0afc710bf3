import type { KubernetesObject } from '@kubernetes/client-node';
import { retry } from '../retry.ts';
import type { KubeClient } from './client.ts';
import { ConflictError, isTransientKubeError, NotFoundError } from './errors.ts';
import type { CallOptions, ResourceRef } from './refs.ts';

/** The finalizer that {@link holdObject} adds. */
export const HOLD_FINALIZER = 'cnpg-chaos.io/hold';

/**
 * Adds a finalizer to an object: whoever deletes it then only marks it, and it stays "terminating" until
 * {@link releaseObject}. A fault for what must cope with objects that do not go away.
 *
 * @returns false when it was held already
 * @throws NotFoundError; BeingDeletedError when it is being deleted already: Kubernetes refuses new finalizers then
 */
export async function holdObject(kube: KubeClient, ref: ResourceRef, options: CallOptions = {}): Promise<boolean> {
  return await editFinalizers(kube, ref, (present) => [...new Set([...present, HOLD_FINALIZER])], options);
}

/**
 * Takes the finalizer of {@link holdObject} away; an object that was deleted meanwhile vanishes then.
 *
 * @returns false when there was nothing to release
 */
export async function releaseObject(kube: KubeClient, ref: ResourceRef, options: CallOptions = {}): Promise<boolean> {
  return await removeFinalizers(kube, ref, (name) => name === HOLD_FINALIZER, options);
}

/**
 * Removes finalizers from an object without doing what they stand for.
 *
 * @returns false when it had none of them, or does not exist
 */
export async function removeFinalizers(
  kube: KubeClient,
  ref: ResourceRef,
  which: (finalizer: string) => boolean,
  options: CallOptions = {},
): Promise<boolean> {
  try {
    return await editFinalizers(kube, ref, (present) => present.filter((name) => !which(name)), options);
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

async function editFinalizers(
  kube: KubeClient,
  ref: ResourceRef,
  change: (present: string[]) => string[],
  options: CallOptions,
): Promise<boolean> {
  return await retry(
    async () => {
      const object = await kube.get<KubernetesObject>(ref, options);
      const { finalizers = [], resourceVersion, deletionTimestamp } = object.metadata ?? {};
      const wanted = change(finalizers);
      if (wanted.length === finalizers.length) return false;
      if (deletionTimestamp !== undefined && wanted.length > finalizers.length) {
        throw new BeingDeletedError(`${ref.kind} ${ref.name} is being deleted already and cannot be held any more`);
      }
      const metadata = { finalizers: wanted, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      await kube.patch(ref, { metadata }, options);
      return true;
    },
    {
      retryIf: (error) => error instanceof ConflictError || isTransientKubeError(error),
      retries: 8,
      minTimeoutMs: 50,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
}

/** An object that is being deleted takes no new finalizers. */
export class BeingDeletedError extends Error {
  override readonly name = 'BeingDeletedError';
  readonly code = 'KUBE_BEING_DELETED';
}
