import {
  type AppCredentials,
  type Cluster,
  clusterHealth,
  type ClusterHealth,
  currentPrimary,
  getCluster,
  type Instance,
  type KubeClient,
  listInstances,
  psqlCommand,
  psqlRows,
  serviceClusterIp,
  names,
  waitFor,
  waitForHealthy,
} from '@cnpg-chaos/cnpg-utils';
import { ClusterHistory, SharedClusterHistory } from '../experiment/cluster-history.ts';
import type { ClusterSample } from '../experiment/cluster-sample.ts';
import type { ExperimentSubject, StatusHistory } from '../experiment/subject.ts';
import type { DatabaseAdmin, FinalReader, LedgerTarget } from '../ledger/index.ts';
import { beginPostMortem, type PostMortem } from '../observers/index.ts';
import type { Guard } from '../safety/guard.ts';
import type { RunLock } from '../safety/run-lock.ts';
import { assertTargetsUnchanged } from '../targets/assert-unchanged.ts';
import type { ResolvedTarget } from '../targets/target.ts';
import type { Profile } from './profile.ts';

/** What a `ClusterUnderTest` is made of. */
export interface ClusterUnderTestOptions {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly profile: Profile;
  readonly guard: Guard;
  readonly lock: RunLock;
  readonly credentials: AppCredentials;
  readonly operatorNamespace: string;
  /** Whether it was there already, healthy and of the wanted shape. */
  readonly reused: boolean;
}

/** Options of the waits of a `ClusterUnderTest`. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const postgresPort = 5432;
/** Looking at every page of a large table takes its time. */
const examinationMs = 60_000;
const failoverMs = 120_000;
const healthyMs = 300_000;

/** A CloudNativePG cluster that experiments may break. Disposing it gives up the lock; the cluster stays for the next spec. */
export class ClusterUnderTest implements ExperimentSubject, AsyncDisposable {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly profile: Profile;
  readonly reused: boolean;
  readonly #options: ClusterUnderTestOptions;
  readonly #history = new SharedClusterHistory(() => ClusterHistory.start(this.kube, this.#ref()));
  #rememberedPrimary: string | undefined;
  #knownReadOnlyIp: string | undefined;

  constructor(options: ClusterUnderTestOptions) {
    this.#options = options;
    this.kube = options.kube;
    this.namespace = options.namespace;
    this.name = options.name;
    this.profile = options.profile;
    this.reused = options.reused;
  }

  /** Fires when another run took the lock over: nothing may be broken any more. */
  get revoked(): AbortSignal {
    return this.#options.lock.lost;
  }

  /** @throws GuardError when cluster or namespace may not be broken (any more). */
  async authorize(signal: AbortSignal): Promise<void> {
    await this.#options.guard.assertClusterAllowed(signal);
    await this.#options.guard.assertNamespaceAllowed(this.namespace, signal);
  }

