import { expect, test } from 'vitest';
import { nodePower, powerOf, setNodePower } from './node-power.ts';

test.each([
  ['true false', 'on'],
  ['true true', 'frozen'],
  ['false false', 'off'],
])('docker says "%s": %s', (text, power) => {
  expect(powerOf(text)).toBe(power);
});

test('a node that no lab has is refused before anything is touched', async () => {
  await expect(nodePower('w9')).rejects.toThrow("the lab has no node 'w9'; it has: control-plane, w1, w2, w3");
  await expect(setNodePower('w9', 'off')).rejects.toThrow("the lab has no node 'w9'");
});
