import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UndoEntry } from '../../engines/engine.ts';
import type { EngineRegistry } from '../../engines/registry.ts';
import { healStored, type StoredClusters } from '../heal-stored.ts';
import { describeUndo } from '../journal/describe-undo.ts';
import { readJournal, type StoredJournal } from '../journal/read-journal.ts';
import { findLeftovers, removeLeftover } from '../leftovers.ts';
import { isAlive } from '../process-identity.ts';
import { overPath, readRun, type StoredRun } from '../run-folder.ts';
import { holderIdentity, releaseRunLocks, RunLock } from '../run-lock.ts';

/** What a `Reaper` works with. */
export interface ReaperOptions {
  /** Folder of the run that it watches. */
  readonly folder: string;
  readonly engines: EngineRegistry;
  readonly clusters: StoredClusters;
  readonly log: (line: string) => void;
  /** Pause between two looks at the workers, in milliseconds. @default 250 */
  readonly pollMs?: number;
  /** How long after the first pass everything is undone once more, in milliseconds. @default 3000 */
  readonly settleMs?: number;
  /** How long it goes on trying, in milliseconds. @default 600000 (10 min) */
  readonly limitMs?: number;
}

/** Longest that it waits for a worker that it killed. */
const deathMs = 1_000;
const retryMs = 5_000;

/**
 * Heals what a run leaves in force when it dies: all of it when the runner is gone, that of one worker when only the
 * worker is. It lives in a process of its own, see `startReaper`.
 */
export class Reaper {
  readonly #options: Required<ReaperOptions>;
  readonly #stop = new AbortController();
  #gone = false;
  readonly #healing = new Map<string, Promise<void>>();

  constructor(options: ReaperOptions) {
    this.#options = { pollMs: 250, settleMs: 3_000, limitMs: 600_000, ...options };
  }

