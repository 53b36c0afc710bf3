import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Options of `withLock`. */
export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock. */
  onWait?: (ownerPid: number) => void;
  /** Milliseconds between looks at a lock that is held. Default 500. */
  intervalMs?: number;
}

interface Owner {
  pid: number;
  /** Start time of the process in clock ticks since boot: tells a reused process number from the owner. */
  startedAt: string;
}

/**
 * Runs `run` while this process holds the lock file. Waits for a living owner without limit (the signal ends it); the
 * lock of a process that is gone is taken over. Processes must be on the same machine.
 */
export async function withLock<T>(file: string, run: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const mine = await ownerOf(process.pid);
  if (!mine) throw new Error(`lock ${file}: /proc/${process.pid}/stat cannot be read`);
  let told = false;
  while (!(await acquire(file, mine))) {
    const owner = await readOwner(file);
    if (owner && !(await isAlive(owner))) {
      await breakLock(file, owner);
      continue;
    }
    if (owner && !told) {
      told = true;
      options.onWait?.(owner.pid);
    }
    await sleep(options.intervalMs ?? 500, undefined, { signal: options.signal });
  }
  try {
    return await run();
  } finally {
    await rm(file, { force: true });
  }
}

/** Whether a living process holds the lock file. */
export async function isLocked(file: string): Promise<boolean> {
  const owner = await readOwner(file);
  return owner !== undefined && (await isAlive(owner));
}

let unique = 0;

// Written apart and linked: the lock file is never seen empty, and link() fails when it is there.
async function acquire(file: string, owner: Owner): Promise<boolean> {
  const draft = `${file}.${process.pid}.${unique++}`;
  await writeFile(draft, JSON.stringify(owner));
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

// rename() decides between several processes that see the same dead owner. One that renames a lock which was taken
// in the meantime puts it back.
async function breakLock(file: string, dead: Owner): Promise<void> {
  const grave = `${file}.${process.pid}.${unique++}`;
  try {
    await rename(file, grave);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  const buried = await readOwner(grave);
  if (buried && (buried.pid !== dead.pid || buried.startedAt !== dead.startedAt)) {
    await link(grave, file).catch(() => {});
  }
  await rm(grave, { force: true });
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const owner: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof owner === 'object' && owner !== null && 'pid' in owner && 'startedAt' in owner) {
      return { pid: Number(owner.pid), startedAt: String(owner.startedAt) };
    }
    return { pid: 0, startedAt: '' };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    // Not ours and not readable: nobody's.
    return { pid: 0, startedAt: '' };
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  return (await ownerOf(owner.pid))?.startedAt === owner.startedAt;
}

async function ownerOf(pid: number): Promise<Owner | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The program name in parentheses may hold spaces: count fields from the last one. proc(5): field 22.
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return startedAt === undefined ? undefined : { pid, startedAt };
  } catch {
    return undefined;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
