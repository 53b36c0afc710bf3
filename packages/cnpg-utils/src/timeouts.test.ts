import { expect, test } from 'vitest';
import { levels, runsAtDepth, testDepth } from './levels.ts';
import { defaultTimeouts, InvalidEnvironmentError, resolveTimeouts } from './timeouts.ts';

test('without variables: the defaults', () => {
  expect(resolveTimeouts({})).toEqual(defaultTimeouts);
  expect(resolveTimeouts({ TEST_TIMEOUTS: '', CHAOS_TIMEOUT_FACTOR: '' })).toEqual(defaultTimeouts);
});

test('seconds replace, the factor multiplies waits and leaves single calls', () => {
  const resolved = resolveTimeouts({ TEST_TIMEOUTS: '{"failover":300}', CHAOS_TIMEOUT_FACTOR: '1.5' });
  expect(resolved.failover).toBe(450_000);
  expect(resolved.clusterIsReady).toBe(900_000);
  expect(resolved.kubeRequest).toBe(defaultTimeouts.kubeRequest);
});

test.for<[name: string, value: string, said: string]>([
  ['CHAOS_TIMEOUT_FACTOR', 'twice', 'expected a number from 0.1 to 100'],
  ['CHAOS_TIMEOUT_FACTOR', '0', 'got "0"'],
  ['CHAOS_TIMEOUT_FACTOR', 'Infinity', 'from 0.1'],
  ['TEST_TIMEOUTS', '{failover: 1}', 'expected a JSON object'],
  ['TEST_TIMEOUTS', '{"failover":"1"}', 'expected number'],
  ['TEST_TIMEOUTS', '{"failover":-1}', 'Too small'],
  ['TEST_TIMEOUTS', '{"failOver":1}', 'unknown failOver; known are: failover'],
])('%s=%s is refused', ([name, value, said]) => {
  expect(() => resolveTimeouts({ [name]: value })).toThrow(InvalidEnvironmentError);
  expect(() => resolveTimeouts({ [name]: value })).toThrow(said);
});

test('depth: a test runs unless it is deeper', () => {
  expect(testDepth({})).toBe(levels.medium);
  expect(testDepth({ TEST_DEPTH: '4' })).toBe(levels.lowest);
  expect(runsAtDepth('highest', 0)).toBe(true);
  expect(runsAtDepth('medium', 2)).toBe(true);
  expect(runsAtDepth('low', 2)).toBe(false);
  for (const wrong of ['5', '-1', '1.5', 'deep', ' ']) {
    expect(() => testDepth({ TEST_DEPTH: wrong })).toThrow(InvalidEnvironmentError);
  }
});
