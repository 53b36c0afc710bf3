import { expect, test } from 'vitest';
import { chaosMeshNeeds } from '../engines/chaos-mesh/needs.ts';
import * as faults from './index.ts';

// A word that the engine does not know reads as something that it cannot do, and the fault is then never offered.
const words = Object.values(faults).flatMap((fault) => {
  const needs = 'needs' in fault ? fault.needs?.['chaos-mesh'] : undefined;
  const list = typeof needs === 'function' ? needs({ how: 'drop' } as never) : (needs ?? []);
  return list.map((word) => ['name' in fault ? fault.name : '', word] as const);
});

test.each(words)('%s asks Chaos Mesh for %s, which it knows', (_fault, word) => {
  expect(chaosMeshNeeds).toContain(word);
});
