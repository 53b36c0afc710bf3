import { UnreachableError } from '@cnpg-chaos/cnpg-utils';
import { expect, test } from 'vitest';
import type { UndoEntry } from '../engines/engine.ts';
import { fakeEngine, fakeEngines, neverKube } from '../../test/fakes/fake-engine.ts';
import { HealError } from './experiment-error.ts';
import { MemoryJournal } from './journal.ts';
import { undoAll } from './undo.ts';

const entry = (id: string, more: Partial<UndoEntry> = {}): UndoEntry => ({
  id,
  engine: 'kubernetes',
  faultId: 'f',
  kind: id,
  data: {},
  ...more,
});

async function setUp(entries: readonly UndoEntry[], undo: (entry: UndoEntry, signal: AbortSignal) => Promise<string>) {
  const journal = new MemoryJournal();
  for (const one of entries) await journal.append(one);
  const engines = fakeEngines(fakeEngine({ undo }));
  const context = {
    kube: neverKube,
    cluster: { namespace: 'n', name: 'c' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
  };
  return { journal, tools: { journal, engines, context, limitMs: 60_000 } };
}

test('undoes in the reverse order and closes each entry', async () => {
  const done: string[] = [];
  const entries = [entry('a'), entry('b'), entry('c')];
  const { journal, tools } = await setUp(entries, async ({ id }) => {
    done.push(id);
    return id;
  });
  await undoAll(entries, tools);
  expect(done).toEqual(['c', 'b', 'a']);
  expect(journal.open()).toEqual([]);
});

test('one that fails and one that hangs keep nobody from being undone', async () => {
  const done: string[] = [];
  const entries = [entry('a'), entry('fails'), entry('hangs', { limitMs: 5 }), entry('z')];
  const { journal, tools } = await setUp(entries, async ({ id }) => {
    if (id === 'fails') throw new Error('no rights');
    if (id === 'hangs') await new Promise(() => {});
    done.push(id);
    return id;
  });
  const error = await undoAll(entries, tools).catch((caught: unknown) => caught);
  expect(done).toEqual(['z', 'a']);
  expect(error).toBeInstanceOf(HealError);
  const { errors, manualCommands, message } = error as HealError;
  expect(errors.map((e: Error) => e.message)).toEqual([
    'undo hangs by kubernetes: not done within 0.005 s',
    'no rights',
  ]);
  expect(manualCommands).toEqual(['undo hangs', 'undo fails']);
  expect(message).toContain('undo fails');
  expect(journal.open().map((open) => open.id)).toEqual(['fails', 'hangs']);
});

test('faults are undone side by side: one that hangs blocks nothing of another', async () => {
  const done: string[] = [];
  const entries = [entry('a', { faultId: 'x' }), entry('hangs', { faultId: 'y' }), entry('b', { faultId: 'x' })];
  const released = Promise.withResolvers<void>();
  const { journal, tools } = await setUp(entries, async ({ id }) => {
    if (id === 'hangs') await released.promise;
    done.push(id);
    return id;
  });
  const undoing = undoAll(entries, tools);
  await expect.poll(() => done).toEqual(['b', 'a']);
  expect(journal.open().map((open) => open.id)).toEqual(['hangs']);
  released.resolve();
  await undoing;
});

test('while the API server does not answer, an undo is tried again', async () => {
  let tries = 0;
  const entries = [entry('a')];
  const { journal, tools } = await setUp(entries, () => {
    tries += 1;
    const away = new Error('no', { cause: new UnreachableError('connection refused') });
    return tries === 1 ? Promise.reject(away) : Promise.resolve('undone');
  });
  await undoAll(entries, tools);
  expect(tries).toBe(2);
  expect(journal.open()).toEqual([]);
});

test('an API server that stays away is told with the last answer', async () => {
  const entries = [entry('a', { limitMs: 5 })];
  const { tools } = await setUp(entries, () => Promise.reject(new UnreachableError('connection refused')));
  await expect(undoAll(entries, tools)).rejects.toThrow('not done within 0.005 s; last: connection refused');
});

test('an undo that hangs is told to stop', async () => {
  const entries = [entry('hangs', { limitMs: 5 })];
  const seen = Promise.withResolvers<unknown>();
  const { tools } = await setUp(entries, async (_entry, signal) => {
    signal.addEventListener('abort', () => seen.resolve(signal.reason));
    return new Promise<string>(() => {});
  });
  await expect(undoAll(entries, tools)).rejects.toThrow(HealError);
  expect(String(await seen.promise)).toContain('not done within');
});
