import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, engineNames } from '../../../src/engines/engine.ts';
import type { EngineRegistry } from '../../../src/engines/registry.ts';

// A world made of files, so that the process that started vitest can look at it: a fault in force is a file `broken-<id>`.
// It stands in for a cluster in tests of the integration itself and claims nothing about Kubernetes or PostgreSQL.

/** The file of a fault. */
export const pathOf = (id: unknown): string => join(process.cwd(), `broken-${String(id)}`);

const engine: Engine = {
  name: 'kubernetes',
  preflight: () => Promise.resolve([]),
  async undo(entry) {
    await sleep(Number(entry.data['undoMs'] ?? 0));
    if (Date.now() < Number(entry.data['thawsAt'] ?? 0)) throw new Error('still frozen');
    if (entry.data['stuck'] === true) throw new Error('this one cannot be undone');
    rmSync(pathOf(entry.data['id']), { force: true });
    return 'mended';
  },
  leftovers: () => Promise.resolve([]),
  manualCommand: (entry) => `rm broken-${JSON.stringify(entry.data['id'])}`,
};

/** All engines, for specs and for the process that heals after them. */
export const engines = Object.fromEntries(
  engineNames.map((name) => [name, { ...engine, name }]),
) as unknown as EngineRegistry;
