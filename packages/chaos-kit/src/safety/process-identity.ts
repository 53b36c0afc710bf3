import { readFileSync } from 'node:fs';

/** A process, told apart from a later one that got its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in ticks since boot. Missing where the system does not say (no `/proc`). */
  readonly started?: string | undefined;
}

/** Who this process is, or another one that is alive. */
export function identityOf(pid: number = process.pid): ProcessIdentity {
  const stat = statOf(pid);
  return stat === undefined ? { pid } : { pid, started: stat.started };
}

/** Whether a process still runs. One that ended and was not waited for by its parent does not run. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  const stat = statOf(pid);
  if (stat !== undefined) return stat.state !== 'Z' && stat.state !== 'X' && (started ?? stat.started) === stat.started;
  // with `/proc` a process that is not in it is none
  if (started !== undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function statOf(pid: number): { state: string; started: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // the second field is the name in parentheses, which may hold anything
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields[0], fields[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}
