import { createNamespace, deleteNamespace, preservedPrefixes, uniqueNamespaceName } from '@cnpg-chaos/cnpg-utils';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { enabledLabel, managedByLabels } from '../safety/labels.ts';

/** Longest that deleting a namespace may take; finalizers that wait for a dead primary are removed long before. */
export const namespaceDeletionMs = 180_000;

/** A namespace for one test. */
export interface OwnNamespace {
  readonly name: string;
  create(signal: AbortSignal): Promise<void>;
  /** Deletes it, whatever is in it, unless its name starts with one of `PRESERVE_NAMESPACES`. @returns whether it is gone */
  remove(): Promise<boolean>;
}

/**
 * A namespace with a name of its own, in which clusters may be broken.
 *
 * @param prefix such as the name of the test; everything but lower-case letters, digits and dashes is replaced
 */
export function ownNamespace(
  kube: KubeClient,
  prefix: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): OwnNamespace {
  const name = uniqueNamespaceName(namespacePrefix(prefix));
  return {
    name,
    create: async (signal) => {
      await createNamespace(kube, name, { labels: { ...managedByLabels, [enabledLabel]: 'true' }, signal });
    },
    remove: async () => {
      if (preservedPrefixes(env).some((start) => name.startsWith(start))) return false;
      await deleteNamespace(kube, name, { timeoutMs: namespaceDeletionMs });
      return true;
    },
  };
}

/** What of a test's name may begin the name of a namespace; at most 40 characters. */
export function namespacePrefix(text: string): string {
  const words = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const cut = words.slice(0, 40).replaceAll(/^-+|-+$/g, '');
  return cut === '' ? 'chaos' : cut;
}
