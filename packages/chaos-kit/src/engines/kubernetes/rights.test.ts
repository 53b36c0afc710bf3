import { expect, test } from 'vitest';
import { parseRight } from './rights.ts';

const context = { cluster: { namespace: 'team', name: 'pg' }, operatorNamespace: 'cnpg-system' };

test.each<[string, object]>([
  ['delete pods', { verb: 'delete', resource: 'pods', group: '', namespace: 'team' }],
  ['create pods/exec', { verb: 'create', resource: 'pods', subresource: 'exec', group: '', namespace: 'team' }],
  ['patch nodes cluster-wide', { verb: 'patch', resource: 'nodes', group: '' }],
  [
    'patch deployments.apps where the operator runs',
    { verb: 'patch', resource: 'deployments', group: 'apps', namespace: 'cnpg-system' },
  ],
  [
    'patch clusters/status.postgresql.cnpg.io',
    { verb: 'patch', resource: 'clusters', subresource: 'status', group: 'postgresql.cnpg.io', namespace: 'team' },
  ],
])('%s', (need, right) => {
  expect(parseRight(need, context)).toEqual(right);
});

test.each(['pods', 'delete pods in heaven', 'Delete pods', ''])('%j is no right', (need) => {
  expect(() => parseRight(need, context)).toThrow('expected a right such as "patch nodes cluster-wide"');
});
