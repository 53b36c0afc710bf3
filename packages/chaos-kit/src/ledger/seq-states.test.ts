import { describe, expect, test } from 'vitest';
import type { Outcome } from './outcome.ts';
import { SeqStates } from './seq-states.ts';

const OUTCOMES: Outcome[] = ['ok', 'ok-weak', 'fail', 'info'];

describe('SeqStates', () => {
  test('hands out numbers without holes and keeps each state while it grows', () => {
    const states = new SeqStates();
    for (let i = 0; i < 5000; i++) {
      expect(states.begin()).toBe(i);
      expect(states.state(i)).toBe('pending');
      states.settle(i, OUTCOMES[i % 4] ?? 'info');
    }
    expect(states.length).toBe(5000);
    for (let i = 0; i < 5000; i++) expect(states.state(i)).toBe(OUTCOMES[i % 4]);
    expect(states.state(5000)).toBe('never');
    expect(states.state(-1)).toBe('never');
  });

  test('an outcome is never revised', () => {
    const states = new SeqStates();
    const seq = states.begin();
    states.settle(seq, 'info');
    expect(() => states.settle(seq, 'ok')).toThrow('seq 0 is info, not pending');
    expect(() => states.settle(1, 'ok')).toThrow('seq 1 is never, not pending');
  });

  test('counts copies of one read, and only of numbers that were handed out', () => {
    const states = new SeqStates();
    states.begin();
    states.begin();
    states.clearCopies();
    expect(states.countCopy(1)).toBe(1);
    expect(states.countCopy(1)).toBe(2);
    expect(states.countCopy(2)).toBe(0);
    expect(states.countCopy(-1)).toBe(0);
    expect([states.copies(0), states.copies(1), states.copies(2)]).toEqual([0, 2, 0]);
    for (let i = 0; i < 300; i++) states.countCopy(0);
    expect(states.copies(0)).toBe(255);
    states.clearCopies();
    expect(states.copies(1)).toBe(0);
  });
});
