import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { chaosMeshNeeds } from '../engines/chaos-mesh/needs.ts';
import { engineNames } from '../engines/engine.ts';
import type { EngineName } from '../engines/engine.ts';
import { describeRight } from '../engines/access.ts';
import { parseRight } from '../engines/kubernetes/rights.ts';
import * as exported from './index.ts';

// A need that its engine does not know reads as something that the cluster lacks, and the fault is then never offered there.

/** What is looked at of a fault. */
interface Needy {
  readonly name: string;
  readonly options: z.ZodObject;
  readonly engines: Partial<Record<EngineName, unknown>>;
  readonly needs?: Partial<Record<EngineName, ((options: never) => readonly string[]) | readonly string[]>>;
}

const agent = new URL('../../../chaos-lab/components/agent/cnpg-chaos-agent', import.meta.url);
const agentFeatures = /^readonly families='(.*)'$/m.exec(readFileSync(agent, 'utf8'))?.[1]?.split(' ') ?? [];
const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
const resources = [
  'clusters.postgresql.cnpg.io',
  'clusters.postgresql.cnpg.io/status',
  'deployments.apps',
  'nodes',
  'persistentvolumeclaims',
  'pods',
  'pods/eviction',
  'pods/exec',
  'secrets',
];

const knows: Record<EngineName, (need: string) => boolean> = {
  agent: (need) => agentFeatures.includes(need),
  'chaos-mesh': (need) => chaosMeshNeeds.includes(need),
  kubernetes(need) {
    const cluster = { namespace: 'n', name: 'c', uid: 'u' };
    const { verb, ...right } = parseRight(need, { cluster, operatorNamespace: 'o' });
    const [, resource = ''] = /to \S+ (\S+) in/.exec(describeRight({ verb, ...right }).missing) ?? [];
    return verbs.includes(verb) && resources.includes(resource);
  },
  // machines by name, which no fault can know
  lab: () => false,
};

/** Options with each value of each option that is one of a few words. */
function variants({ shape }: z.ZodObject): Record<string, unknown>[] {
  const several = Object.entries(shape).flatMap(([key, option]) => {
    const inner: unknown = option instanceof z.ZodDefault ? option.unwrap() : option;
    return inner instanceof z.ZodEnum ? inner.options.map((value) => ({ [key]: value })) : [];
  });
  return [{}, ...several];
}

/** Needs of a fault that its engine does not know, or that are for an engine that cannot do it at all. */
function unknownNeeds({ options, engines, needs = {} }: Needy): string[] {
  const found = engineNames.flatMap((engine) =>
    variants(options).flatMap((variant) => {
      const list = needs[engine] ?? [];
      const words = typeof list === 'function' ? list(variant as never) : list;
      // the value of an option by which an engine says that it has no such thing, such as `eviction` of Chaos Mesh
      const refused = Object.values(variant);
      return words
        .filter((word) => !refused.includes(word) && (engines[engine] === undefined || !knows[engine](word)))
        .map((word) => `${engine}: ${word}`);
    }),
  );
  return [...new Set(found)];
}

const faults = Object.values(exported).filter((one) => 'engines' in one) as unknown as Needy[];

describe('what a fault asks of its engines they know', () => {
  test.each(faults.map((fault) => [fault.name, fault] as const))('%s', (_name, fault) => {
    expect(unknownNeeds(fault)).toEqual([]);
  });

  const made: Needy = {
    name: 'made-up',
    options: z.object({ how: z.enum(['drop', 'reject']).default('drop') }),
    engines: { agent: 0, 'chaos-mesh': 0, kubernetes: 0 },
  };
  test.each<[Needy['needs'], string[]]>([
    [{ agent: ['cut', 'levitation'] }, ['agent: levitation']],
    [{ 'chaos-mesh': ['NetworkChaos', 'netm'] }, ['chaos-mesh: netm']],
    [
      { 'chaos-mesh': ({ how }: { how: string }) => (how === 'reject' ? ['reject', 'shredder'] : []) },
      ['chaos-mesh: shredder'],
    ],
    [
      { kubernetes: ['delete pods', 'fly pods', 'patch pods/exe'] },
      ['kubernetes: fly pods', 'kubernetes: patch pods/exe'],
    ],
    [{ lab: ['w1'] }, ['lab: w1']],
  ])('%j is found', (needs = {}, found) => {
    expect(unknownNeeds({ ...made, needs })).toEqual(found);
  });

  test('the list is complete', () => {
    expect(faults.length).toBeGreaterThan(25);
    expect(agentFeatures).toContain('freeze');
  });
});
