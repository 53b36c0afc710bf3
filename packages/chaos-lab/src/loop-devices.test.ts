import { expect, test } from 'vitest';
import { isLabVolume, parseLoopDevices } from './loop-devices.ts';

test('loop devices are read with files that have blanks in their names', () => {
  expect(
    parseLoopDevices('/dev/loop0  /var/lib/snapd/snaps/core 20.snap\n/dev/loop12 /x/pvc-1.img (deleted)\n\n'),
  ).toEqual([
    { device: '/dev/loop0', backingFile: '/var/lib/snapd/snaps/core 20.snap' },
    { device: '/dev/loop12', backingFile: '/x/pvc-1.img (deleted)' },
  ]);
});

test.each([
  ['/var/lib/lab/volumes/pvc-0a1b_default_data-1.img', true],
  ['/docker/volumes/4f/_data/volumes/pvc-0a1b_default_data-1.img (deleted)', true],
  ['/var/lib/snapd/snaps/core20.snap', false],
  ['/home/me/volumes/disk.img', false],
])('%s is a lab volume: %s', (file, expected) => {
  expect(isLabVolume(file)).toBe(expected);
});
