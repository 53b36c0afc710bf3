import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, isTransientKubeError, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import { managedByLabels } from './labels.ts';

/** Name of the Lease that says who breaks things in a namespace. */
export const runLockName = 'cnpg-chaos-run';

/** Somebody else is running experiments in the namespace. Nothing was touched. */
export class RunLockedError extends Error {
  override readonly name = 'RunLockedError';
  readonly code = 'CHAOS_RUN_LOCKED';
  readonly holder: string;

  constructor(namespace: string, holder: string, why: string) {
    super(
      `namespace ${namespace} is in use by another run: ${holder} (${why}). Wait for it to end; if it is dead, its Lease ` +
        `expires by itself, or remove it: kubectl -n ${namespace} delete lease ${runLockName}`,
    );
    this.holder = holder;
  }
}

/** Options of `RunLock.acquire`. */
export interface RunLockOptions {
  /** Identity of the run. Workers of one run give the same and share the lock. Default: unique. */
  readonly holder?: string;
  /** A holder that has not renewed for this long is dead, in milliseconds. @default 30000 */
  readonly durationMs?: number;
  /** Time between renewals in milliseconds. @default 5000 */
  readonly renewMs?: number;
  /** Whether a holder is known to have ended: its Lease is then taken at once. Default: nothing is known. */
  readonly isDead?: (holder: string) => boolean;
  readonly signal?: AbortSignal;
}

/** A Lease as it is read here. */
export interface RunLease {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    labels?: Record<string, string>;
    resourceVersion?: string;
    uid?: string;
  };
  spec: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string | Date;
    renewTime?: string | Date;
  };
}

/** `user@host pid 123 run 4f…`: says where to look for the one who holds the lock. */
export function holderIdentity(runId: string = randomUUID().slice(0, 8)): string {
  return `${userInfo().username}@${hostname()} pid ${process.pid} run ${runId}`;
}

/** What to do about a Lease that is found. */
export type LeaseJudgement = 'free' | 'ours' | 'expired' | 'held';

/** Longest that a clock may differ from the holder's before an old Lease is taken without waiting. */
const clockSlackMs = 60_000;

/** Judges a Lease by its content. `held` may still turn out to be dead: then it is not renewed. */
export function judgeLease(
  lease: RunLease | undefined,
  holder: string,
  durationMs: number,
  nowMs: number,
): LeaseJudgement {
  const other = lease?.spec.holderIdentity;
  if (lease === undefined || other === undefined || other === '') return 'free';
  if (sameRun(other, holder)) return 'ours';
  const renewed = lease.spec.renewTime === undefined ? 0 : new Date(lease.spec.renewTime).getTime();
  const lifeMs = (lease.spec.leaseDurationSeconds ?? durationMs / 1000) * 1000;
  return nowMs - renewed > lifeMs + clockSlackMs ? 'expired' : 'held';
}

// the pid differs between the workers of one run, the run id does not
function sameRun(a: string, b: string): boolean {
  return (runIdOf(a) ?? a) === (runIdOf(b) ?? b);
}

/**
 * The right to break things in a namespace, held as a Lease that is renewed until it is released. It dies with its
 * process: a Lease that is not renewed expires.
 */
export class RunLock implements AsyncDisposable {
  readonly namespace: string;
  readonly holder: string;
  readonly #kube: KubeClient;
  readonly #durationMs: number;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #renewing: Promise<void>;

  private constructor(kube: KubeClient, namespace: string, holder: string, durationMs: number, renewMs: number) {
    this.#kube = kube;
    this.namespace = namespace;
    this.holder = holder;
    this.#durationMs = durationMs;
    this.#renewing = this.#renewUntilStopped(renewMs);
  }

