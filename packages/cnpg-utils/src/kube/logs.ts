import type { KubeClient } from './client.ts';
import { KubeError, UnreachableError } from './errors.ts';
import { readLines } from './lines.ts';
import type { CallOptions } from './refs.ts';
import { describeNetworkError } from './transport.ts';

/** Whose log. */
export interface LogTarget {
  namespace: string;
  pod: string;
  /** Needed when the pod has more than one container. */
  container?: string;
}

/** Which part of the log. */
export interface LogOptions extends CallOptions {
  /** Only the last lines. */
  tailLines?: number;
  sinceSeconds?: number;
  /** Only lines written at this time or later, such as `2026-01-02T03:04:05.678901234Z`. */
  sinceTime?: string;
  /** The log of the container's life before its last restart. @default false */
  previous?: boolean;
  /** Put the time in front of each line. @default false */
  timestamps?: boolean;
}

/** A container's log as text. */
export async function podLogs(kube: KubeClient, target: LogTarget, options: LogOptions = {}): Promise<string> {
  return await kube.transport.text(logRequest(target, options, false), options);
}

/**
 * Follows a container's log, line by line, until the container ends or `signal` aborts (the iteration then just ends).
 *
 * @throws KubeError when the API server refuses, or the connection is lost
 */
export async function* followLogs(
  kube: KubeClient,
  target: LogTarget,
  options: LogOptions = {},
): AsyncGenerator<string, void, undefined> {
  try {
    const stream = await kube.transport.stream(logRequest(target, options, true), options);
    yield* readLines(stream, () => {});
  } catch (error) {
    if (options.signal?.aborted === true) return;
    if (error instanceof KubeError) throw error;
    const problem = describeNetworkError(error);
    throw new UnreachableError(`logs ${target.namespace}/${target.pod}: connection lost: ${problem}`, { cause: error });
  }
}

function logRequest(target: LogTarget, options: LogOptions, follow: boolean) {
  return {
    method: 'GET' as const,
    path: `/api/v1/namespaces/${encodeURIComponent(target.namespace)}/pods/${encodeURIComponent(target.pod)}/log`,
    query: {
      container: target.container,
      follow: follow ? true : undefined,
      tailLines: options.tailLines,
      sinceSeconds: options.sinceSeconds,
      sinceTime: options.sinceTime,
      previous: options.previous,
      timestamps: options.timestamps,
    },
    accept: '*/*',
    what: `logs ${target.namespace}/${target.pod}`,
  };
}
