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
  override readonly name = 'NotFoundError';
  override readonly code = 'KUBE_NOT_FOUND';
}

/** 409: it exists already, somebody else changed it, or a precondition (UID) did not hold. See `reason`. */
export class ConflictError extends KubeError {
  override readonly name = 'ConflictError';
  override readonly code = 'KUBE_CONFLICT';
}

/** 401 or 403: not allowed. */
export class ForbiddenError extends KubeError {
  override readonly name = 'ForbiddenError';
  override readonly code = 'KUBE_FORBIDDEN';
}

/** A kubeconfig cannot be read, is none, or names no cluster to talk to. Nothing was sent. */
export class KubeconfigError extends KubeError {
  override readonly name = 'KubeconfigError';
  override readonly code = 'KUBE_CONFIG';
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
    case 403:
      return new ForbiddenError(message, details);
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
