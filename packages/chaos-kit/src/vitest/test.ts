import { describe, inject, test as base } from 'vitest';
import type { TestContext } from 'vitest';
import type { ClusterUnderTest } from '../cluster/cluster-under-test.ts';
import type { ProfileName } from '../cluster/profile.ts';
import type { EngineWish } from '../engines/select-engine.ts';
import type { Experiment } from '../experiment/experiment.ts';
import type { ExperimentRun } from '../experiment/experiment-run.ts';
import type { FaultOptions, OptionsSchema } from '../faults/fault.ts';
import type { FaultBody, FaultFixture } from '../faults/fixture.ts';
import * as faults from '../faults/index.ts';
import { Bank, Ledger, ListAppend, podPlace } from '../ledger/index.ts';
import type { BankOptions, LedgerOptions, ListAppendOptions, PodPlace } from '../ledger/index.ts';
import { labControl } from '../provider/lab.ts';
import { RunLogWriter } from '../report/run-log.ts';
import { loadEngines } from '../safety/load-engines.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { failureFiles } from './failure-files.ts';
import type { FailureFiles } from './failure-files.ts';
import { namespaceDeletionMs, ownNamespace } from './own-namespace.ts';
import { accessOf, runContextKey } from './provided.ts';
import { configOf, provisionCluster } from './provision.ts';
import { whyNot } from './scenario-needs.ts';
import { experimentSeed } from './seeds.ts';
import { Session } from './session.ts';
import type { LedgerStart } from './session.ts';
import type { TestLedger } from './test-ledger.ts';
import type { TestOutcome } from './test-findings.ts';

/** Where the clients of a test are: with the runner, in a pod, or in a pod on the node that the primary has at the start. */
export type ClientSite = 'runner' | 'pod' | 'pod-beside-primary';

/** The workload of a test: options of its ledger, or `'none'` to run without one. */
export type Workload = Omit<LedgerOptions, 'seed' | 'expectSync' | 'historyDir' | 'about' | 'place'> | 'none';

type SetByTheTest = 'seed' | 'signal' | 'historyFile' | 'about';

/** Options of the workloads `bank` and `listAppend`. */
export type Transactions = Omit<BankOptions, SetByTheTest> & Omit<ListAppendOptions, SetByTheTest>;

// Healing, a cluster that comes back and the final read, each with its own limit; this one only catches what hangs for good.
const finishLimitMs = 20 * 60_000;

/** Longest that writing the files of a failed test may take; each part has its own limit. */
const keepFilesLimitMs = 90_000;

