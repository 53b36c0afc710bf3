import { existsSync } from 'node:fs';
import { type Cluster, isTransientKubeError, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import type { EngineContext } from '../engines/engine.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { labControl } from '../provider/lab.ts';
import { healStored, StoredClusters } from './heal-stored.ts';
import { describeUndo } from './journal/describe-undo.ts';
import type { ClusterAccess, JournalHeader } from './journal/journal-record.ts';
import { closeEntry, readJournal, type StoredJournal } from './journal/read-journal.ts';
import { enabledLabel, managedByLabels } from './labels.ts';
import { findLeftovers, type FoundLeftover, removeLeftover } from './leftovers.ts';
import { isDeadHolder, livingHolders, type NamespaceHolder } from './living-runs.ts';
import { isRunAlive, removeRunFolder, type StoredRun } from './run-folder.ts';
import { holderIdentity, RunLock, RunLockedError } from './run-lock.ts';

/** One thing that a sweep found. */
export interface SweptThing {
  /** For people: what it is. */
  readonly what: string;
  readonly namespace: string;
  /** Run that left it, where that is known. */
  readonly runId: string | undefined;
  /** `left alone`: it belongs to a run that lives, or may live. `found`: a dry run removes nothing. */
  readonly outcome: 'removed' | 'found' | 'failed' | 'left alone';
  /** How it went, or why it could not be done. */
  readonly how: string;
}

/** What a sweep found and did. */
export interface SweepResult {
  readonly things: readonly SweptThing[];
  /** Where it could not look, one sentence each: nothing found does not mean that nothing is there. */
  readonly blind: readonly string[];
}

/** A cluster in which leftovers are looked for. */
export interface SweptCluster {
  readonly access: ClusterAccess;
  readonly config: Pick<ChaosConfig, 'operatorNamespace' | 'chaosMesh' | 'waits'>;
}

/** Options of `sweep`. */
export interface SweepOptions {
  /** All runs that are known on this machine, living ones too. */
  readonly runs: readonly StoredRun[];
  /** Missing: only journals are looked at. */
  readonly cluster?: SweptCluster | undefined;
  readonly engines: EngineRegistry;
  /** Only these namespaces. Default: all that the kit made and may break. */
  readonly namespaces?: readonly string[] | undefined;
  /** Look, touch nothing. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Heals what dead runs left: first what their journals know, then what every engine finds in the cluster. What belongs to
 * a run that lives, or of which nobody here can tell, is left alone. Takes the Lease of a namespace while it works there.
 */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  await using clusters = new StoredClusters();
  const sweeper = new Sweeper(options, clusters);
  await sweeper.journals();
  await sweeper.leftovers();
  return { things: sweeper.things, blind: sweeper.blind };
}

class Sweeper {
  readonly things: SweptThing[] = [];
  readonly blind: string[] = [];
  readonly #options: SweepOptions;
  readonly #clusters: StoredClusters;

  constructor(options: SweepOptions, clusters: StoredClusters) {
    this.#options = options;
    this.#clusters = clusters;
  }

  async journals(): Promise<void> {
    for (const run of this.#options.runs.filter((one) => !isRunAlive(one))) {
      for (const path of run.journals) await this.#journal(readJournal(path));
      const left = run.journals.some((path) => readJournal(path).open.length > 0);
      if (!left && this.#options.dryRun !== true) removeRunFolder(run.folder);
    }
  }

  async #journal({ path, header, open }: StoredJournal): Promise<void> {
    if (header === undefined || open.length === 0) return;
    const { namespace } = header.cluster;
    if (!this.#wanted(namespace)) return;
    const say = (outcome: SweptThing['outcome'], how: string, entries = open) => {
      const { runId } = header;
      for (const entry of entries) this.things.push({ what: describeUndo(entry), namespace, runId, outcome, how });
    };
    if (this.#options.dryRun === true) return say('found', `journal of "${header.experiment.name}"`);
    try {
      const gone = await this.#isGone(header);
      if (gone !== undefined) {
        for (const { id } of open) closeEntry(path, id, 'sweep');
        return say('removed', gone);
      }
      await using _lock =
        header.access === undefined ? undefined : await this.#lock(this.#clusters.clientOf(header.access), namespace);
      const { undone, failure } = await healStored(path, {
        engines: this.#options.engines,
        clusters: this.#clusters,
        by: 'sweep',
      });
      say('removed', 'undone from the journal', [...undone]);
      const failed = open.filter(({ id }) => !undone.some((entry) => entry.id === id));
      if (failure !== undefined) say('failed', failure.message.replaceAll('\n', ' '), failed);
    } catch (error) {
      say(error instanceof RunLockedError ? 'left alone' : 'failed', messageOf(error));
    }
  }

  // An undo must never reach another cluster that took over the address of the one that was broken.
  async #isGone({ access }: JournalHeader): Promise<string | undefined> {
    if (access?.kubeSystemUid === undefined) return undefined;
    // a lab takes its kubeconfig along; that of another cluster may only have been moved
    if (access.labName !== undefined && !existsSync(access.kubeconfig)) return `its lab ${access.labName} is gone`;
    try {
      const uid = await kubeSystemUid(this.#clusters.clientOf(access), this.#options.signal);
      return uid === access.kubeSystemUid ? undefined : `its cluster is gone: another one answers now (${uid})`;
    } catch (error) {
      if (isTransientKubeError(error)) return undefined;
      throw error;
    }
  }

  async leftovers(): Promise<void> {
    const { cluster, runs, signal } = this.#options;
    if (cluster === undefined) return;
    const kube = this.#clusters.clientOf(cluster.access);
    const all = await ownNamespaces(kube, signal);
    const holders = await livingHolders(kube, all, runs, signal);
    const namespaces = all.filter((namespace) => this.#wanted(namespace));
    const seen = new Set<string>();
    for (const namespace of namespaces) {
      const holder = holders.find((one) => one.namespace === namespace);
      const contexts = await this.#contexts(kube, namespace);
      let blind: string[];
      let removed: number;
      do {
        const scans = await Promise.all(contexts.map((context) => this.#scan(context)));
        blind = scans.flatMap((scan) => scan.blind);
        // what lies on machines is seen from every namespace
        const fresh = scans.flatMap(({ things }) => things).filter(({ found }) => !seen.has(found.what));
        for (const { found } of fresh) seen.add(found.what);
        const before = this.#removed();
        await this.#remove(kube, namespace, fresh, holders, holder);
        removed = this.#removed() - before;
        // a frozen instance cannot be looked into, for instance: what was in the way may be gone now
      } while (blind.length > 0 && removed > 0);
      this.blind.push(...blind.filter((problem) => !this.blind.includes(problem)));
    }
  }

  async #scan(
    context: EngineContext,
  ): Promise<{ things: { context: EngineContext; found: FoundLeftover }[]; blind: readonly string[] }> {
    const { found, blind } = await findLeftovers(this.#options.engines, context);
    return { things: found.map((leftover) => ({ context, found: leftover })), blind };
  }

  #removed(): number {
    return this.things.filter(({ outcome }) => outcome === 'removed').length;
  }

  async #remove(
    kube: KubeClient,
    namespace: string,
    list: readonly { context: EngineContext; found: FoundLeftover }[],
    holders: readonly NamespaceHolder[],
    holder: NamespaceHolder | undefined,
  ): Promise<void> {
    const { runs, dryRun, engines, cluster } = this.#options;
    const say = ({ what, runId }: FoundLeftover, outcome: SweptThing['outcome'], how: string) =>
      this.things.push({ what, namespace, runId, outcome, how });
    const mayGo: (typeof list)[number][] = [];
    for (const one of list) {
      const { found } = one;
      const owner = livingOwner(found, { runs, holders, holder });
      if (owner !== undefined) say(found, 'left alone', `${owner} lives`);
      else if (dryRun === true) say(found, 'found', `engine ${found.engine}`);
      else mayGo.push(one);
    }
    if (mayGo.length === 0) return;
    let lock: RunLock;
    try {
      lock = await this.#lock(kube, namespace);
    } catch (error) {
      if (!(error instanceof RunLockedError)) throw error;
      for (const { found } of mayGo) say(found, 'left alone', messageOf(error));
      return;
    }
    await using _lock = lock;
    await Promise.all(
      mayGo.map(async ({ context, found }) => {
        try {
          say(found, 'removed', await removeLeftover(found, engines, context, cluster?.config.waits.undo ?? 60_000));
        } catch (error) {
          say(found, 'failed', messageOf(error));
        }
      }),
    );
  }

  async #contexts(kube: KubeClient, namespace: string): Promise<EngineContext[]> {
    const { cluster, signal } = this.#options;
    if (cluster === undefined) return [];
    const { labName } = cluster.access;
    const { operatorNamespace, chaosMesh } = cluster.config;
    const kind = { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', namespace };
    const found = await kube.list<Cluster>(kind, signal === undefined ? {} : { signal });
    const names = found.flatMap(({ metadata }) => metadata?.name ?? []);
    // a namespace whose cluster is gone may still hold objects
    return (names.length > 0 ? names : ['none']).map((name) => ({
      kube,
      cluster: { namespace, name },
      operatorNamespace,
      chaosMesh,
      ...(labName === undefined ? {} : { lab: labControl(labName) }),
    }));
  }

  #lock(kube: KubeClient, namespace: string): Promise<RunLock> {
    const { runs, signal } = this.#options;
    return RunLock.acquire(kube, namespace, {
      holder: holderIdentity(),
      isDead: (holder) => isDeadHolder(holder, runs),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #wanted(namespace: string): boolean {
    return this.#options.namespaces?.includes(namespace) ?? true;
  }
}

/**
 * Who of the living owns a leftover: its run by name; or, where it names none, whoever works in its namespace, and for
 * what lies outside of namespaces anybody at all.
 */
export function livingOwner(
  found: Pick<FoundLeftover, 'runId'>,
  among: {
    readonly runs: readonly StoredRun[];
    readonly holders: readonly NamespaceHolder[];
    readonly holder: NamespaceHolder | undefined;
  },
): string | undefined {
  const { runs, holders, holder } = among;
  if (found.runId === undefined) return (holder ?? holders[0])?.holder;
  const run = runs.find(({ manifest }) => manifest.runId === found.runId);
  if (run !== undefined && isRunAlive(run)) return `run ${found.runId}`;
  return holders.find(({ runId }) => runId === found.runId)?.holder;
}

interface Namespace {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid: string };
}

/** Namespaces that the kit made and that may be broken. */
async function ownNamespaces(kube: KubeClient, signal: AbortSignal | undefined): Promise<string[]> {
  const labels = { ...managedByLabels, [enabledLabel]: 'true' };
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const call = { labelSelector, ...(signal === undefined ? {} : { signal }) };
  const found = await kube.list<Namespace>({ apiVersion: 'v1', kind: 'Namespace' }, call);
  return found.map(({ metadata }) => metadata.name);
}

async function kubeSystemUid(kube: KubeClient, signal: AbortSignal | undefined): Promise<string | undefined> {
  const ref = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' };
  return (await kube.find<Namespace>(ref, signal === undefined ? {} : { signal }))?.metadata.uid;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ');
}
