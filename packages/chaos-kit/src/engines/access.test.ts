import { expect, test } from 'vitest';
import { describeRight } from './access.ts';

test('a missing right comes with the command that grants it', () => {
  expect(describeRight({ group: 'chaos-mesh.org', resource: 'podchaos', verb: 'create', namespace: 'team' })).toEqual({
    missing: 'no right to create podchaos.chaos-mesh.org in namespace team',
    remedy:
      'kubectl -n team create role cnpg-chaos-podchaos --verb=create --resource=podchaos.chaos-mesh.org, and bind it',
  });
  expect(describeRight({ group: '', resource: 'pods', verb: 'delete', namespace: 'team' }).missing).toBe(
    'no right to delete pods in namespace team',
  );
});