const withoutFaults = base
  // Shape of the cluster.
  .extend('profile', 'sync' as ProfileName)
  // Who breaks things; `auto` is for the configuration to say, else for what the cluster offers.
  .extend('engine', 'auto' as EngineWish)
  // What writes while things break.
  .extend('workload', {} as Workload)
  // What `bank` and `listAppend` do.
  .extend('transactions', {} as Transactions)
  // All engines by name. Automatic, so that loading them is not charged to the test.
  .extend('engines', { auto: true }, () => loadEngines(inject(runContextKey).enginesModule))
  // The record that the test runs, for `scenario()`; what the cluster lacks for it makes the test skip.
  .extend('scenario', undefined as Scenario | undefined)
  .extend('admitted', async ({ scenario: record, engines, signal, skip }) => {
    const reason = record === undefined ? undefined : await whyNot(record, inject(runContextKey), engines, signal);
    if (record === undefined || reason === undefined) return true;
    // the runner keeps the reason to itself
    new RunLogWriter(inject(runContextKey).runLogPath).write({
      type: 'status',
      text: `${record.id} is skipped: ${reason}`,
    });
    return skip(reason);
  })
  // Automatic, so that a hook resolves it: provisioning takes minutes and is not charged to the test.
  .extend('cluster', { auto: true }, ({ admitted, profile, signal }): Promise<ClusterUnderTest> => {
    void admitted;
    return provisionCluster(inject(runContextKey), profile, signal);
  })
  // Automatic: a test that fails leaves the dump of its cluster and the logs of its instances, those that are gone included.
  .extend('failureFiles', { auto: true }, ({ task, onTestFinished, cluster }): FailureFiles => {
    const files = failureFiles(inject(runContextKey).runLogPath);
    const postMortem = cluster.postMortem?.();
    if (postMortem === undefined) return files;
    onTestFinished(async (context) => {
      try {
        // Registered first, hence called last: the verdict is known by now.
        if (context.task.result?.state !== 'fail') return;
        const kept = await files.keep(task.fullTestName ?? task.name, postMortem);
        context.task.meta.chaosFiles = { folder: files.folder, files: kept };
      } finally {
        await postMortem.stop();
      }
    }, keepFilesLimitMs);
    return files;
  })
  // A namespace for what the test creates itself.
  .extend('namespace', async ({ task, signal, onTestFinished, cluster, failureFiles: files }): Promise<string> => {
    const own = ownNamespace(cluster.kube, task.name);
    onTestFinished(async (context) => {
      if (context.task.result?.state === 'fail') await files.keepNamespace(cluster.kube, own.name);
      if (!(await own.remove())) {
        new RunLogWriter(inject(runContextKey).runLogPath).write({
          type: 'note',
          text: `namespace ${own.name} is kept`,
        });
      }
    }, namespaceDeletionMs + keepFilesLimitMs);
    await own.create(signal);
    return own.name;
  })
  // Where the clients of the workload are.
  .extend('client', 'runner' as ClientSite)
  // How the workload is started; replaced by tests that bring their own.
  .extend('startLedger', ({ cluster, workload, client }) => ledgerStarter(cluster, workload, client))
  // The experiment of this test with its ledger; `chaos` and `ledger` are what specs use of it.
  .extend(
    'session',
    async ({ task, signal, onTestFinished, cluster, failureFiles: files, profile, engine, engines, startLedger }) => {
      const run = inject(runContextKey);
      const repeat = task.result?.repeatCount ?? 0;
      // Of earlier repeats of this test, which vitest keeps.
      const formerErrors = task.result?.errors?.length ?? 0;
      const name = task.fullTestName ?? task.name;
      const session = new Session({
        id: files.id,
        name,
        file: task.file.name,
        tags: task.tags ?? [],
        seed: experimentSeed(run.seed, `${task.file.name} > ${name}`, repeat),
        runId: run.runId,
        runLogPath: run.runLogPath,
        profile,
        engine,
        engines,
        config: await configOf(run),
        cluster,
        signal,
        runFolder: run.runFolder,
        ...(run.cluster === undefined ? {} : { access: accessOf(run.cluster) }),
        ...(run.cluster?.labName === undefined ? {} : { lab: labControl(run.cluster.labName) }),
        ...(startLedger === undefined ? {} : { startLedger }),
      });
      // Before anything is started: a hook of the test runs even when this fixture throws or times out, its own cleanup does not.
      onTestFinished(async (context) => {
        const report = await session.finish(outcomeOf(context, formerErrors));
        if (report) context.task.meta.chaos = { id: report.id, verdict: report.verdict, runs: report.runs };
      }, finishLimitMs);
      await session.open();
      return session;
    },
  )
  .extend('ledger', ({ session }): TestLedger => session.ledger)
  .extend('chaos', ({ session }): Experiment => session.experiment)
  .extend('bank', ({ session, cluster, transactions }) =>
    session.startWorkload('bank', (o) => Bank.start(cluster.ledgerTarget(), { ...transactions, ...o })),
  )
  .extend('listAppend', ({ session, cluster, transactions }) =>
    session.startWorkload('list-append', (o) => ListAppend.start(cluster.ledgerTarget(), { ...transactions, ...o })),
  );

type BoundFixture<F> =
  F extends FaultFixture<infer S> ? (options: FaultOptions<S>, body: FaultBody) => Promise<ExperimentRun> : never;

