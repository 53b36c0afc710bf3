/** Names one object. */
export interface ResourceRef {
  /** Such as `v1` or `postgresql.cnpg.io/v1`. */
  apiVersion: string;
  /** Such as `Pod` or `Cluster`. */
  kind: string;
  name: string;
  /** Left out for kinds that belong to no namespace. */
  namespace?: string;
}

/** Names a set of objects of one kind. Without a namespace: those of all namespaces. */
export interface CollectionRef {
  apiVersion: string;
  kind: string;
  namespace?: string;
}

/** A name within a namespace, for functions whose kind is clear. */
export interface NamespacedName {
  namespace: string;
  name: string;
}

/** What every call accepts. */
export interface CallOptions {
  /** Ends the call early. It rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Time limit of the whole call in milliseconds, body included. @default 30000 */
  timeoutMs?: number;
}

/** `Pod team/db-1`, for messages. */
export function describeRef(ref: { kind: string; name?: string; namespace?: string }): string {
  const place = ref.namespace === undefined ? (ref.name ?? '') : `${ref.namespace}/${ref.name ?? ''}`;
  return `${ref.kind} ${place}`.trim();
}
