import { expect, test } from 'vitest';
import { hasAnnotations, hasCondition, hasLabels } from './metadata.ts';

const object = { metadata: { labels: { a: '1', b: '2' }, annotations: { c: '3' } } };

test('all of them, with their values', () => {
  expect(hasLabels(object, { a: '1', b: '2' })).toBe(true);
  expect(hasLabels(object, {})).toBe(true);
  // CloudNativePG's ObjectMatchesAnnotations is content with the key.
  expect(hasLabels(object, { a: '2' })).toBe(false);
  expect(hasAnnotations(object, { c: '4' })).toBe(false);
  expect(hasAnnotations(object, { c: '3' })).toBe(true);
  expect(hasAnnotations({}, { c: '3' })).toBe(false);
});

test('a condition of a pod', () => {
  const pod = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
  expect(hasCondition(pod, 'Ready', 'False')).toBe(true);
  expect(hasCondition(pod, 'Ready', 'True')).toBe(false);
  expect(hasCondition({}, 'Ready', 'False')).toBe(false);
});
