import { expect, test } from 'vitest';
import { Timeline, type TimelineEvent } from './timeline.ts';

test('an event belongs to the phase it happens in', () => {
  const seen: TimelineEvent[] = [];
  const timeline = new Timeline((event) => seen.push(event));
  timeline.record('first');
  timeline.enter('inject');
  timeline.record('second', { pod: 'pg-1' });
  expect(timeline.events.map(({ phase, what }) => [phase, what])).toEqual([
    ['preflight', 'first'],
    ['inject', 'second'],
  ]);
  expect(seen).toEqual(timeline.events);
});

test('phases follow each other without a hole, and only the last is open', () => {
  const timeline = new Timeline();
  timeline.enter('preflight');
  timeline.enter('preflight');
  timeline.enter('inject');
  timeline.enter('hold');
  const [first, second, third] = timeline.spans;
  expect(timeline.spans.map((span) => span.phase)).toEqual(['preflight', 'inject', 'hold']);
  expect(first?.endMs).toBeLessThanOrEqual(second?.startMs ?? 0);
  expect(third).not.toHaveProperty('endMs');
  timeline.close();
  expect(timeline.spans.at(-1)?.endMs).toBeGreaterThanOrEqual(third?.startMs ?? Number.POSITIVE_INFINITY);
});

test('a phase that comes again is another span', () => {
  const timeline = new Timeline();
  timeline.enter('inject');
  timeline.enter('heal');
  timeline.enter('inject');
  expect(timeline.spans.map((span) => span.phase)).toEqual(['inject', 'heal', 'inject']);
});
