import { type Cluster, type KubeClient, type Watch, watch } from '@cnpg-chaos/cnpg-utils';
import { type BlindStretch, type ClusterSample, sameState, sampleOf } from './cluster-sample.ts';

/** Follows the status of a Cluster by a watch and keeps every change with its time. */
export class ClusterHistory implements AsyncDisposable {
  readonly #samples: ClusterSample[] = [];
  readonly #watch: Watch<Cluster>;
  readonly #done: Promise<void>;
  #failure: unknown;

  private constructor(feed: Watch<Cluster>, onChange: (sample: ClusterSample) => void) {
    this.#watch = feed;
    this.#done = this.#follow(onChange).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Starts to watch and resolves when the present state is known. */
  static async start(
    kube: KubeClient,
    cluster: { namespace: string; name: string },
    onChange: (sample: ClusterSample) => void = () => {},
  ): Promise<ClusterHistory> {
    const feed = watch<Cluster>(kube, {
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Cluster',
      namespace: cluster.namespace,
      fieldSelector: `metadata.name=${cluster.name}`,
    });
    const history = new ClusterHistory(feed, onChange);
    await feed.ready;
    return history;
  }

  get samples(): readonly ClusterSample[] {
    return this.#samples;
  }

  /** Times in which changes may have been missed, the present one included. */
  get blind(): readonly BlindStretch[] {
    const past = this.#watch.blindIntervals.map(({ fromMs, toMs }) => ({ fromMs, toMs }));
    const since = this.#watch.blindSinceMs;
    const open = since === undefined ? [] : [{ fromMs: since, toMs: performance.now() }];
    // a watch that failed for good sees nothing from its last sample on
    const dead =
      this.#failure === undefined ? [] : [{ fromMs: this.#samples.at(-1)?.atMs ?? 0, toMs: Number.POSITIVE_INFINITY }];
    return [...past, ...open, ...dead];
  }

  async stop(): Promise<void> {
    await this.#watch.close();
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #follow(onChange: (sample: ClusterSample) => void): Promise<void> {
    for await (const event of this.#watch) {
      if (event.type === 'DELETED') continue;
      const sample = sampleOf(event.object, event.atMs);
      const last = this.#samples.at(-1);
      if (last !== undefined && sameState(last, sample)) continue;
      this.#samples.push(sample);
      onChange(sample);
    }
  }
}
