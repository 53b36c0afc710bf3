// On the process, not in the module: vitest evaluates modules anew for each file that shares a worker.
const key = Symbol.for('@cnpg-chaos/chaos-kit/open-sessions');
const holder = globalThis as { [key]?: Set<object> };
const open = (holder[key] ??= new Set());

/** Whether an experiment of this process has yet to be ended, so that the process must not. */
export function anySessionOpen(): boolean {
  return open.size > 0;
}

/** Counts a session as open. */
export function markOpen(session: object): void {
  open.add(session);
}

/** Counts a session as ended. */
export function markEnded(session: object): void {
  open.delete(session);
}
