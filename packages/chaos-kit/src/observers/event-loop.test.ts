import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EventLoopMonitor } from './event-loop.ts';

test('remembers a stall, also before it has ended, and only in the window it belongs to', async () => {
  using monitor = new EventLoopMonitor();
  const beforeMs = performance.now();
  await sleep(30);
  const startMs = performance.now();
  while (performance.now() - startMs < 120);
  // no turn of the event loop has passed yet
  expect(monitor.longestStallMs(startMs, performance.now())).toBeGreaterThan(80);
  await sleep(30);
  const endMs = performance.now();
  expect(monitor.stalls.length).toBeGreaterThan(0);
  expect(monitor.longestStallMs(startMs, endMs)).toBeGreaterThan(80);
  expect(monitor.longestStallMs(endMs + 1000, endMs + 2000)).toBe(0);
  expect(monitor.longestStallMs(beforeMs - 2000, beforeMs - 1000)).toBe(0);
});

test('a monitor that is disposed of reports nothing new', async () => {
  const monitor = new EventLoopMonitor();
  monitor[Symbol.dispose]();
  const startMs = performance.now();
  while (performance.now() - startMs < 60);
  await sleep(20);
  expect(monitor.longestStallMs(startMs, performance.now())).toBe(0);
});
