import { expect, test } from 'vitest';
import { outdated, parseImages } from './prune.ts';

test('the newest image of each kind stays', () => {
  const images = parseImages('lab/node bbb 440MB\nlab/store ccc 1.02GB\nlab/node aaa 478.5MB\nlab/pause x 670kB\n\n');
  expect(images.map(({ bytes }) => bytes)).toEqual([440e6, 1.02e9, 478.5e6, 670e3]);
  expect(outdated(images)).toEqual([{ repository: 'lab/node', tag: 'aaa', bytes: 478.5e6 }]);
});
