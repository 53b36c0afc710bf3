import type { V1Status } from '@kubernetes/client-node';

/** Facts that a {@link KubeError} carries besides its message. */
export interface KubeErrorDetails {
  /** HTTP status of the reply, if there was one. */
  status?: number;
  /** `reason` of the API server's `Status`, such as `NotFound` or `AlreadyExists`. */
  reason?: string;
  /** One sentence per field that the API server refused. */
  causes?: string[];
  /** Seconds after which the API server asks to try again. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** Any failure of a call to the API server. Its subclasses name the usual ones. */
export class KubeError extends Error {
  override readonly name: string = 'KubeError';
  readonly code: string = 'KUBE_ERROR';
  readonly status?: number;
  readonly reason?: string;
  readonly causes: readonly string[];
  readonly retryAfterSeconds?: number;

  constructor(message: string, details: KubeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    if (details.status !== undefined) this.status = details.status;
    if (details.reason !== undefined) this.reason = details.reason;
    if (details.retryAfterSeconds !== undefined) this.retryAfterSeconds = details.retryAfterSeconds;
    this.causes = details.causes ?? [];
  }

  /**
   * Whether the same call may succeed a little later without anybody changing anything: no answer, 429, or a 5xx.
   * A webhook that cannot be reached is a 500 and so counts too.
   */
  get transient(): boolean {
    return this.status !== undefined && (this.status === 429 || this.status >= 500);
  }
}

/** 404: the object, or its kind, does not exist. */
export class NotFoundError extends KubeError {
  override readonly name: string = 'NotFoundError';
  override readonly code: string = 'KUBE_NOT_FOUND';
}

/** The API server does not know the kind. What brings it is not installed, or is older. */
export class KindNotFoundError extends NotFoundError {
  override readonly name = 'KindNotFoundError';
  override readonly code = 'KUBE_KIND_NOT_FOUND';
}

/**
 * The API server does not know the kind `Cluster`: CloudNativePG has to be installed first. No {@link NotFoundError}, since
 * "there is no such cluster" would be the wrong thing to go on with.
 */
export class CnpgNotInstalledError extends KubeError {
  override readonly name = 'CnpgNotInstalledError';
  override readonly code = 'CNPG_NOT_INSTALLED';
}

/** 409: it exists already, somebody else changed it, or a precondition (UID) did not hold. See `reason`. */
export class ConflictError extends KubeError {
  override readonly name = 'ConflictError';
  override readonly code = 'KUBE_CONFLICT';
}

/**
 * 401 or 403: not allowed. Where it was RBAC that forbade it, the message says which rule is missing and how to ask for
 * it; a webhook or a policy that refuses is a 403, too, and says so in its own words.
 */
export class ForbiddenError extends KubeError {
  override readonly name: string = 'ForbiddenError';
  override readonly code: string = 'KUBE_FORBIDDEN';
}

/** 401: the API server does not know who is asking. The credentials of the kubeconfig have expired or are wrong. */
export class UnauthorizedError extends ForbiddenError {
  override readonly name = 'UnauthorizedError';
  override readonly code = 'KUBE_UNAUTHORIZED';
}

/** A kubeconfig cannot be read, is none, or names no cluster to talk to. Nothing was sent. */
export class KubeconfigError extends KubeError {
  override readonly name: string = 'KubeconfigError';
  override readonly code: string = 'KUBE_CONFIG';
}

/** A kubeconfig has no current context, or not the one that was asked for. Nothing was sent. */
export class NoContextError extends KubeconfigError {
  override readonly name = 'NoContextError';
  override readonly code = 'KUBE_NO_CONTEXT';
}

/** Nothing can be created in a namespace that is being deleted. Wait until it is gone, or use another one. */
export class NamespaceTerminatingError extends KubeError {
  override readonly name = 'NamespaceTerminatingError';
  override readonly code = 'KUBE_NAMESPACE_TERMINATING';
}

/** 400 or 422: the API server or a webhook refused the object. `causes` has one sentence per field. */
export class InvalidError extends KubeError {
  override readonly name = 'InvalidError';
  override readonly code = 'KUBE_INVALID';
}

/** 410: the resource version is too old to watch or page from. */
export class ExpiredError extends KubeError {
  override readonly name = 'ExpiredError';
  override readonly code = 'KUBE_EXPIRED';
}

/** No answer: refused, reset, no route, name not resolved, TLS failed. The call may or may not have been carried out. */
export class UnreachableError extends KubeError {
  override readonly name = 'UnreachableError';
  override readonly code = 'KUBE_UNREACHABLE';
  override get transient(): boolean {
    return true;
  }
}

/** No complete answer within the call's own time limit. The call may or may not have been carried out. */
export class TimeoutError extends KubeError {
  override readonly name = 'TimeoutError';
  override readonly code = 'KUBE_TIMEOUT';
  override get transient(): boolean {
    return true;
  }
}

/** Whether an error is a {@link KubeError} that may vanish by itself. */
export function isTransientKubeError(error: unknown): boolean {
  return error instanceof KubeError && error.transient;
}

/**
 * Turns an error reply into the matching error class.
 *
 * @param what the call in words, such as `get Pod team/db-1`
 * @param status HTTP status
 * @param body body of the reply: a `Status` object as JSON, or plain text from a proxy in between
 */
export function errorFromReply(what: string, status: number, body: string, retryAfter?: string): KubeError {
  const reply = parseStatus(body);
  const causes = (reply?.details?.causes ?? []).map((cause) =>
    cause.field === undefined || cause.field === '' ? (cause.message ?? '') : `${cause.field}: ${cause.message ?? ''}`,
  );
  const text = reply?.message ?? (body.trim() === '' ? 'empty reply' : body.trim().slice(0, 500));
  const seconds = reply?.details?.retryAfterSeconds ?? (retryAfter === undefined ? Number.NaN : Number(retryAfter));
  const details: KubeErrorDetails = {
    status,
    causes,
    ...(reply?.reason === undefined ? {} : { reason: reply.reason }),
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: seconds } : {}),
  };
  const message = `${what}: ${status}${reply?.reason === undefined ? '' : ` ${reply.reason}`}: ${text}`;
  if (reply?.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true) {
    return new NamespaceTerminatingError(message, details);
  }
  switch (status) {
    case 400:
    case 422:
      return new InvalidError(message, details);
    case 401:
      return new UnauthorizedError(
        `${message}. Renew the credentials of the kubeconfig's user; \`kubectl auth whoami\` shows whether they work`,
        details,
      );
    case 403:
      return new ForbiddenError(`${message}${rbacAdvice(text)}`, details);
    case 404:
      return new NotFoundError(message, details);
    case 409:
      return new ConflictError(message, details);
    case 410:
      return new ExpiredError(message, details);
    default:
      return new KubeError(message, details);
  }
}

