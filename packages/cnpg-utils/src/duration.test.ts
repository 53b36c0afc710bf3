import { expect, test } from 'vitest';
import { formatDuration, InvalidDurationError, parseDuration } from './duration.ts';

test.for([
  ['500ms', 500],
  ['30s', 30_000],
  ['1m30s', 90_000],
  ['1.5s', 1_500],
  ['2h', 7_200_000],
  ['1h2m3s4ms', 3_723_004],
  ['5m', 300_000],
  [' 10s ', 10_000],
  ['0s', 0],
  [250, 250],
  [0, 0],
] as const)('%j is %i ms', ([text, ms]) => {
  expect(parseDuration(text)).toBe(ms);
});

test.for([
  '',
  ' ',
  '30',
  's',
  '30 s',
  '-5s',
  '5s1m',
  '1s1s',
  '1d',
  '30sec',
  'NaN',
  '1e3s',
  '∞',
  -1,
  Number.NaN,
  Infinity,
])('%j is refused', (value) => {
  expect(() => parseDuration(value)).toThrow(InvalidDurationError);
});

test('the error names field, value and valid forms', () => {
  expect(() => parseDuration('30', { field: 'budget' })).toThrow(
    'budget: "30" is not a duration. Write a number with a unit (ms, s, m, h), such as "500ms", "30s", "1m30s" or "2h"',
  );
});

test.for([
  [0, '0 ms'],
  [350.4, '350 ms'],
  [999.6, '1.0 s'],
  [4_540, '4.5 s'],
  [59_960, '1m00s'],
  [125_000, '2m05s'],
  [3_720_000, '1h02m'],
  [-1_500, '-1.5 s'],
] as const)('%d ms reads %s', ([ms, text]) => {
  expect(formatDuration(ms)).toBe(text);
});
