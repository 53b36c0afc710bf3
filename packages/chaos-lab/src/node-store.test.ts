import { expect, test } from 'vitest';
import { imageNames, type ImageName } from './build/index.ts';
import { storeKey } from './node-store.ts';

const images = (change: Partial<Record<ImageName, string>> = {}) =>
  Object.fromEntries(imageNames.map((name) => [name, { ref: `lab/${name}:1`, key: change[name] ?? 'k' }])) as Record<
    ImageName,
    { ref: string; key: string }
  >;

test('a store is another one when an image in it, or the containerd that wrote it, is', () => {
  const key = storeKey(images());
  expect(storeKey(images())).toBe(key);
  expect(imageNames.filter((name) => storeKey(images({ [name]: 'other' })) === key)).toEqual([]);
});
