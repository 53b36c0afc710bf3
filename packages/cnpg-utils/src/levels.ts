import { InvalidEnvironmentError } from './timeouts.ts';

/** How important a test is. Names and numbers are those of CloudNativePG's own suite (`tests/levels.go`). */
export const levels = { highest: 0, high: 1, medium: 2, low: 3, lowest: 4 } as const;

/** Name of one level. */
export type Level = keyof typeof levels;

/**
 * Down to which level tests shall run, from the environment variable `TEST_DEPTH`.
 *
 * @returns 0 to 4. @default 2
 * @throws InvalidEnvironmentError
 */
export function testDepth(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const text = env['TEST_DEPTH'];
  if (text === undefined || text === '') return levels.medium;
  if (/^[0-4]$/.test(text)) return Number(text);
  throw new InvalidEnvironmentError(`TEST_DEPTH: got ${JSON.stringify(text)}, expected a whole number from 0 to 4`);
}

/**
 * Whether a test of a level runs at a depth.
 *
 * @example test.skipIf(!runsAtDepth('low'))('rarely needed', …)
 */
export function runsAtDepth(level: Level, depth: number = testDepth()): boolean {
  return levels[level] <= depth;
}
