import { expect, test } from 'vitest';
import { runGraph, type GraphTask } from './run-graph.ts';

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

function recorder() {
  const events: string[] = [];
  const task = (name: string, lane: string, needs: string[] = []): GraphTask => ({
    name,
    lane,
    needs,
    run: async () => {
      events.push(`+${name}`);
      await tick();
      events.push(`-${name}`);
    },
  });
  return { events, task };
}

test('needs first, one at a time in a lane, lanes side by side', async () => {
  const { events, task } = recorder();
  await runGraph([task('top', 'image', ['a', 'd']), task('a', 'go'), task('b', 'go'), task('d', 'debian')]);
  expect(events.indexOf('+top')).toBeGreaterThan(events.indexOf('-a'));
  expect(events.indexOf('+top')).toBeGreaterThan(events.indexOf('-d'));
  expect(events.indexOf('+b')).toBeGreaterThan(events.indexOf('-a'));
  expect(events.indexOf('+d')).toBeLessThan(events.indexOf('-a'));
});

test('a need that is no task counts as done', async () => {
  const { events, task } = recorder();
  await runGraph([task('a', 'go', ['in the cache'])]);
  expect(events).toEqual(['+a', '-a']);
});

test('the first failure is thrown, aborts what runs and starts nothing more', async () => {
  const { events, task } = recorder();
  let aborted = false;
  const waits: GraphTask = {
    name: 'waits',
    lane: 'debian',
    needs: [],
    run: (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('aborted'));
        });
      }),
  };
  const fails: GraphTask = { name: 'fails', lane: 'go', needs: [], run: () => Promise.reject(new Error('broken')) };
  await expect(runGraph([waits, fails, task('after', 'go'), task('top', 'image', ['fails'])])).rejects.toThrow(
    'broken',
  );
  expect(aborted).toBe(true);
  expect(events).toEqual([]);
});

test('a signal from outside ends it with its reason', async () => {
  const abort = new AbortController();
  const { task } = recorder();
  const stop: GraphTask = { name: 'stop', lane: 'go', needs: [], run: async () => abort.abort(new Error('Ctrl-C')) };
  await expect(runGraph([stop, task('next', 'go')], abort.signal)).rejects.toThrow('Ctrl-C');
});
