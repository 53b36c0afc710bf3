import { expect, test } from 'vitest';
import { chooseTopology, knownSlot } from './slot.ts';
import { newRecord } from './state-dir.ts';
import { topologyOf } from './topology.ts';
import type { DockerNetwork } from './docker.ts';

const networkOf = (lab: string, slot: number): DockerNetwork => {
  const topology = topologyOf(lab, slot);
  return { name: lab, lab, bridge: topology.bridge, subnets: [topology.subnet] };
};
const nothing = { record: undefined, routes: [], networks: [] };

test('the default lab has the first networks', () => {
  expect(chooseTopology({ lab: 'cnpg-chaos', ...nothing })).toMatchObject({
    slot: 0,
    bridge: 'labbr0',
    subnet: '172.31.0.0/16',
    podNetwork: '10.244.0.0/16',
    serviceNetwork: '10.96.0.0/16',
    server: 'https://172.31.0.10:6443',
  });
});

test('the default lab does not move aside', () => {
  const networks = [{ name: 'other', lab: '', bridge: '', subnets: ['172.31.0.0/20'] }];
  expect(() => chooseTopology({ lab: 'cnpg-chaos', ...nothing, networks })).toThrow("Docker network 'other'");
});

test('another lab gets the first free networks, and none that overlap', () => {
  const networks = [networkOf('cnpg-chaos', 0), networkOf('two', 1)];
  const three = chooseTopology({ lab: 'three', ...nothing, networks });
  expect(three).toMatchObject({
    slot: 2,
    subnet: '172.29.0.0/16',
    podNetwork: '10.242.0.0/16',
    serviceNetwork: '10.98.0.0/16',
  });
});

test('a lab keeps its networks, also when its state was lost', () => {
  const record = newRecord('two', 3);
  expect(chooseTopology({ lab: 'two', ...nothing, record, networks: [networkOf('two', 3)] }).slot).toBe(3);
  expect(chooseTopology({ lab: 'two', ...nothing, networks: [networkOf('two', 3)] }).slot).toBe(3);
});

test('when all are taken the last refusal is told', () => {
  const networks = Array.from({ length: 8 }, (_, slot) => networkOf(`lab-${slot}`, slot));
  expect(() => chooseTopology({ lab: 'one-more', ...nothing, networks })).toThrow(
    expect.objectContaining({ code: 'OTHER_LAB' }),
  );
});

test('a lab that was never made owns no networks, least of all those of the default lab', () => {
  const networks = [networkOf('cnpg-chaos', 0), networkOf('two', 1)];
  expect(knownSlot({ lab: 'never', record: undefined, networks })).toBeUndefined();
  expect(knownSlot({ lab: 'never', record: newRecord('never'), networks })).toBeUndefined();
  expect(knownSlot({ lab: 'two', record: undefined, networks })).toBe(1);
  expect(knownSlot({ lab: 'cnpg-chaos', record: undefined, networks: [] })).toBe(0);
});
