import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTATIONS } from './catalogue.ts';
import type { Mutation } from './catalogue.ts';

interface Measured {
  readonly runs: number;
  readonly detected: number;
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const measured = JSON.parse(read('../../../../docs/mutations.json')) as {
  readonly entries: Readonly<Record<string, Measured>>;
  readonly kubernetes: Readonly<Record<string, Measured>>;
  readonly clean: { readonly runs: number; readonly alarms: number };
};
const entries: [string, Mutation][] = Object.entries(MUTATIONS);
const of = (where: Mutation['where']): string[] => entries.flatMap(([id, it]) => (it.where === where ? [id] : []));

test('every entry for plain PostgreSQL has one spec', () => {
  const specs = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.component.ts'));
  const ids = specs.flatMap((name) => [...read(name).matchAll(/mutation\('(\w+)'/g)].map(([, id]) => id ?? ''));
  expect(ids.toSorted()).toEqual(of('component').toSorted());
});

test('every entry was measured, three times at least, and found every time', () => {
  const { entries: plain, kubernetes } = measured;
  expect(Object.keys(plain).toSorted()).toEqual(of('component').toSorted());
  for (const [id, { runs, detected }] of [...Object.entries(plain), ...Object.entries(kubernetes)]) {
    expect({ id, detected, enough: runs >= 3 }).toEqual({ id, detected: runs, enough: true });
  }
});

test('what is right was not called wrong, in 200 runs at least', () => {
  expect(measured.clean).toMatchObject({ alarms: 0 });
  expect(measured.clean.runs).toBeGreaterThanOrEqual(200);
});

test('what is not built says why', () => {
  for (const [id, { where, why }] of entries)
    expect({ id, why: why !== undefined }).toEqual({ id, why: where === 'none' });
});
