import type { V1Pod } from '@kubernetes/client-node';
import { sleep } from '../signals.ts';
import type { KubeClient } from './client.ts';
import { KubeError, NotFoundError } from './errors.ts';
import { followLogs, podLogs } from './logs.ts';
import { watch } from './watch.ts';

/** One line of a container's log. */
export interface LogLine {
  pod: string;
  /** UID of the pod: its name may be in use again. */
  uid: string;
  container: string;
  /** When the container wrote it, by its node's clock, in ISO format with nanoseconds. */
  writtenAt: string;
  text: string;
}

/** Options of {@link tailLogs}. */
export interface LogTailOptions {
  namespace: string;
  /** Which pods, such as `cnpg.io/cluster=db`. */
  labelSelector: string;
  /** Which of their containers. @default all */
  containers?: readonly string[];
  /** Ends the tail. */
  signal?: AbortSignal;
  /** Only lines written at this time or later, such as `2026-01-02T03:04:05Z`. @default all that the kubelets have */
  sinceTime?: string;
  /** Called for each line when it arrives. */
  onLine?: (line: LogLine) => void;
  /** How many lines to keep; the oldest go first. 0 keeps none. @default 100000 */
  keepLines?: number;
}

/** Logs of several pods that are being followed. */
export interface LogTail extends AsyncDisposable {
  /** Lines in the order in which they arrived. */
  readonly lines: readonly LogLine[];
  /** Lines that were dropped, because there were more than `keepLines`. */
  readonly dropped: number;
  /** What could not be read, as sentences. */
  readonly problems: readonly string[];
  /** Settles when the pods that were there at the start are known. */
  readonly ready: Promise<void>;
  /** Ends the tail and waits until everything has stopped. */
  close(): Promise<void>;
}

const PAUSE_MS = 300;
/** How long a deleted pod's log is followed on: its last lines come after the deletion. */
const AFTERLIFE_MS = 3_000;

/**
 * Follows the logs of all pods with some labels: those that are there and those that come. What a pod wrote stays when it
 * is deleted. After a lost connection or a restarted container it goes on where it was; lines that a container wrote
 * before its restart are fetched from its previous life.
 */
export function tailLogs(kube: KubeClient, options: LogTailOptions): LogTail {
  return new FollowedPods(kube, options);
}

class FollowedPods implements LogTail {
  readonly lines: LogLine[] = [];
  readonly problems: string[] = [];
  dropped = 0;
  readonly ready: Promise<void>;
  readonly #kube: KubeClient;
  readonly #options: LogTailOptions;
  readonly #ended = new AbortController();
  readonly #pods = new Map<string, FollowedPod>();
  readonly #work: Promise<unknown>[] = [];

  constructor(kube: KubeClient, options: LogTailOptions) {
    this.#kube = kube;
    this.#options = options;
    const { signal } = options;
    const end = () => {
      this.#ended.abort();
    };
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end, { once: true });
    const pods = watch<V1Pod>(
      kube,
      { apiVersion: 'v1', kind: 'Pod', namespace: options.namespace, labelSelector: options.labelSelector },
      { signal: this.#ended.signal },
    );
    this.ready = pods.ready;
    this.ready.catch(() => {});
    this.#work.push(
      (async () => {
        for await (const { type, object } of pods) this.#see(type === 'DELETED', object);
      })().catch((error: unknown) => {
        this.problems.push(`pods ${options.labelSelector}: ${textOf(error)}`);
      }),
    );
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #see(deleted: boolean, pod: V1Pod): void {
    const uid = pod.metadata?.uid ?? '';
    let followed = this.#pods.get(uid);
    if (followed === undefined) {
      followed = {
        name: pod.metadata?.name ?? '',
        uid,
        deleted: false,
        gone: new AbortController(),
        containers: new Map(),
      };
      this.#pods.set(uid, followed);
    }
    if (deleted) {
      const { gone } = followed;
      followed.deleted = true;
      setTimeout(() => {
        gone.abort();
      }, AFTERLIFE_MS).unref();
    }
    for (const { name, restartCount, state } of [
      ...(pod.status?.initContainerStatuses ?? []),
      ...(pod.status?.containerStatuses ?? []),
    ]) {
      if (this.#options.containers?.includes(name) === false) continue;
      const isNew = !followed.containers.has(name);
      const lives = restartCount + (state?.waiting === undefined ? 1 : 0);
      followed.containers.set(name, { lives, running: state?.running !== undefined });
      if (isNew) this.#work.push(this.#follow(followed, name));
    }
  }

