import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { EngineContext, UndoEntry } from '../engines/engine.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { HealError } from '../experiment/experiment-error.ts';
import { undoAll } from '../experiment/undo.ts';
import { labControl } from '../provider/lab.ts';
import type { ClusterAccess, JournalHeader } from './journal/journal-record.ts';
import { closeEntry, readJournal } from './journal/read-journal.ts';

/** Clients of the clusters that journals name, one per cluster. */
export class StoredClusters implements AsyncDisposable {
  readonly #clients = new Map<string, KubeClient>();

  /** Where the engines work for a journal. Its `kube` throws when the run was connected to no cluster. */
  contextOf({ access, cluster, operatorNamespace, chaosMesh }: JournalHeader): EngineContext {
    const client = (): KubeClient => this.clientOf(access);
    return {
      get kube() {
        return client();
      },
      cluster,
      operatorNamespace,
      chaosMesh,
      ...(access?.labName === undefined ? {} : { lab: labControl(access.labName) }),
    };
  }

  clientOf(access: ClusterAccess | undefined): KubeClient {
    if (access === undefined) throw new TypeError('the run was connected to no cluster');
    const { kubeconfig, context } = access;
    const key = JSON.stringify([kubeconfig, context]);
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const client = KubeClient.fromFile(kubeconfig, context === undefined ? {} : { context });
    this.#clients.set(key, client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}

/** What healing from a journal works with. */
export interface HealStoredOptions {
  readonly engines: EngineRegistry;
  readonly clusters: StoredClusters;
  /** Who heals, for the journal. */
  readonly by: 'reaper' | 'sweep';
  /** Told of every undo that was carried out, and how. */
  readonly onUndone?: (entry: UndoEntry, how: string) => void;
}

/** What came of it. */
export interface HealedJournal {
  readonly path: string;
  /** Carried out now. */
  readonly undone: readonly UndoEntry[];
  /** What could not be undone; missing when nothing is left. */
  readonly failure?: HealError;
}

/**
 * Carries out what is open in a journal, or `entries` of it once more, and closes each entry that succeeds. Never throws
 * because of a fault that cannot be undone: that is `failure`.
 */
export async function healStored(
  path: string,
  options: HealStoredOptions,
  entries?: readonly UndoEntry[],
): Promise<HealedJournal> {
  const { header, open } = readJournal(path);
  const wanted = entries ?? open;
  if (header === undefined || wanted.length === 0) return { path, undone: [] };
  const undone: UndoEntry[] = [];
  try {
    await undoAll(wanted, {
      journal: { close: (id) => Promise.resolve(closeEntry(path, id, options.by)) },
      engines: options.engines,
      context: options.clusters.contextOf(header),
      limitMs: header.undoLimitMs,
      onUndone(entry, how) {
        undone.push(entry);
        options.onUndone?.(entry, how);
      },
    });
    return { path, undone };
  } catch (error) {
    if (!(error instanceof HealError)) throw error;
    return { path, undone, failure: error };
  }
}
