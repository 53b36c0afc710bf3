import { describe, expect, test } from 'vitest';
import { ClosedLoop, OpenLoop } from './schedule.ts';

describe('OpenLoop', () => {
  test('hands out due times at the rate, also when they are taken late', () => {
    let now = 1000;
    const loop = new OpenLoop(100, 30_000, () => now);
    now = 1045;
    expect(loop.backlog).toBe(5);
    expect([loop.next(), loop.next(), loop.next(), loop.next(), loop.next()]).toEqual([1000, 1010, 1020, 1030, 1040]);
    expect(loop.backlog).toBe(0);
    expect(loop.next()).toBeInstanceOf(Promise);
    loop.stop();
  });

  test('drops the oldest when they have waited too long, and counts them', () => {
    let now = 0;
    const loop = new OpenLoop(10, 1000, () => now);
    now = 60_000;
    expect(loop.backlog).toBe(601);
    const first = loop.next();
    expect(first).toBe(59_100);
    expect(loop.dropped).toBe(591);
    let taken = 1;
    while (typeof loop.next() === 'number') taken++;
    expect(taken + loop.dropped).toBe(601);
    loop.stop();
  });

  test('writers that wait are served in turn', async () => {
    const loop = new OpenLoop(1000, 30_000);
    const order: number[] = [];
    await Promise.all([0, 1, 2, 3].map(async (i) => (await loop.next(), order.push(i))));
    expect(order).toEqual([0, 1, 2, 3]);
    loop.stop();
  });

  test('writers that wait are released by stop', async () => {
    const loop = new OpenLoop(1, 30_000, () => 0);
    expect(loop.next()).toBe(0);
    const waiting = [loop.next(), loop.next()].map((due) => Promise.resolve(due));
    loop.stop();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    expect(loop.next()).toBeUndefined();
    expect(loop.backlog).toBe(0);
  });
});

describe('ClosedLoop', () => {
  test('is always due until it is stopped', () => {
    const loop = new ClosedLoop();
    expect(loop.next()).toBeTypeOf('number');
    loop.stop();
    expect(loop.next()).toBeUndefined();
  });
});
