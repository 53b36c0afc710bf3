import { expect, test } from 'vitest';
import { claimOn } from './forget-node.ts';

const volume = (spec: object) => ({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' }, spec });
const on = (node: string) => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
  },
});
const claimRef = { namespace: 'default', name: 'pg-1' };

test('a claim is lost with the node that holds its volume, and with no other', () => {
  expect(claimOn(volume({ claimRef, nodeAffinity: on('w1') }), 'w1')).toEqual([{ namespace: 'default', name: 'pg-1' }]);
  expect(claimOn(volume({ claimRef, nodeAffinity: on('w10') }), 'w1')).toEqual([]);
  expect(claimOn(volume({ claimRef }), 'w1')).toEqual([]);
  expect(claimOn(volume({ nodeAffinity: on('w1') }), 'w1')).toEqual([]);
});
