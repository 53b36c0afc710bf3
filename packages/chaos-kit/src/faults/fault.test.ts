import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  defineFault,
  type FaultDefinition,
  FaultOptionsError,
  type OptionsSchema,
  parseFaultOptions,
} from './fault.ts';
import { primaryKilled } from './primary-killed.ts';
import { replicaKilled } from './replica-killed.ts';

describe('parseFaultOptions', () => {
  test('fills in defaults and keeps what every fault has apart', () => {
    expect(parseFaultOptions(replicaKilled, { index: 1, engine: 'kubernetes', effectWithin: '5s' })).toEqual({
      own: { index: 1, gracePeriodSeconds: 0 },
      engine: 'kubernetes',
      effectWithinMs: 5_000,
      healedWithinMs: undefined,
    });
  });

  test.each<[object, string]>([
    [{ gracePeriodSeconds: -1 }, 'gracePeriodSeconds: got -1, expected a whole number of seconds, 0 or more'],
    [{ gracePeriodSeconds: '30s' }, 'gracePeriodSeconds: got "30s", expected a whole number of seconds, 0 or more'],
    [{ grace: 1 }, 'grace: no such option'],
    [{ engine: 'litmus' }, 'engine: got "litmus", expected one of auto, kubernetes, chaos-mesh'],
    [{ effectWithin: '30' }, 'effectWithin: got "30", expected a duration such as "30s"'],
  ])('refuses %j', (input, message) => {
    expect(() => parseFaultOptions(primaryKilled, input)).toThrow(FaultOptionsError);
    expect(() => parseFaultOptions(primaryKilled, input)).toThrow(message);
  });

  test('refuses an index that is no index', () => {
    expect(() => parseFaultOptions(replicaKilled, { index: 0.5 })).toThrow('index: got 0.5, expected a whole number');
  });
});

describe('defineFault', () => {
  const definition: FaultDefinition<OptionsSchema> = {
    name: 'nothing',
    options: z.object({}),
    target: { description: 'nobody', resolve: () => Promise.resolve([]) },
    engines: { kubernetes: () => ({ summary: '', plan: () => ({ undo: [], act: () => Promise.resolve({}) }) }) },
    evidence: {
      effect: () => Promise.resolve({ seen: false, what: '' }),
      healed: () => Promise.resolve({ seen: false, what: '' }),
    },
  };

  test('knows which engines can do it', () => {
    expect(defineFault(definition).supportedEngines).toEqual(['kubernetes']);
    expect(primaryKilled.supportedEngines).toEqual(['kubernetes', 'chaos-mesh']);
  });

  test.each<[string, Partial<FaultDefinition<OptionsSchema>>, RegExp]>([
    ['a name that is not kebab-case', { name: 'PrimaryKilled' }, /expected kebab-case/],
    ['no engine', { engines: {} }, /at least one engine/],
    ['an option that every fault has', { options: z.object({ engine: z.string() }) }, /engine belongs to every fault/],
  ])('refuses %s', (_what, change, message) => {
    expect(() => defineFault({ ...definition, ...change })).toThrow(message);
  });
});
