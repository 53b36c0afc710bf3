import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { Action, Engine, EngineProblem, UndoEntry, UndoStep } from '../../src/engines/engine.ts';
import type { EngineRegistry } from '../../src/engines/registry.ts';

/** What a fake engine does. It lives in this process and breaks nothing. */
export interface FakeEngineParts {
  readonly problems?: readonly EngineProblem[];
  readonly undo?: (entry: UndoEntry, signal: AbortSignal) => Promise<string>;
}

/** An engine for tests of the life cycle. */
export function fakeEngine(parts: FakeEngineParts = {}): Engine {
  return {
    name: 'kubernetes',
    preflight: () => Promise.resolve(parts.problems ?? []),
    undo: (entry, _context, signal) => parts.undo?.(entry, signal) ?? Promise.resolve(`undone ${entry.kind}`),
    leftovers: () => Promise.resolve([]),
    manualCommand: (entry) => `undo ${entry.kind}`,
  };
}

/** A registry in which everything but `kubernetes` is absent from the cluster unless given. */
export function fakeEngines(kubernetes: Engine, chaosMesh?: Engine): EngineRegistry {
  const absent = fakeEngine({ problems: [{ missing: 'CRD is not installed', remedy: 'install it' }] });
  return {
    kubernetes,
    'chaos-mesh': chaosMesh ?? { ...absent, name: 'chaos-mesh' },
    agent: { ...absent, name: 'agent' },
    lab: { ...absent, name: 'lab' },
  };
}

/** An action with the given undo steps and act. */
export function fakeAction(steps: readonly UndoStep[], act: (signal: AbortSignal) => Promise<void>): Action {
  return {
    summary: 'fake action',
    plan: () => ({
      undo: steps,
      async act(signal) {
        await act(signal);
        return {};
      },
    }),
  };
}

/** A client for where one is required and must not be used: its server does not exist. */
export const neverKube = KubeClient.fromString(
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'none',
    clusters: [{ name: 'none', cluster: { server: 'http://127.0.0.1:9' } }],
    contexts: [{ name: 'none', context: { cluster: 'none', user: 'none' } }],
    users: [{ name: 'none', user: {} }],
  }),
);
