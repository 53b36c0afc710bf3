import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { SignalPolicy } from './signals.ts';

function setUp() {
  const calls: string[] = [];
  const emitter = new EventEmitter();
  emitter.on('SIGINT', (signal: string) => calls.push(`former ${signal}`));
  const clock = { now: 10_000 };
  const policy = new SignalPolicy({
    // An emitter stands in for the process: a real signal would end the test run.
    target: emitter as unknown as Pick<NodeJS.Process, 'on' | 'off' | 'listeners' | 'removeAllListeners'>,
    now: () => clock.now,
    onCancel: (signal) => calls.push(`cancel ${signal}`),
    onHurry: (signal) => calls.push(`hurry ${signal}`),
    onForce: (signal) => calls.push(`force ${signal}`),
  });
  return { calls, clock, policy, send: (signal: string) => emitter.emit(signal, signal), emitter };
}

describe('SignalPolicy', () => {
  test('the first signal cancels and nothing else runs', () => {
    const { calls, send, policy } = setUp();
    expect(policy.ending).toBe(false);
    send('SIGINT');
    expect(calls).toEqual(['cancel SIGINT']);
    expect(policy.ending).toBe(true);
  });

  test('a repeat within a second is the same request, whatever its name', () => {
    const { calls, clock, send } = setUp();
    send('SIGINT');
    clock.now += 500;
    send('SIGTERM');
    clock.now += 900;
    send('SIGINT');
    expect(calls).toEqual(['cancel SIGINT']);
  });

  test('the second request heals only, the third ends the process', () => {
    const { calls, clock, send } = setUp();
    send('SIGTERM');
    clock.now += 1500;
    send('SIGINT');
    clock.now += 1500;
    send('SIGINT');
    expect(calls).toEqual(['cancel SIGTERM', 'hurry SIGINT', 'force SIGINT', 'former SIGINT']);
  });

  test('puts the former listeners back', () => {
    const { calls, send, policy, emitter } = setUp();
    policy.dispose();
    send('SIGINT');
    expect(calls).toEqual(['former SIGINT']);
    expect(emitter.listenerCount('SIGTERM')).toBe(0);
  });
});