  /** Fires when somebody else took the lock, which only happens after it could not be renewed for too long. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Takes the lock. A Lease of somebody else is watched: as soon as it is renewed its holder lives and the lock is
   * refused; when it is not renewed for its duration the holder is dead and the lock is taken over.
   *
   * @throws RunLockedError naming the holder.
   */
  static async acquire(kube: KubeClient, namespace: string, options: RunLockOptions = {}): Promise<RunLock> {
    const { holder = holderIdentity(), durationMs = 30_000, renewMs = 5_000, isDead, signal } = options;
    const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: runLockName };
    const call = signal === undefined ? {} : { signal };
    let observed: { renewTime: string; sinceMs: number } | undefined;
    for (;;) {
      signal?.throwIfAborted();
      const lease = await kube.find<RunLease>(ref, call);
      const judgement = judgeLease(lease, holder, durationMs, Date.now());
      const dead = isDead?.(lease?.spec.holderIdentity ?? '') ?? false;
      if (judgement !== 'held' || lease === undefined || dead) {
        if (await take(kube, lease, { namespace, holder, durationMs, acquire: judgement !== 'ours' }, call)) {
          return new RunLock(kube, namespace, holder, durationMs, renewMs);
        }
        continue;
      }
      const renewTime = String(lease.spec.renewTime === undefined ? '' : new Date(lease.spec.renewTime).toISOString());
      const other = lease.spec.holderIdentity ?? 'unknown';
      if (observed === undefined) observed = { renewTime, sinceMs: performance.now() };
      else if (observed.renewTime !== renewTime)
        throw new RunLockedError(namespace, other, `it renewed its Lease at ${renewTime}`);
      const lifeMs = (lease.spec.leaseDurationSeconds ?? durationMs / 1000) * 1000;
      if (performance.now() - observed.sinceMs > lifeMs) {
        if (await take(kube, lease, { namespace, holder, durationMs, acquire: true }, call)) {
          return new RunLock(kube, namespace, holder, durationMs, renewMs);
        }
        observed = undefined;
      }
      await sleep(500, undefined, call);
    }
  }

  /** Gives the lock up, so that the next run need not wait for its expiry. Idempotent. */
  async release(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: this.namespace, name: runLockName };
    const lease = await this.#kube.find<RunLease>(ref);
    const { uid, resourceVersion } = lease?.metadata ?? {};
    if (lease === undefined || uid === undefined || !sameRun(lease.spec.holderIdentity ?? '', this.holder)) return;
    try {
      const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      await this.#kube.deleteIfExists(ref, { preconditions });
    } catch (error) {
      // another worker of this run has just renewed it and will release it
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  /** Stops renewing it and leaves it to the other processes of the run. Idempotent. */
  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#renewing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #renewUntilStopped(renewMs: number): Promise<void> {
    const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: this.namespace, name: runLockName };
    const wanted = { namespace: this.namespace, holder: this.holder, durationMs: this.#durationMs, acquire: false };
    while (!this.#stop.signal.aborted) {
      // unref: a forgotten lock must not keep the process alive
      await sleep(renewMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
      if (this.#stop.signal.aborted) return;
      try {
        const lease = await this.#kube.find<RunLease>(ref, { timeoutMs: renewMs });
        const holder = lease?.spec.holderIdentity;
        if (holder !== undefined && holder !== '' && !sameRun(holder, this.holder)) {
          this.#lost.abort(new RunLockedError(this.namespace, holder, 'it took over our Lease'));
          return;
        }
        await take(this.#kube, lease, wanted, { timeoutMs: renewMs });
      } catch (error) {
        // the API server may be what is being broken: keep trying, nobody else can take the Lease then either
        if (!isTransientKubeError(error)) {
          this.#lost.abort(error);
          return;
        }
      }
    }
  }
}

/** Gives up the locks of a run that is over, in all of its namespaces. Those of other runs stay. */
export async function releaseRunLocks(kube: KubeClient, namespaces: readonly string[], runId: string): Promise<void> {
  for (const namespace of namespaces) {
    const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: runLockName };
    const lease = await kube.find<RunLease>(ref);
    const uid = lease?.metadata.uid;
    if (uid === undefined || runIdOf(lease?.spec.holderIdentity ?? '') !== runId) continue;
    await kube.deleteIfExists(ref, { preconditions: { uid } });
  }
}

/** Id of the run in the identity of a holder. */
export function runIdOf(identity: string): string | undefined {
  return / run (\S+)$/.exec(identity)?.[1];
}

async function take(
  kube: KubeClient,
  found: RunLease | undefined,
  wanted: { namespace: string; holder: string; durationMs: number; acquire: boolean },
  call: { signal?: AbortSignal; timeoutMs?: number },
): Promise<boolean> {
  const now = microTime(new Date());
  const acquired = found?.spec.acquireTime;
  const lease: RunLease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: runLockName, namespace: wanted.namespace, labels: { ...managedByLabels } },
    spec: {
      holderIdentity: wanted.holder,
      leaseDurationSeconds: Math.ceil(wanted.durationMs / 1000),
      acquireTime: wanted.acquire || acquired === undefined ? now : microTime(acquired),
      renewTime: now,
    },
  };
  try {
    if (found === undefined) {
      await kube.create(lease, call);
    } else {
      const { resourceVersion } = found.metadata;
      await kube.replace(
        { ...lease, metadata: { ...lease.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } },
        call,
      );
    }
    return true;
  } catch (error) {
    if (error instanceof ConflictError) return false;
    throw error;
  }
}

/** A time with microseconds, which is the only form that a Lease takes. */
export function microTime(time: string | Date): string {
  return new Date(time).toISOString().replace(/Z$/, '000Z');
}
