import { expect, test } from 'vitest';
import { parsePackageList, upstreamVersion } from './debian-component.ts';

test('package list with encoded epochs', () => {
  expect(parsePackageList('bash\t5.2.37-2+b10\ngawk\t1%3a5.2.1-2+b1\n\n')).toEqual({
    bash: '5.2.37-2+b10',
    gawk: '1:5.2.1-2+b1',
  });
});

test.for([
  ['17.12-0+deb13u1', '17.12'],
  ['1:17.6-1', '17.6'],
  ['17.6', '17.6'],
  ['2.12.7+dfsg+really2.9.14-2.1', '2.12.7+dfsg+really2.9.14'],
] as const)('upstream version of %s is %s', ([debian, upstream]) => {
  expect(upstreamVersion(debian)).toBe(upstream);
});
