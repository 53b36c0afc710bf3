import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SteadyStateError } from '../experiment/experiment-error.ts';
import { FileJournal } from './journal/file-journal.ts';
import { closeEntry } from './journal/read-journal.ts';
import { waitForOrphans } from './orphans.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';
import { createRunFolder, journalPath } from './run-folder.ts';

/** A run with one entry of an owner that is to be undone. */
async function setUp(owner: ProcessIdentity) {
  const runs = mkdtempSync(join(tmpdir(), 'orphans-'));
  onTestFinished(() => rmSync(runs, { recursive: true, force: true }));
  const folder = createRunFolder({ runId: 'r', root: '/', runner: identityOf(), namespaces: [] }, runs);
  const path = journalPath(folder, 'e');
  const journal = new FileJournal(path, {
    version: 1,
    runId: 'r',
    experiment: { id: 'e', name: 'a spec' },
    owner,
    cluster: { namespace: 'n', name: 'pg' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
    undoLimitMs: 1_000,
  });
  onTestFinished(() => journal.release());
  await journal.append({ id: 'f/0', engine: 'kubernetes', faultId: 'f', kind: 'mend', data: {} });
  return { folder, path };
}

const dead = { ...identityOf(), started: '1' };

test('what a living worker has in force is its own business', async () => {
  const { folder } = await setUp(identityOf());
  await expect(waitForOrphans(folder, { timeoutMs: 1_000 })).resolves.toBeUndefined();
});

test('what a dead worker left in force is waited for, and named when nobody heals it', async () => {
  const { folder } = await setUp(dead);
  const waiting = waitForOrphans(folder, { timeoutMs: 20, intervalMs: 5 });
  await expect(waiting).rejects.toThrow(SteadyStateError);
  await expect(waiting).rejects.toThrow('mend of f');
});

test('the wait ends when it is healed', async () => {
  const { folder, path } = await setUp(dead);
  const waiting = waitForOrphans(folder, { timeoutMs: 20_000, intervalMs: 5 });
  closeEntry(path, 'f/0', 'reaper');
  await expect(waiting).resolves.toBeUndefined();
});
