import { expect, test } from 'vitest';
import { explainFailure } from './explain-failure.ts';

test.each([
  ['unable to set tcs for pod pg-2', 'lacks the queueing discipline'],
  ['exit status 2: Error: Specified qdisc kind is unknown.', 'lacks the queueing discipline'],
  ['expected docker:// but got containerd://abc', 'another container runtime'],
  ['unable to flush ip sets for pod pg-1', 'ip sets cannot be used'],
  [
    'it is dangerous to inject network chaos on a pod with host network',
    'pods in the network of their node are refused',
  ],
  ['rpc error: code = DeadlineExceeded', 'does not answer'],
])('%s', (message, meaning) => {
  expect(explainFailure(message)).toContain(message);
  expect(explainFailure(message)).toContain(meaning);
});

test('what is unknown stays as it is', () => {
  expect(explainFailure('something else')).toBe('something else');
});
