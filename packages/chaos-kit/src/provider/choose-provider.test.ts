import { expect, onTestFinished, test, vi } from 'vitest';
import { type ChaosConfigInput, defineChaosConfig } from '../config/chaos-config.ts';
import { chooseProvider } from './choose-provider.ts';
import { ProviderError } from './provider.ts';

const listed = {
  kubeSystemUid: '3f1c8a52-7c1e-4a5d-9a1b-0c9f2d1e4b6a',
  kubeconfig: '/does/not/exist',
  context: 'staging',
};

test.each<[string, ChaosConfigInput, string]>([
  ['the lab when nothing is listed', {}, 'lab'],
  ['the listed cluster', { clusters: [listed] }, 'existing'],
  ['the lab when it is asked for', { provider: 'lab', clusters: [listed] }, 'lab'],
])('chooses %s', (_what, input, name) => {
  expect(chooseProvider(defineChaosConfig(input)).name).toBe(name);
});

test('a KUBECONFIG in the environment chooses nothing', () => {
  vi.stubEnv('KUBECONFIG', '/etc/passwd');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(chooseProvider(defineChaosConfig()).name).toBe('lab');
});

test('refuses an existing cluster when none is listed', () => {
  expect(() => chooseProvider(defineChaosConfig({ provider: 'existing' }))).toThrow(ProviderError);
});

test('names a kubeconfig that cannot be read', async () => {
  const provider = chooseProvider(defineChaosConfig({ clusters: [listed] }));
  await expect(provider.connect()).rejects.toThrow('cannot read /does/not/exist');
});
