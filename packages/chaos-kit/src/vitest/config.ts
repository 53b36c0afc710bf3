import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { assertNodeVersion } from './node-version.ts';
import { projectOptionsKey } from './provided.ts';
import type { ChaosProjectOptions } from './provided.ts';
import { chaosTags } from './tags.ts';
import type { ChaosTag } from './tags.ts';

export { assertNodeVersion, minimumNode, UnsupportedNodeError } from './node-version.ts';
export { chaosTags } from './tags.ts';
export type { ChaosTag } from './tags.ts';

const minute = 60_000;

/** Options of {@link defineChaosProject}. */
export interface DefineChaosProjectOptions {
  /** Name of the project, for `--project`. @default 'chaos' */
  name?: string;
  /** Globs of the specs, relative to the root. @default ['suites/**\/*.chaos.ts'] */
  include?: string[];
  /**
   * Where the cluster comes from. `auto` finds or starts it as `chaos.config.ts` says, the local lab when that says nothing.
   * `none` connects to nothing; every spec must then override the `cluster` fixture. @default 'auto'
   */
  cluster?: 'auto' | 'none';
  /** Tags besides {@link chaosTags} that specs may carry. @default [] */
  tags?: ChaosTag[];
  /**
   * Let chaos specs run in watch mode, where saving a file breaks a cluster.
   * `CNPG_CHAOS_ALLOW_WATCH=1` in the environment does the same. @default false
   */
  allowWatch?: boolean;
  /**
   * Path of a module whose export `engines` replaces engines of the kit or adds to them. A path, because the process that
   * heals after a killed run must be able to load them too; so it may not import vitest. Default: the kit's engines
   */
  engines?: string;
  /** Time for the body of one spec, in ms. Provisioning the cluster and healing are not part of it. @default 600000 (10 min) */
  testTimeout?: number;
  /** Time for a hook, which includes provisioning a cluster, in ms. @default 900000 (15 min) */
  hookTimeout?: number;
  /** Setup files that run after ours. @default [] */
  setupFiles?: string[];
}

/**
 * A vitest project for chaos specs: files one after the other, never retried, timeouts in minutes, a fixed list of tags,
 * a global setup that finds or starts the cluster and makes signals heal before the process ends.
 *
 * ```ts
 * export default defineConfig({
 *   test: { reporters: chaosReporters(), projects: [defineChaosProject()] },
 * });
 * ```
 * @throws {UnsupportedNodeError} when the Node.js that runs it is too old.
 */
export function defineChaosProject(options: DefineChaosProjectOptions = {}): TestProjectInlineConfiguration {
  assertNodeVersion();
  const projectOptions: ChaosProjectOptions = {
    cluster: options.cluster ?? 'auto',
    allowWatch: options.allowWatch ?? false,
    ...(options.engines === undefined ? {} : { engines: resolve(options.engines) }),
  };
  return {
    test: {
      name: { label: options.name ?? 'chaos', color: 'magenta' },
      include: options.include ?? ['suites/**/*.chaos.ts'],
      environment: 'node',
      pool: 'forks',
      // One cluster, one experiment at a time. A process per file: a worker that dies takes one file with it.
      fileParallelism: false,
      isolate: true,
      maxConcurrency: 1,
      // A chaos experiment that only passes the second time has failed.
      retry: 0,
      testTimeout: options.testTimeout ?? 10 * minute,
      hookTimeout: options.hookTimeout ?? 15 * minute,
      tags: [...chaosTags, ...(options.tags ?? [])],
      strictTags: true,
      globalSetup: [sibling('global-setup')],
      setupFiles: [sibling('setup'), ...(options.setupFiles ?? [])],
      // After unit and component tests, never beside them.
      sequence: { groupOrder: 2 },
      provide: { [projectOptionsKey]: projectOptions },
    },
  };
}

/**
 * Reporters for a root configuration with chaos projects: vitest's default one without its moving window, which would fight with the live
 * line of a chaos run for the terminal, and ours. Ours prints nothing when no chaos spec runs.
 */
export function chaosReporters(): [['default', { summary: false }], string] {
  return [['default', { summary: false }], sibling('reporter')];
}

// The name of a file beside this one, as source or as built.
function sibling(name: string): string {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  return fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
}
