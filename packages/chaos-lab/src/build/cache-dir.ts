import { homedir } from 'node:os';
import { join } from 'node:path';

/** The cache of built components: `$XDG_CACHE_HOME/cnpg-chaos`, or else `~/.cache/cnpg-chaos`. */
export function cacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'cnpg-chaos');
}

/** Where things are inside a cache directory. */
export function cacheLayout(root: string = cacheDir()) {
  return {
    root,
    /** Finished artefacts: `artefacts/<component>/<key>/`. */
    artefacts: join(root, 'artefacts'),
    /** Builds that are under way. */
    tmp: join(root, 'tmp'),
    locks: join(root, 'locks'),
    logs: join(root, 'logs'),
    /** Go's module and build caches. */
    goModCache: join(root, 'go', 'mod'),
    goBuildCache: join(root, 'go', 'build'),
    /** A Go toolchain, when the machine has none. */
    goToolchain: join(root, 'tools', 'go'),
  } as const;
}

/** See `cacheLayout`. */
export type CacheLayout = ReturnType<typeof cacheLayout>;
