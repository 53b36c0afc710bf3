import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fakeEngine, fakeEngines } from '../../test/fakes/fake-engine.ts';
import { ObjectStore } from '../../test/fakes/object-store.ts';
import type { Engine, Leftover, UndoEntry } from '../engines/engine.ts';
import { enabledLabel, managedByLabels } from './labels.ts';
import { parseChaosConfig } from '../config/chaos-config.ts';
import type { ClusterAccess } from './journal/journal-record.ts';
import { FileJournal } from './journal/file-journal.ts';
import { readJournal } from './journal/read-journal.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';
import { renderSweep, sweepExitCode } from './render-sweep.ts';
import { createRunFolder, journalPath, listRuns } from './run-folder.ts';
import { livingOwner, sweep, type SweptThing } from './sweep.ts';

const dead: ProcessIdentity = { ...identityOf(), started: '1' };

/** A folder of runs; `log` has what was undone. */
function setUp(undo?: (entry: UndoEntry) => Promise<string>) {
  const runs = mkdtempSync(join(tmpdir(), 'sweep-'));
  onTestFinished(() => rmSync(runs, { recursive: true, force: true }));
  const log: string[] = [];
  const engines = fakeEngines(
    fakeEngine({
      undo: async (entry) => {
        log.push(entry.id);
        return (await undo?.(entry)) ?? 'undone';
      },
    }),
  );
  const add = async (runId: string, runner: ProcessIdentity, namespace = 'n', access?: ClusterAccess) => {
    const folder = createRunFolder({ runId, root: '/', runner, namespaces: [namespace] }, runs);
    const path = journalPath(folder, 'e');
    const journal = new FileJournal(path, {
      version: 1,
      runId,
      experiment: { id: 'e', name: 'a spec' },
      owner: runner,
      ...(access === undefined ? {} : { access }),
      cluster: { namespace, name: 'pg' },
      operatorNamespace: 'cnpg-system',
      chaosMesh: { namespace: 'chaos-mesh' },
      undoLimitMs: 1_000,
    });
    await journal.append({ id: `${runId}/0`, engine: 'kubernetes', faultId: runId, kind: 'mend', data: {} });
    await journal.append({ id: `${runId}/1`, engine: 'kubernetes', faultId: runId, kind: 'mend', data: {} });
    await journal.release();
    return { folder, path };
  };
  return { runs, log, engines, add };
}

const thing = (outcome: SweptThing['outcome'], runId = 'r'): object => ({
  what: `mend of ${runId}`,
  namespace: 'n',
  runId,
  outcome,
});

test('heals what dead runs left, in reverse order, and forgets them; living runs are not touched', async () => {
  const { runs, log, engines, add } = setUp();
  const gone = await add('r', dead);
  const alive = await add('alive', identityOf());
  const result = await sweep({ runs: listRuns(runs), engines });
  expect(log).toEqual(['r/1', 'r/0']);
  expect(result.things).toMatchObject([thing('removed'), thing('removed')]);
  expect(existsSync(gone.folder)).toBe(false);
  expect(readJournal(alive.path).open).toHaveLength(2);
  expect(sweepExitCode(result)).toBe(0);
});

test('a dry run says what there is and touches nothing', async () => {
  const { runs, log, engines, add } = setUp();
  const { path } = await add('r', dead);
  const result = await sweep({ runs: listRuns(runs), engines, dryRun: true });
  expect(log).toEqual([]);
  expect(readJournal(path).open).toHaveLength(2);
  expect(result.things).toMatchObject([thing('found'), thing('found')]);
  expect(sweepExitCode(result)).toBe(1);
  expect(renderSweep(result)).toMatch(/found {2}mend of r {2}n {10}r {4}journal of "a spec"\n.*\n2 found\n$/s);
});

test('what cannot be undone stays in the journal and is told', async () => {
  const { runs, engines, add } = setUp(({ id }) =>
    id === 'r/1' ? Promise.reject(new Error('no rights')) : Promise.resolve('undone'),
  );
  const { path } = await add('r', dead);
  const result = await sweep({ runs: listRuns(runs), engines });
  expect(result.things).toMatchObject([
    thing('removed'),
    { ...thing('failed'), how: expect.stringContaining('no rights') as string },
  ]);
  expect(readJournal(path).open.map(({ id }) => id)).toEqual(['r/1']);
  expect(sweepExitCode(result)).toBe(1);
});

test('only the namespaces that are asked for', async () => {
  const { runs, log, engines, add } = setUp();
  await add('here', dead, 'a');
  await add('there', dead, 'b');
  await sweep({ runs: listRuns(runs), engines, namespaces: ['b'] });
  expect(log).toEqual(['there/1', 'there/0']);
});

