import { describe, expect, test } from 'vitest';
import { fakeEngine, fakeEngines, neverKube } from '../../test/fakes/fake-engine.ts';
import type { Engine, EngineName } from './engine.ts';
import { EngineUnavailableError } from './engine-error.ts';
import { engineCandidates, type EngineChoice, selectEngine } from './select-engine.ts';

const both: readonly EngineName[] = ['kubernetes', 'chaos-mesh'];
const context = {
  kube: neverKube,
  cluster: { namespace: 'n', name: 'c' },
  operatorNamespace: 'cnpg-system',
  chaosMesh: { namespace: 'chaos-mesh' },
};
const { signal } = new AbortController();
const chaosMesh: Engine = { ...fakeEngine(), name: 'chaos-mesh' };

describe('engineCandidates', () => {
  test.each<[string, Partial<EngineChoice>, readonly EngineName[]]>([
    ['the option wins over the configuration', { option: 'kubernetes', config: 'chaos-mesh' }, ['kubernetes']],
    ['the configuration wins over what is there', { config: 'kubernetes' }, ['kubernetes']],
    ['auto prefers what somebody installed', {}, ['chaos-mesh', 'kubernetes']],
    [
      'an explicit auto overrides the configuration',
      { option: 'auto', config: 'kubernetes' },
      ['chaos-mesh', 'kubernetes'],
    ],
    ['auto leaves out who cannot', { supported: ['kubernetes'] }, ['kubernetes']],
  ])('%s', (_what, choice, expected) => {
    expect(engineCandidates({ fault: 'f', supported: both, ...choice })).toEqual(expected);
  });

  test('names the engine that can', () => {
    const choice: EngineChoice = { fault: 'node-down', supported: ['kubernetes'], option: 'chaos-mesh' };
    expect(() => engineCandidates(choice)).toThrow(EngineUnavailableError);
    expect(() => engineCandidates(choice)).toThrow(
      'node-down: engine "chaos-mesh" cannot do this fault; engines that can: kubernetes',
    );
  });
});

describe('selectEngine', () => {
  test('takes the first that the cluster offers', async () => {
    const engines = fakeEngines(fakeEngine(), chaosMesh);
    expect((await selectEngine({ fault: 'f', supported: both }, engines, context, signal)).name).toBe('chaos-mesh');
  });

  test('falls back only on auto', async () => {
    const engines = fakeEngines(fakeEngine());
    expect((await selectEngine({ fault: 'f', supported: both }, engines, context, signal)).name).toBe('kubernetes');
  });

  test('never replaces an engine that was asked for, and says what is missing and who else can', async () => {
    const engines = fakeEngines(fakeEngine());
    const selecting = selectEngine({ fault: 'f', supported: both, option: 'chaos-mesh' }, engines, context, signal);
    await expect(selecting).rejects.toThrow(
      'f: no usable engine\n  engine "chaos-mesh": CRD is not installed (install it)\n  engines that can also do f: kubernetes',
    );
  });
});
