import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { isDeadHolder } from './living-runs.ts';
import { identityOf } from './process-identity.ts';
import type { StoredRun } from './run-folder.ts';

const dead = { pid: 2 ** 22 + 1, started: '1' };

const runOf = (runner: StoredRun['manifest']['runner'], host = hostname()): StoredRun => ({
  folder: '/nowhere',
  manifest: { version: 1, runId: 'r', startedAt: '2026-01-01T00:00:00Z', host, root: '/', runner, namespaces: [] },
  journals: [],
});

test.each([
  ['a run of this machine whose runner is dead', `u@${hostname()} pid 1 run r`, [runOf(dead)], true],
  [
    'a run of this machine whose runner lives, though the worker is dead',
    `u@${hostname()} pid ${dead.pid} run r`,
    [runOf(identityOf())],
    false,
  ],
  [
    'a run that a shared state directory knows from another machine',
    'u@other pid 1 run r',
    [runOf(dead, 'other')],
    false,
  ],
  ['an unknown run of this machine, its process dead', `u@${hostname()} pid ${dead.pid} run x`, [], true],
  ['an unknown run of this machine, its process alive', `u@${hostname()} pid ${process.pid} run x`, [], false],
  ['a run of another machine', `u@other pid ${dead.pid} run x`, [], false],
  ['a holder that says nothing', 'somebody', [], false],
])('%s: dead is %#', (_what, holder, runs, expected) => {
  expect(isDeadHolder(holder, runs)).toBe(expected);
});