describe('nothing is undone in a cluster other than the one that was broken', () => {
  test('when another one answers at its address', async () => {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'another' } }),
      );
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { runs, log, engines, add } = setUp();
    const kubeconfig = join(runs, 'kubeconfig');
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        clusters: [{ name: 'c', cluster }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        users: [{ name: 'u', user: {} }],
      }),
    );
    const { folder } = await add('r', dead, 'n', { kubeconfig, kubeSystemUid: 'the one' });
    const { things } = await sweep({ runs: listRuns(runs), engines });
    expect(log).toEqual([]);
    const how = 'its cluster is gone: another one answers now (another)';
    expect(things).toMatchObject([
      { ...thing('removed'), how },
      { ...thing('removed'), how },
    ]);
    expect(existsSync(folder)).toBe(false);
  });

  test('when its lab is gone', async () => {
    const { runs, log, engines, add } = setUp();
    const kubeconfig = join(runs, 'nowhere');
    await add('r', dead, 'n', { kubeconfig, kubeSystemUid: 'the one', labName: 'small' });
    const { things } = await sweep({ runs: listRuns(runs), engines });
    expect(log).toEqual([]);
    expect(things.map(({ how }) => how)).toEqual(['its lab small is gone', 'its lab small is gone']);
  });

  test('but a kubeconfig that cannot be used is no proof that its cluster is gone', async () => {
    const { runs, engines, add } = setUp();
    const { path } = await add('r', dead, 'n', { kubeconfig: join(runs, 'moved'), kubeSystemUid: 'the one' });
    const { things } = await sweep({ runs: listRuns(runs), engines });
    expect(things).toMatchObject([thing('failed'), thing('failed')]);
    expect(readJournal(path).open).toHaveLength(2);
  });
});

test('what was in the way of looking is removed, and then it is looked again', async () => {
  await using store = await ObjectStore.start();
  store.put('/api/v1/namespaces/n', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'n', labels: { ...managedByLabels, [enabledLabel]: 'true' } },
  });
  const runs = mkdtempSync(join(tmpdir(), 'sweep-'));
  onTestFinished(() => rmSync(runs, { recursive: true, force: true }));
  const kubeconfig = join(runs, 'kubeconfig');
  writeFileSync(kubeconfig, store.kubeconfig);
  const leftover = (what: string): Leftover => ({ what, undo: { kind: 'mend', data: {} }, runId: undefined });
  let frozen = true;
  const kubernetes: Engine = {
    ...fakeEngine(),
    leftovers: () => (frozen ? Promise.reject(new Error('pg-1 stands still')) : Promise.resolve([leftover('paused')])),
  };
  const chaosMesh: Engine = {
    ...fakeEngine(),
    name: 'chaos-mesh',
    leftovers: () => Promise.resolve(frozen ? [leftover('frozen')] : []),
    undo: () => {
      frozen = false;
      return Promise.resolve('goes on');
    },
  };
  const { operatorNamespace, chaosMesh: mesh, waits } = parseChaosConfig({}, 'test');
  const cluster = {
    access: { kubeconfig, kubeSystemUid: 'any' },
    config: { operatorNamespace, chaosMesh: mesh, waits },
  };
  const { things, blind } = await sweep({ runs: [], cluster, engines: fakeEngines(kubernetes, chaosMesh) });
  expect(things.map(({ outcome, what }) => `${outcome} ${what}`)).toEqual(['removed frozen', 'removed paused']);
  expect(blind).toEqual([]);
});

test('nobody could look everywhere: that is not the same as nothing', () => {
  const result = { things: [], blind: ['engine agent could not look: exec failed'] };
  expect(sweepExitCode(result)).toBe(3);
  expect(renderSweep(result)).toBe('engine agent could not look: exec failed\nnothing found where one could look\n');
  expect(renderSweep({ things: [], blind: [] })).toBe('nothing is left behind\n');
});

const holder = (namespace: string, runId: string) => ({ namespace, runId, holder: `u@h pid 1 run ${runId}` });
const run = (runId: string, runner: ProcessIdentity) => ({
  folder: '/nowhere',
  manifest: {
    version: 1 as const,
    runId,
    startedAt: '2026-01-01T00:00:00Z',
    host: hostname(),
    root: '/',
    runner,
    namespaces: [],
  },
  journals: [],
});

test.each([
  ['of a living run of this machine', 'r', [run('r', identityOf())], [], undefined, 'run r'],
  ['of a dead run of this machine', 'r', [run('r', dead)], [], undefined, undefined],
  ['of a run that holds a Lease, whoever it is', 'x', [], [holder('other', 'x')], undefined, 'u@h pid 1 run x'],
  ['of an unknown run, while another works in the namespace', 'x', [], [holder('n', 'y')], holder('n', 'y'), undefined],
  [
    'of nobody, while somebody works in the namespace',
    undefined,
    [],
    [holder('n', 'y')],
    holder('n', 'y'),
    'u@h pid 1 run y',
  ],
  ['of nobody, while somebody works anywhere', undefined, [], [holder('other', 'y')], undefined, 'u@h pid 1 run y'],
  ['of nobody, while nobody works', undefined, [], [], undefined, undefined],
])('a leftover %s', (_what, runId, runs, holders, here, expected) => {
  expect(livingOwner({ runId }, { runs, holders, holder: here })).toBe(expected);
});
