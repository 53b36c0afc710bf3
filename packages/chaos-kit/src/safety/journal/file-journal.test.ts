import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { UndoEntry } from '../../engines/engine.ts';
import { identityOf } from '../process-identity.ts';
import { overPath } from '../run-folder.ts';
import { FileJournal } from './file-journal.ts';
import { JournalError } from './journal-error.ts';
import type { JournalHeader } from './journal-record.ts';
import { closeEntry, readJournal } from './read-journal.ts';

const header: JournalHeader = {
  version: 1,
  runId: 'run-1',
  experiment: { id: 'e1', name: 'a spec' },
  owner: identityOf(),
  access: { kubeconfig: '/etc/kubeconfig', labName: 'lab' },
  cluster: { namespace: 'n', name: 'pg' },
  operatorNamespace: 'cnpg-system',
  chaosMesh: { namespace: 'chaos-mesh' },
  undoLimitMs: 60_000,
};

const entry = (id: string): UndoEntry => ({
  id,
  engine: 'kubernetes',
  faultId: 'f',
  kind: 'mend',
  data: { text: 'ä\n"quoted"', list: [1, null, { deep: true }] },
});

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'runs', 'e1.journal');
  const journal = new FileJournal(path, header);
  onTestFinished(() => journal.release());
  return { folder: join(folder, 'runs'), path, journal };
}

test('another process reads what is open, and everything that it needs to undo it', async () => {
  const { path, journal } = setUp();
  await journal.append(entry('a'));
  await journal.append({ ...entry('b'), limitMs: 5 });
  await journal.append(entry('c'));
  await journal.close('a');
  expect(readJournal(path)).toEqual({
    path,
    header,
    open: [{ ...entry('b'), limitMs: 5 }, entry('c')],
    ended: false,
    damaged: 0,
  });
  expect(journal.open().map(({ id }) => id)).toEqual(['b', 'c']);
  closeEntry(path, 'b', 'reaper');
  expect(readJournal(path).open).toEqual([entry('c')]);
});

test('it is for its owner alone, and an experiment that breaks nothing leaves none', async () => {
  const { path, journal } = setUp();
  expect(existsSync(path)).toBe(false);
  expect(readJournal(path)).toEqual({ path, header: undefined, open: [], ended: false, damaged: 0 });
  await journal.append(entry('a'));
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('lines of entries that are appended side by side do not mix', async () => {
  const { path, journal } = setUp();
  const ids = Array.from({ length: 50 }, (_, index) => `e${index}`);
  await Promise.all(ids.map((id) => journal.append(entry(id))));
  expect(readJournal(path).open.map(({ id }) => id)).toEqual(ids);
});

test('a torn end at every length is tolerated, and what is written behind it is read', async () => {
  const { path, journal } = setUp();
  await journal.append(entry('a'));
  const whole = readFileSync(path).length;
  await journal.append(entry('torn'));
  const bytes = readFileSync(path);
  for (let length = whole; length < bytes.length - 1; length += 1) {
    writeFileSync(path, bytes.subarray(0, length));
    const { open, damaged } = readJournal(path);
    expect(open.map(({ id }) => id)).toEqual(['a']);
    expect(damaged).toBe(length === whole ? 0 : 1);
    closeEntry(path, 'a', 'reaper');
    expect(readJournal(path).open).toEqual([]);
  }
});

test('a damaged line is not believed, and counted', async () => {
  const { path, journal } = setUp();
  await journal.append(entry('a'));
  await journal.append(entry('b'));
  writeFileSync(path, readFileSync(path, 'utf8').replace('"id":"a"', '"id":"x"'));
  expect(readJournal(path)).toMatchObject({ open: [{ id: 'b' }], damaged: 1 });
});

test('a journal without its header is empty', async () => {
  const { path, journal } = setUp();
  await journal.append(entry('a'));
  truncateSync(path, 20);
  expect(readJournal(path)).toEqual({ path, header: undefined, open: [], ended: false, damaged: 1 });
});

test('goes on behind the torn line of a former writer', async () => {
  const { path, journal } = setUp();
  await journal.append(entry('a'));
  await journal.release();
  appendFileSync(path, '0123');
  await journal.append(entry('b'));
  expect(readJournal(path)).toMatchObject({ open: [{ id: 'a' }, { id: 'b' }], damaged: 1 });
});

test('what cannot be written keeps the fault from happening', async () => {
  const journal = new FileJournal('/dev/full/e1.journal', header);
  await expect(journal.append(entry('a'))).rejects.toThrow(JournalError);
  expect(journal.open()).toEqual([]);
});

test('a close that cannot be written is no failure', async () => {
  const { path, journal, folder } = setUp();
  await journal.append(entry('a'));
  await journal.release();
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'no folder any more');
  await journal.close('a');
  expect(journal.open()).toEqual([]);
  expect(existsSync(path)).toBe(false);
});

test('once the run is over nothing can be added, but what was written stays to be undone', async () => {
  const { path, journal, folder } = setUp();
  await journal.append(entry('a'));
  writeFileSync(overPath(folder), '');
  await expect(journal.append(entry('b'))).rejects.toThrow('run run-1 is over');
  expect(readJournal(path).open.map(({ id }) => id)).toEqual(['a', 'b']);
});

test('an experiment that ended in order says so, and one that broke nothing still leaves no file', async () => {
  const { path, journal } = setUp();
  await journal.end();
  expect(existsSync(path)).toBe(false);
  await journal.append(entry('a'));
  expect(readJournal(path).ended).toBe(false);
  await journal.end();
  expect(readJournal(path)).toMatchObject({ ended: true, open: [{ id: 'a' }] });
});