  /** The Cluster object as it is now. */
  read(signal?: AbortSignal): Promise<Cluster> {
    return getCluster(this.kube, this.#ref(), call(signal));
  }

  /** All instances, by serial number. */
  instances(signal?: AbortSignal): Promise<Instance[]> {
    return listInstances(this.kube, this.#ref(), call(signal));
  }

  /** The instance that `status.currentPrimary` names. */
  primary(signal?: AbortSignal): Promise<Instance> {
    return currentPrimary(this.kube, this.#ref(), call(signal));
  }

  /** One look at everything that makes the cluster healthy, the operator included. */
  health(signal?: AbortSignal): Promise<ClusterHealth> {
    return clusterHealth(this.kube, this.#ref(), {
      ...call(signal),
      operatorNamespace: this.#options.operatorNamespace,
    });
  }

  /** Waits until `health` finds nothing wrong. @throws WaitTimeoutError with the last problems. */
  waitForHealthy(options: WaitOptions = {}): Promise<ClusterHealth> {
    const { operatorNamespace } = this.#options;
    return waitForHealthy(this.kube, this.#ref(), { timeoutMs: healthyMs, operatorNamespace, ...options });
  }

  /**
   * Waits until another instance is primary and the operator has settled on it. `from` is the primary before; default:
   * the one before the fault that the experiment injected.
   *
   * @throws WaitTimeoutError with current and target primary and phase.
   */
  async waitForFailover(options: WaitOptions & { readonly from?: string } = {}): Promise<string> {
    const from = options.from ?? this.#rememberedPrimary ?? (await this.read(options.signal)).status?.currentPrimary;
    return waitFor(
      `a primary other than ${from ?? 'none'}`,
      async (signal, probe) => {
        const { status } = await this.read(signal);
        const current = status?.currentPrimary;
        const target = status?.targetPrimary;
        if (current !== undefined && current !== '' && current !== from && current === target) return current;
        probe.observe(
          `currentPrimary ${current ?? 'none'}, targetPrimary ${target ?? 'none'}, ${status?.phase ?? 'no phase'}`,
        );
        return undefined;
      },
      { timeoutMs: failoverMs, intervalMs: 250, ...options },
    );
  }

  remember(state: { readonly primary: string | undefined }): void {
    this.#rememberedPrimary = state.primary;
  }

  assertTargetsUnchanged(targets: readonly ResolvedTarget[], signal: AbortSignal): Promise<void> {
    return assertTargetsUnchanged(this.kube, targets, signal);
  }

  async follow(onChange: (sample: ClusterSample) => void): Promise<StatusHistory> {
    const { history, stop } = await this.#history.follow({ onSample: onChange });
    return {
      get samples() {
        return history.samples;
      },
      get blind() {
        return history.blind;
      },
      stop,
    };
  }

  /**
   * Where the ledger writes: the `-rw` Service by its cluster IP, as the application user, with the cluster's CA. The
   * address is refreshed in the background and never waited for, so that a broken API server does not look like a
   * database that is down.
   */
  ledgerTarget(): LedgerTarget {
    const { user, password, database, ca, serverName, host } = this.#options.credentials;
    const address = new ServiceAddress(this.kube, this.#ref(), host);
    return {
      resolveHost: () => Promise.resolve({ host: address.current(), port: postgresPort }),
      user,
      password,
      database,
      ca,
      tlsServerName: serverName,
      instances: async (signal) => {
        const instances = await this.instances(signal);
        return instances.flatMap(({ name, pod }) =>
          pod.ip === undefined ? [] : [{ name, host: pod.ip, port: postgresPort }],
        );
      },
      watch: async (onChange) => {
        const { history, stop } = await this.#history.follow({ onTransition: onChange });
        return {
          get blind() {
            return history.blindOfAnything;
          },
          stop,
        };
      },
      readOnly: async (signal) => ({ host: await this.#readOnlyIp(signal), port: postgresPort }),
      admin: async (sql, signal) => {
        const primary = await this.primary(signal);
        return this.#admin(primary.pod.name, sql, signal);
      },
    };
  }

  /** Begins to follow the logs of the instances, for a test that may fail. */
  postMortem(): PostMortem {
    return beginPostMortem(this.kube, this, { operatorNamespace: this.#options.operatorNamespace });
  }

  /** A superuser query on every instance, by psql in its container. */
  finalReader(): FinalReader {
    return {
      instances: async (signal) => {
        const instances = await this.instances(signal);
        return instances.map(({ name, pod }) => ({
          name,
          admin: (sql, limit) => this.#admin(pod.name, sql, limit),
          database: this.#database(pod.name),
        }));
      },
    };
  }

  /** Runs one SELECT as superuser on the current primary. */
  async query<Row extends Record<string, unknown>>(sql: string, signal?: AbortSignal): Promise<Row[]> {
    const primary = await this.primary(signal);
    const { database } = this.#options.credentials;
    return psqlRows<Row>(this.kube, { namespace: this.namespace, name: primary.pod.name }, sql, {
      database,
      ...call(signal),
    });
  }

  /** Gives up the lock. The cluster stays. */
  release(): Promise<void> {
    return this.#options.lock.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #admin(pod: string, sql: string, signal: AbortSignal): Promise<Record<string, unknown>[]> {
    return psqlRows(this.kube, { namespace: this.namespace, name: pod }, sql, { signal });
  }

  #database(pod: string): DatabaseAdmin {
    const ref = { namespace: this.namespace, name: pod };
    const { database } = this.#options.credentials;
    const options = { database, sqlStates: true, timeoutMs: examinationMs };
    return {
      query: (sql, signal) => psqlRows(this.kube, ref, sql, { ...options, signal }),
      command: (sql, signal) => psqlCommand(this.kube, ref, sql, { ...options, signal }),
    };
  }

  /** A Service keeps its cluster IP for life. */
  async #readOnlyIp(signal: AbortSignal): Promise<string> {
    const service = { namespace: this.namespace, name: names.readOnlyService(this.name) };
    this.#knownReadOnlyIp ??= await serviceClusterIp(this.kube, service, { timeoutMs: refreshMs, signal });
    return this.#knownReadOnlyIp;
  }

  #ref(): { namespace: string; name: string } {
    return { namespace: this.namespace, name: this.name };
  }
}

const refreshMs = 5_000;

class ServiceAddress {
  readonly #kube: KubeClient;
  readonly #service: { namespace: string; name: string };
  #host: string;
  #askedAtMs = performance.now();

  constructor(kube: KubeClient, cluster: { namespace: string; name: string }, host: string) {
    this.#kube = kube;
    this.#service = { namespace: cluster.namespace, name: names.readWriteService(cluster.name) };
    this.#host = host;
  }

  current(): string {
    if (performance.now() - this.#askedAtMs > refreshMs) {
      this.#askedAtMs = performance.now();
      void this.#refresh();
    }
    return this.#host;
  }

  async #refresh(): Promise<void> {
    try {
      this.#host = await serviceClusterIp(this.#kube, this.#service, { timeoutMs: refreshMs });
    } catch {
      // the last known address stays: a Service keeps its cluster IP for life
    }
  }
}

function call(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
