import {
  type Cluster,
  type ClusterTimeline,
  type ClusterTransition,
  type KubeClient,
  recordCluster,
  type WatchEvent,
} from '@cnpg-chaos/cnpg-utils';
import { type BlindStretch, type ClusterSample, sameState, sampleOf } from './cluster-sample.ts';

/** Told of what a history sees. */
export interface ClusterFollower {
  readonly onSample?: (sample: ClusterSample) => void;
  readonly onTransition?: (transition: ClusterTransition) => void;
}

/**
 * Follows a cluster by watches and keeps every change of its status with its time, and every change of its pods, endpoints
 * and lease. One history serves everybody who wants to know.
 */
export class ClusterHistory implements AsyncDisposable {
  readonly #samples: ClusterSample[] = [];
  readonly #followers = new Set<ClusterFollower>();
  readonly #timeline: ClusterTimeline;

  private constructor(kube: KubeClient, cluster: { namespace: string; name: string }) {
    this.#timeline = recordCluster(kube, cluster, {
      onCluster: (event) => this.#seeCluster(event),
      onTransition: (transition) => {
        for (const follower of this.#followers) follower.onTransition?.(transition);
      },
    });
  }

  /** Starts to watch and resolves when the present state is known. */
  static async start(kube: KubeClient, cluster: { namespace: string; name: string }): Promise<ClusterHistory> {
    const history = new ClusterHistory(kube, cluster);
    try {
      await history.#timeline.ready;
    } catch (error) {
      await history.stop();
      throw error;
    }
    return history;
  }

  /** Tells the present state, and every change from now on until the returned function is called. */
  follow(follower: ClusterFollower): () => void {
    const last = this.#samples.at(-1);
    if (last !== undefined) follower.onSample?.(last);
    for (const transition of this.#timeline.transitions) follower.onTransition?.(transition);
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  get samples(): readonly ClusterSample[] {
    return this.#samples;
  }

  /** Times in which changes of the status may have been missed, the present one included. */
  get blind(): readonly BlindStretch[] {
    const { blindIntervals, blindSinceMs: since } = this.#timeline.clusterSight;
    const past = blindIntervals.map(({ fromMs, toMs }) => ({ fromMs, toMs }));
    return since === undefined ? past : [...past, { fromMs: since, toMs: performance.now() }];
  }

  /** Times in which a change of anything may have been missed, and why. */
  get blindOfAnything(): readonly (BlindStretch & { readonly why: string })[] {
    return this.#timeline.blindIntervals.map(({ fromMs, toMs, reason, detail }) => ({
      fromMs,
      toMs,
      why: `${reason}: ${detail}`,
    }));
  }

  stop(): Promise<void> {
    return this.#timeline.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #seeCluster(event: WatchEvent<Cluster>): void {
    if (event.type === 'DELETED') return;
    const sample = sampleOf(event.object, event.atMs);
    const last = this.#samples.at(-1);
    if (last !== undefined && sameState(last, sample)) return;
    this.#samples.push(sample);
    for (const follower of this.#followers) follower.onSample?.(sample);
  }
}

/** What one who shares a history sees of it. */
export type SharedHistory = Pick<ClusterHistory, 'follow' | 'samples' | 'blind' | 'blindOfAnything' | 'stop'>;

/** A history that is started by the first who asks for it and stopped when the last one has enough. */
export class SharedClusterHistory {
  readonly #start: () => Promise<SharedHistory>;
  #shared: Promise<SharedHistory> | undefined;
  #users = 0;

  constructor(start: () => Promise<SharedHistory>) {
    this.#start = start;
  }

  /** Follows until `stop`. Rejects when the first look is refused; the next one who asks tries again. */
  async follow(
    follower: ClusterFollower,
  ): Promise<{ readonly history: SharedHistory; readonly stop: () => Promise<void> }> {
    this.#users++;
    const shared = (this.#shared ??= this.#start());
    try {
      const history = await shared;
      const leave = history.follow(follower);
      let left = false;
      const stop = async (): Promise<void> => {
        if (left) return;
        left = true;
        leave();
        await this.#leave();
      };
      return { history, stop };
    } catch (error) {
      if (this.#shared === shared) this.#shared = undefined;
      await this.#leave();
      throw error;
    }
  }

  async #leave(): Promise<void> {
    this.#users--;
    const shared = this.#shared;
    if (this.#users > 0 || shared === undefined) return;
    this.#shared = undefined;
    await shared.then((history) => history.stop()).catch(() => undefined);
  }
}