  async #follow(pod: FollowedPod, container: string): Promise<void> {
    const signal = AbortSignal.any([this.#ended.signal, pod.gone.signal]);
    const target = { namespace: this.#options.namespace, pod: pod.name, container };
    const place = new Place(this.#options.sinceTime);
    let followedLives = 0;
    let complete = true;
    while (!signal.aborted && !pod.deleted) {
      const { lives, running } = pod.containers.get(container) ?? { lives: 0, running: false };
      // A stream also ends when its connection was closed in an orderly way and the container goes on.
      if (lives > followedLives || running || !complete) {
        complete = false;
        try {
          // Logs are asked for by name. The watch may not have told yet that the name is another pod's now.
          const now = await this.#kube.get<V1Pod>({ apiVersion: 'v1', kind: 'Pod', ...named(target) }, { signal });
          if (now.metadata?.uid !== pod.uid) return;
          if (followedLives > 0 && lives > followedLives) await this.#catchUp(pod, container, place, signal);
          followedLives = Math.max(lives, followedLives);
          place.resume();
          const since = place.since === undefined ? {} : { sinceTime: place.since };
          for await (const line of followLogs(this.#kube, target, { timestamps: true, signal, ...since })) {
            this.#take(pod, container, place, line);
          }
          complete = true;
        } catch (error) {
          if (signal.aborted || error instanceof NotFoundError) return;
          // Not started yet, or the server is away: go on where we were.
          if (!(error instanceof KubeError)) this.problems.push(`${pod.name}/${container}: ${textOf(error)}`);
        }
      }
      await sleep(PAUSE_MS, signal).catch(() => {});
    }
  }

  /** The lines that the container's former life wrote after what we saw. */
  async #catchUp(pod: FollowedPod, container: string, place: Place, signal: AbortSignal): Promise<void> {
    const target = { namespace: this.#options.namespace, pod: pod.name, container };
    const since = place.since === undefined ? {} : { sinceTime: place.since };
    try {
      const text = await podLogs(this.#kube, target, { timestamps: true, previous: true, signal, ...since });
      place.resume();
      for (const line of text.split('\n')) if (line !== '') this.#take(pod, container, place, line);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // The kubelet keeps one former life, and may have dropped it.
      if (!signal.aborted) this.problems.push(`${pod.name}/${container}: lines before its restart: ${error.message}`);
    }
  }

  #take(pod: FollowedPod, container: string, place: Place, line: string): void {
    const space = line.indexOf(' ');
    const writtenAt = space === -1 ? line : line.slice(0, space);
    if (!place.isNew(line, writtenAt)) return;
    const taken = {
      pod: pod.name,
      uid: pod.uid,
      container,
      writtenAt,
      text: space === -1 ? '' : line.slice(space + 1),
    };
    this.#options.onLine?.(taken);
    this.lines.push(taken);
    const keep = this.#options.keepLines ?? 100_000;
    // In chunks, since each shift moves the rest.
    const excess = this.lines.length - keep;
    if (excess > Math.max(keep / 10, 0)) this.dropped += this.lines.splice(0, excess).length;
  }
}

interface FollowedPod {
  name: string;
  uid: string;
  /** Its open streams run out; new ones would be those of a pod that took over its name. */
  deleted: boolean;
  gone: AbortController;
  /** How often each container has been started, and whether it runs. */
  containers: Map<string, { lives: number; running: boolean }>;
}

/** Where in a log we are. Several lines may carry one time, and `sinceTime` gives them all again. */
class Place {
  since: string | undefined;
  #seen: string[] = [];
  #again: string[] = [];

  constructor(since: string | undefined) {
    this.since = since;
  }

  /** From now on lines that were seen come again. */
  resume(): void {
    this.#again = [...this.#seen];
  }

  isNew(line: string, writtenAt: string): boolean {
    if (this.since !== undefined && writtenAt < this.since) return false;
    if (writtenAt === this.since) {
      const index = this.#again.indexOf(line);
      if (index !== -1) {
        this.#again.splice(index, 1);
        return false;
      }
      this.#seen.push(line);
      return true;
    }
    this.since = writtenAt;
    this.#seen = [line];
    this.#again = [];
    return true;
  }
}

function named({ namespace, pod }: { namespace: string; pod: string }) {
  return { namespace, name: pod };
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
