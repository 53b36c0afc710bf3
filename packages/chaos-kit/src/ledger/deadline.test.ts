import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deadline } from './deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(): { deadline: Deadline; late: number[] } {
  const late: number[] = [];
  return { deadline: new Deadline((timeoutMs) => late.push(timeoutMs)), late };
}

test('passes once, after its time', () => {
  const { deadline, late } = watched();
  deadline.begin(100);
  vi.advanceTimersByTime(99);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual([100]);
  vi.advanceTimersByTime(1000);
  expect(late).toEqual([100]);
});

test('what ended in time is not late, and the next one has all of its time', () => {
  const { deadline, late } = watched();
  for (let i = 0; i < 10; i++) {
    deadline.begin(100);
    vi.advanceTimersByTime(60);
    deadline.end();
  }
  deadline.begin(100);
  vi.advanceTimersByTime(99);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual([100]);
});

test('a shorter one is not held up by a longer one before it', () => {
  const { deadline, late } = watched();
  deadline.begin(1000);
  deadline.end();
  deadline.begin(50);
  vi.advanceTimersByTime(50);
  expect(late).toEqual([50]);
});

test('leaves no timer behind', () => {
  const { deadline } = watched();
  deadline.begin(100);
  deadline[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  deadline.begin(100);
  deadline.end();
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
});
