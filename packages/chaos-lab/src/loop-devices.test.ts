import { expect, test } from 'vitest';
import { parseLoopDevices } from './loop-devices.ts';

test('loop devices are read with files that have blanks in their names', () => {
  expect(
    parseLoopDevices('/dev/loop0  /var/lib/snapd/snaps/core 20.snap\n/dev/loop12 /x/pvc-1.img (deleted)\n\n'),
  ).toEqual([
    { device: '/dev/loop0', backingFile: '/var/lib/snapd/snaps/core 20.snap' },
    { device: '/dev/loop12', backingFile: '/x/pvc-1.img (deleted)' },
  ]);
});