  /** Looks for workers that died until `stop`; heals what each has left. */
  async watch(): Promise<void> {
    const { signal } = this.#stop;
    // once more after `stop`: a worker may have been ended in the middle of its healing right before
    for (let last = false; !last;) {
      last = signal.aborted;
      // then everything is healed at once
      if (this.#gone) break;
      for (const journal of this.#journals()) {
        const { path, header, open, ended } = journal;
        if (header === undefined || open.length === 0 || ended) continue;
        if (this.#healing.has(path) || isAlive(header.owner)) continue;
        this.#options.log(`worker ${header.owner.pid} of "${header.experiment.name}" died with ${open.length} to undo`);
        const healing = this.#healOf([journal]).finally(() => this.#healing.delete(path));
        this.#healing.set(path, healing);
      }
      await sleep(this.#options.pollMs, undefined, { signal }).catch(() => {});
    }
    await Promise.all(this.#healing.values());
  }

  stop(): void {
    this.#stop.abort();
  }

  /** The runner is gone: ends its workers, heals everything, gives its locks back. @returns what is still to be undone. */
  async runnerGone(): Promise<number> {
    const { folder, log } = this.#options;
    this.#gone = true;
    this.stop();
    const run = readRun(folder);
    if (run === undefined) return 0;
    // from now on nothing is added to a journal
    writeFileSync(overPath(folder), '');
    await this.#endWorkers();
    const journals = this.#journals().filter(({ open }) => open.length > 0);
    log(`the runner ${run.manifest.runner.pid} is gone; journals with something to undo: ${journals.length}`);
    const others = journals.filter(({ path }) => !this.#healing.has(path));
    await Promise.all([this.#healOf(others), ...this.#healing.values()]);
    await this.#removeLeftovers(run);
    await this.#releaseLocks(run);
    const left = this.#journals().reduce((sum, { open }) => sum + open.length, 0);
    log(left === 0 ? 'done, nothing is left to undo' : `gave up, ${left} left to undo: npx chaos-kit sweep`);
    return left;
  }

  // A worker that outlives its runner would go on breaking things, or heal at the same time.
  async #endWorkers(): Promise<void> {
    const owners = this.#journals().flatMap(({ header }) => header?.owner ?? []);
    for (const owner of owners) {
      if (!isAlive(owner)) continue;
      this.#options.log(`ending worker ${owner.pid}`);
      try {
        process.kill(owner.pid, 'SIGKILL');
      } catch {
        // it ended by itself
      }
    }
    const deadline = performance.now() + deathMs;
    while (performance.now() < deadline && owners.some(isAlive)) await sleep(10);
  }

  async #healOf(journals: readonly StoredJournal[]): Promise<void> {
    if (journals.length === 0) return;
    const { settleMs, limitMs } = this.#options;
    const deadline = performance.now() + limitMs;
    await using _locks = await this.#holdLocks(journals);
    await Promise.all(journals.map(({ path, open }) => this.#pass(path, open)));
    // what an engine was asked to do when its process died may land after its undo
    await sleep(settleMs);
    await Promise.all(journals.map(({ path, open }) => this.#pass(path, open)));
    const left = () => journals.map(({ path }) => readJournal(path)).filter(({ open }) => open.length > 0);
    while (left().length > 0 && performance.now() < deadline) {
      await sleep(retryMs);
      await Promise.all(left().map(({ path, open }) => this.#pass(path, open)));
    }
  }

  async #pass(path: string, entries: readonly UndoEntry[]): Promise<void> {
    const { engines, clusters, log } = this.#options;
    const onUndone = (entry: UndoEntry, how: string) => log(`${describeUndo(entry)}: ${how}`);
    const { failure } = await healStored(path, { engines, clusters, by: 'reaper', onUndone }, entries);
    if (failure !== undefined) log(failure.message);
  }

  // In the background: healing does not wait for it, and the API server may be away.
  async #holdLocks(journals: readonly StoredJournal[]): Promise<AsyncDisposable> {
    const taken = new AbortController();
    const headers = journals.flatMap(({ header }) => (header?.access === undefined ? [] : [header]));
    const byNamespace = new Map(headers.map((header) => [header.cluster.namespace, header]));
    const locks = [...byNamespace].map(async ([namespace, { access, runId }]) => {
      try {
        const kube = this.#options.clusters.clientOf(access);
        return await RunLock.acquire(kube, namespace, { holder: holderIdentity(runId), signal: taken.signal });
      } catch (error) {
        if (!taken.signal.aborted) this.#options.log(`the lock of ${namespace} is not held: ${String(error)}`);
        return undefined;
      }
    });
    return {
      async [Symbol.asyncDispose]() {
        taken.abort();
        for (const lock of await Promise.all(locks)) await lock?.leave();
      },
    };
  }

  // What no journal knows: the worker may have died between two lines of it.
  async #removeLeftovers({ manifest }: StoredRun): Promise<void> {
    const { engines, clusters, log } = this.#options;
    const headers = this.#journals().flatMap(({ header }) => (header?.access === undefined ? [] : [header]));
    const byNamespace = new Map(headers.map((header) => [header.cluster.namespace, header]));
    for (const header of byNamespace.values()) {
      const context = clusters.contextOf(header);
      const { found, blind } = await findLeftovers(engines, context);
      for (const problem of blind) log(problem);
      for (const leftover of found.filter(({ runId }) => runId === manifest.runId)) {
        const how = await removeLeftover(leftover, engines, context, header.undoLimitMs).catch(String);
        log(`left behind: ${leftover.what}: ${how}`);
      }
    }
  }

  async #releaseLocks({ manifest }: StoredRun): Promise<void> {
    const { access, namespaces, runId } = manifest;
    if (access === undefined) return;
    try {
      await releaseRunLocks(this.#options.clusters.clientOf(access), namespaces, runId);
    } catch (error) {
      this.#options.log(`the locks expire by themselves: ${String(error)}`);
    }
  }

  #journals(): StoredJournal[] {
    const { folder } = this.#options;
    if (!existsSync(folder)) return [];
    return (readRun(folder)?.journals ?? []).map((path) => readJournal(path));
  }
}
