import { describe, expect, test } from 'vitest';
import { defineChaosProject } from './config.ts';
import { assertNodeVersion } from './node-version.ts';
import { experimentSeed, runSeed } from './seeds.ts';
import { assertNoWatch } from './watch-mode.ts';

describe('assertNodeVersion', () => {
  test.for(['20.20.2', '22.21.9', '18.0.0'])('refuses %s and says how to get a newer one', (version) => {
    expect(() => assertNodeVersion(version)).toThrow(/22\.22\.0 or newer is needed.*npx vitest/);
  });
  test.for(['22.22.0', '22.23.1', '24.21.0', '100.0.0'])('takes %s', (version) => {
    expect(() => assertNodeVersion(version)).not.toThrow();
  });
});

describe('assertNoWatch', () => {
  const watching = { watch: true, allowWatch: false, project: 'chaos' };
  test('refuses watch mode and names the ways out', () => {
    expect(() => assertNoWatch(watching, {})).toThrow(/npx vitest run --project chaos.*CNPG_CHAOS_ALLOW_WATCH=1/);
    expect(() => assertNoWatch(watching, { CNPG_CHAOS_ALLOW_WATCH: '0' })).toThrow('watch mode');
  });
  test('lets it pass when it was asked for, or is none', () => {
    expect(() => assertNoWatch({ ...watching, allowWatch: true }, {})).not.toThrow();
    expect(() => assertNoWatch(watching, { CNPG_CHAOS_ALLOW_WATCH: '1' })).not.toThrow();
    expect(() => assertNoWatch({ ...watching, watch: false }, {})).not.toThrow();
  });
});

describe('seeds', () => {
  test('the environment fixes the seed of a run', () => {
    expect(runSeed(7, {})).toBe(7);
    expect(runSeed(7, { CNPG_CHAOS_SEED: '42' })).toBe(42);
    expect(runSeed(1_763_982_000_000, {})).toBeLessThan(2 ** 32);
  });
  test.for(['x', '-1', '1.5', '4294967296'])('%s is no seed', (text) => {
    expect(() => runSeed(7, { CNPG_CHAOS_SEED: text })).toThrow(`CNPG_CHAOS_SEED=${text} is no seed`);
  });
  test('each experiment has its own, and the same one again', () => {
    expect(experimentSeed(7, 'a', 0)).toBe(experimentSeed(7, 'a', 0));
    expect(
      new Set([
        experimentSeed(7, 'a', 0),
        experimentSeed(7, 'a', 1),
        experimentSeed(7, 'b', 0),
        experimentSeed(8, 'a', 0),
      ]).size,
    ).toBe(4);
  });
});

describe('defineChaosProject', () => {
  test('never retries, runs file by file and knows its tags', () => {
    const { test: options } = defineChaosProject({ tags: [{ name: 'mine', description: 'own' }] });
    expect(options).toMatchObject({ retry: 0, fileParallelism: false, strictTags: true, sequence: { groupOrder: 2 } });
    expect(options?.tags?.map((tag) => tag.name)).toEqual(
      expect.arrayContaining(['smoke', 'control', 'mutation', 'pod', 'mine']),
    );
  });
});