// What the authorizer says, word for word: User "u" cannot list resource "pods" in API group "" in the namespace "n".
const RBAC_REFUSAL =
  /User "(?<user>[^"]*)" cannot (?<verb>\w+) resource "(?<resource>[^"]*)" in API group "(?<group>[^"]*)"(?<place> in the namespace "(?<namespace>[^"]*)")?/;

function rbacAdvice(text: string): string {
  const { user, verb, resource, group, namespace } = RBAC_REFUSAL.exec(text)?.groups ?? {};
  if (user === undefined || verb === undefined || resource === undefined) return '';
  const role = namespace === undefined ? 'ClusterRole' : `Role in namespace ${namespace}`;
  const place = namespace === undefined ? '' : ` -n ${namespace}`;
  const full = group === undefined || group === '' ? resource : `${resource}.${group}`;
  return (
    `. Bind a ${role} with the rule {apiGroups: [${JSON.stringify(group ?? '')}], resources: [${JSON.stringify(resource)}], ` +
    `verbs: [${JSON.stringify(verb)}]} to ${user}; check with \`kubectl auth can-i ${verb} ${full}${place} --as=${user}\``
  );
}

function parseStatus(body: string): V1Status | undefined {
  if (!body.trimStart().startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    return isStatus(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is V1Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}
