import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AddressBook } from './address-book.ts';

const a = { host: 'a', port: 1 };
const b = { host: 'b', port: 2 };
const { signal } = new AbortController();

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('asks every time, and takes the last answer when none comes soon', async () => {
  const asked: number[] = [];
  const book = new AddressBook((id) => void asked.push(id));
  const first = book.current(signal);
  book.learn(0, a);
  expect(await first).toEqual(a);
  const second = book.current(signal);
  book.learn(1, b);
  expect(await second).toEqual(b);
  const unanswered = book.current(signal);
  await vi.advanceTimersByTimeAsync(250);
  expect(await unanswered).toEqual(b);
  expect(asked).toEqual([0, 1, 2]);
});

test('without an answer of before there is nothing but to wait, until the signal', async () => {
  const book = new AddressBook(() => undefined);
  const controller = new AbortController();
  const waiting = book.current(controller.signal);
  setTimeout(() => controller.abort(), 60_000);
  await Promise.all([expect(waiting).rejects.toThrow('aborted'), vi.advanceTimersByTimeAsync(60_000)]);
});

test('hands on why there is no address', async () => {
  const book = new AddressBook(() => undefined);
  const waiting = book.current(signal);
  book.fail(0, new Error('no such service'));
  await expect(waiting).rejects.toThrow('no such service');
});
