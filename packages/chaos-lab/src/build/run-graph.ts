/** One piece of work of `runGraph`. */
export interface GraphTask {
  name: string;
  /** Tasks of one lane run one after the other, in the order given. */
  lane: string;
  /** Names of tasks that must be done before; names that are no tasks count as done. */
  needs: readonly string[];
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Runs tasks side by side as their needs and lanes allow. The first failure aborts the others, which are waited for,
 * and is thrown. Needs must not form a circle.
 */
export async function runGraph(tasks: readonly GraphTask[], signal?: AbortSignal): Promise<void> {
  const failure = new AbortController();
  const all = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const pending = new Set(tasks);
  const open = new Set(tasks.map((task) => task.name));
  const busyLanes = new Set<string>();
  const running = new Map<GraphTask, Promise<void>>();
  const errors: unknown[] = [];

  while (pending.size > 0 || running.size > 0) {
    for (const task of pending) {
      if (all.aborted || busyLanes.has(task.lane) || task.needs.some((name) => open.has(name))) continue;
      pending.delete(task);
      busyLanes.add(task.lane);
      running.set(
        task,
        task
          .run(all)
          .catch((error: unknown) => {
            errors.push(error);
            failure.abort(error);
          })
          .finally(() => {
            open.delete(task.name);
            busyLanes.delete(task.lane);
            running.delete(task);
          }),
      );
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  signal?.throwIfAborted();
  if (errors.length > 0) throw errors[0];
}
