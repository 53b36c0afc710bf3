import { expect, test } from 'vitest';
import { imageNames, type ImageName } from './build/index.ts';
import { versionsOf } from './versions.ts';

test('a lab tells the versions that a report is read by, of whatever PostgreSQL it has', () => {
  const none = Object.fromEntries(imageNames.map((name) => [name, { versions: {} }])) as Record<
    ImageName,
    { versions: Record<string, string> }
  >;
  const images = {
    ...none,
    operand: { versions: { 'postgresql-18': '18.1', 'postgresql-client-18': '18.1', tzdata: '1' } },
  };
  expect(versionsOf({ kubernetes: { version: '1.35.4' }, images })).toEqual({
    kubernetes: '1.35.4',
    postgresql: '18.1',
  });
});
