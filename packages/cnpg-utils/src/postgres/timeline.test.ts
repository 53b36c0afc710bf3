import { expect, test } from 'vitest';
import {
  InvalidTimelineHistoryError,
  InvalidWalFileError,
  parseTimelineHistory,
  timelineOfWalFile,
} from './timeline.ts';

test.for([
  ['000000010000000000000001', 1],
  ['0000000A00000000000000FF', 10],
  ['000000020000000000000005.partial', 2],
  ['000000020000000000000005.00000028.backup', 2],
  ['00000003.history', 3],
] as const)('%s belongs to timeline %i', ([name, timeline]) => {
  expect(timelineOfWalFile(name)).toBe(timeline);
});

test.for([
  '',
  '00000001',
  '00000001000000000000001',
  'archive_status',
  '00000000.history',
  '000000010000000000000001.gz',
])('%j is refused', (name) => {
  expect(() => timelineOfWalFile(name)).toThrow(InvalidWalFileError);
});

test('a history file tells where timelines ended', () => {
  const content =
    '1\t0/5000060\tno recovery target specified\n\n# comment\n2\t0/70000A0\tno recovery target specified\n';
  expect(parseTimelineHistory(content)).toEqual([
    { timeline: 1, switchpoint: '0/5000060', reason: 'no recovery target specified' },
    { timeline: 2, switchpoint: '0/70000A0', reason: 'no recovery target specified' },
  ]);
});

test.for(['x\t0/1\ty', '1\tabc', '1'])('a history with the line %j is not whole', (line) => {
  expect(() => parseTimelineHistory(`1\t0/5000060\tx\n${line}\n`)).toThrow(InvalidTimelineHistoryError);
  expect(() => parseTimelineHistory(line)).toThrow(JSON.stringify(line));
});
