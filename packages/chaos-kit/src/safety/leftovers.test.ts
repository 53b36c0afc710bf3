import { expect, test } from 'vitest';
import { PartlyBlindError } from '../engines/engine-error.ts';
import { type Engine, type EngineContext, type EngineName, engineNames, type Leftover } from '../engines/engine.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { findLeftovers } from './leftovers.ts';

const leftover = (what: string): Leftover => ({ what, undo: { kind: 'remove', data: {} }, runId: undefined });

function registry(looks: Partial<Record<EngineName, Engine['leftovers']>>): EngineRegistry {
  const engines = engineNames.map((name) => [name, { name, leftovers: looks[name] ?? (async () => []) }]);
  return Object.fromEntries(engines) as EngineRegistry;
}

const context = {} as EngineContext;

test('an engine that could not look is told, and hides nothing that others found', async () => {
  const engines = registry({
    agent: () => Promise.reject(new Error('no pod on w2')),
    'chaos-mesh': async () => [leftover('NetworkChaos a')],
  });
  const { found, blind } = await findLeftovers(engines, context);
  expect(found.map(({ engine, what }) => `${engine}: ${what}`)).toEqual(['chaos-mesh: NetworkChaos a']);
  expect(blind).toEqual(['engine agent could not look: no pod on w2']);
});

test('what an engine found before it went blind is found all the same', async () => {
  const engines = registry({
    kubernetes: () =>
      Promise.reject(new PartlyBlindError('kubernetes', [leftover('Cluster pg was edited')], new Error('psql failed'))),
  });
  const { found, blind } = await findLeftovers(engines, context);
  expect(found.map(({ engine, what }) => `${engine}: ${what}`)).toEqual(['kubernetes: Cluster pg was edited']);
  expect(blind).toEqual(['engine kubernetes could not look: kubernetes: psql failed']);
});
