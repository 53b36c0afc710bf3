import { expect, test } from 'vitest';
import { assertKnownTags } from './known-tags.ts';

const known = ['smoke', 'pod', 'control-plane'];

test.for(['smok', 'pod && smok', '!(pod or smok)', 'not smok'])('refuses "%s" and says what there is', (filter) => {
  expect(() => assertKnownTags([filter], known)).toThrow('no tag "smok"; expected smoke, pod, control-plane');
});

test.for(['smoke', 'pod && !control-plane', '(smoke or pod) and not control-plane', 'po*'])('takes "%s"', (filter) => {
  expect(() => assertKnownTags([filter], known)).not.toThrow();
});