/** Every `withX` of `faults/index.ts`, bound to the experiment of a test. */
export type BoundFixtures = {
  [K in keyof typeof faults as K extends `with${string}` ? K : never]: BoundFixture<(typeof faults)[K]>;
};

// vitest reads the names of a fixture's parameters from its source, so each has its own function
const faultFixtures = Object.fromEntries(
  Object.entries(faults).flatMap(([name, exported]) =>
    typeof exported === 'function'
      ? [
          [
            name,
            ({ chaos }: { chaos: Experiment }, use: (value: unknown) => Promise<void>) =>
              use(bind(chaos, exported as unknown as FaultFixture<OptionsSchema>)),
          ],
        ]
      : [],
  ),
) as unknown as FixtureFunctions;

type FixtureFunctions = {
  [K in keyof BoundFixtures]: (
    context: { chaos: Experiment },
    use: (value: BoundFixtures[K]) => Promise<void>,
  ) => Promise<void>;
};

/**
 * vitest's `test` with everything that a chaos spec needs. Asking for a fixture starts it.
 *
 * Options, to be set with `test.override` for a file or a `describe`: `profile`, `engine`, `workload`, `transactions`.
 * Fixtures: `cluster`, `ledger`, `bank` and `listAppend` (transactions beside it), `chaos` (the experiment), `namespace` (one of the
 * test's own, deleted at its end), and every `withX` of `faults/index.ts`.
 *
 * When the test ends, however it ends, faults are healed, the ledger is stopped and verified, and the verdict is given:
 * a test whose experiment failed or was inconclusive does not pass.
 */
export const test = withoutFaults.extend<BoundFixtures>(faultFixtures);

/** Gives a `withX` function its experiment, for fixtures of one's own. */
export function bind<S extends OptionsSchema>(
  experiment: Experiment,
  fault: FaultFixture<S>,
): (options: FaultOptions<S>, body: FaultBody) => Promise<ExperimentRun> {
  return (options, body) => fault(experiment, options, body);
}

type Body = Exclude<Parameters<typeof test>[2], number | undefined>;

/**
 * A test of a scenario record: its title, tags and profile are the record's, and what the cluster lacks for it makes the
 * test skip with the reason. `variant` tells several tests of one record apart.
 */
export function scenario(record: Scenario, body: Body, variant?: string): void {
  describe(`${record.id}`, () => {
    test.override('profile', record.profile);
    test.override('scenario', record);
    const name = variant === undefined ? record.title : `${record.title} (${variant})`;
    test(name, { tags: [...record.tags] }, body);
  });
}

/** Starts the workload of a test; missing when it runs without one. */
export type StartLedger = ((o: LedgerStart) => Promise<TestLedger>) | undefined;

function ledgerStarter(cluster: ClusterUnderTest, workload: Workload, client: ClientSite): StartLedger {
  if (workload === 'none') return undefined;
  return async ({ seed, signal, historyDir, about }) =>
    Ledger.start(cluster.ledgerTarget(), {
      ...workload,
      seed,
      expectSync: cluster.profile.synchronous !== undefined,
      historyDir,
      place: client === 'runner' ? undefined : await clientPlace(cluster, client, signal),
      about: { ...about, profile: cluster.profile },
      signal,
    });
}

async function clientPlace(
  cluster: ClusterUnderTest,
  client: Exclude<ClientSite, 'runner'>,
  signal: AbortSignal,
): Promise<PodPlace> {
  const { kube, namespace } = cluster;
  if (client === 'pod') return podPlace({ kube, namespace });
  const { node } = (await cluster.primary(signal)).pod;
  return podPlace({ kube, namespace, nodeName: node });
}

function outcomeOf({ task, signal }: TestContext, formerErrors: number): TestOutcome {
  const reason: unknown = signal.reason;
  return {
    failed: task.result?.state === 'fail',
    // vitest's name for a run that is cancelled; a test out of time has another one.
    cancelled: signal.aborted && reason instanceof Error && reason.name === 'TestRunAbortError',
    errors: (task.result?.errors ?? []).slice(formerErrors).map(({ name, message }) => ({ name, message })),
  };
}
