import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration, waitFor } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import type { LabControl } from '../engines/lab-control.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import type { EngineWish } from '../engines/select-engine.ts';
import { Experiment } from '../experiment/experiment.ts';
import { ExperimentOverError } from '../experiment/experiment-error.ts';
import type { ExperimentSubject } from '../experiment/subject.ts';
import type { FinalReader, LedgerVerification, TransactionVerification } from '../ledger/index.ts';
import { FileJournal } from '../safety/journal/file-journal.ts';
import type { ClusterAccess, JournalHeader } from '../safety/journal/journal-record.ts';
import { waitForOrphans } from '../safety/orphans.ts';
import { identityOf } from '../safety/process-identity.ts';
import { journalPath } from '../safety/run-folder.ts';
import { RunLogWriter } from '../report/run-log.ts';
import type { ExperimentStart } from '../report/run-log.ts';
import type { ExperimentReport } from '../report/schema.ts';
import { bindLedger } from './bound-ledger.ts';
import type { LossBound } from './bound-ledger.ts';
import { assertNotStopped, isStopRequested } from './interrupted-error.ts';
import { judgeLoss } from './judge-loss.ts';
import { markEnded, markOpen } from './open-sessions.ts';
import { hurryMarkerPath } from './run-files.ts';
import { findingsOfTest } from './test-findings.ts';
import type { TestOutcome } from './test-findings.ts';
import { timelineEntry, toExperimentReport } from './to-report.ts';
import type { TestLedger } from './test-ledger.ts';
import { VerdictError } from './verdict-error.ts';

/** What a session needs. */
export interface SessionOptions {
  /** Of the experiment. @default a new one */
  id?: string;
  /** Full name of the spec. */
  name: string;
  file: string;
  tags: readonly string[];
  seed: number;
  runId: string;
  runLogPath: string;
  profile: string;
  engine: EngineWish;
  engines: EngineRegistry;
  config: ChaosConfig;
  cluster: ExperimentSubject;
  /** How another process reaches the cluster. Missing: the project connects to none. */
  access?: ClusterAccess;
  /** Folder of the run, where the journal is kept. */
  runFolder: string;
  /** Power over the machines; only where the provider has it. */
  lab?: LabControl;
  /** Fires when the test timed out or the run was cancelled. */
  signal: AbortSignal;
  /** Starts the workload. Missing: the test runs without one. */
  startLedger?: (o: LedgerStart) => Promise<TestLedger>;
}

/** A workload that runs beside the ledger: `Bank` or `ListAppend`. */
export interface TestWorkload extends AsyncDisposable {
  verify(options: { final: FinalReader }): Promise<Pick<TransactionVerification, 'workload' | 'verdict' | 'reasons'>>;
}

/** What a workload beside the ledger is started with. */
export interface WorkloadStart {
  seed: number;
  signal: AbortSignal;
  historyFile: string;
  about: Record<string, unknown>;
}

/** What the workload of a test is started with. */
export interface LedgerStart {
  seed: number;
  signal: AbortSignal;
  /** Where its history is kept: a directory beside the run log, named by the experiment. */
  historyDir: string;
  /** What is kept with the history. */
  about: Record<string, unknown>;
}

const progressMs = 1000;
/** How long the end waits, once told to hurry, for undoing that is under way. */
const hurryGraceMs = 20_000;

/**
 * One experiment inside one test: it starts the ledger, tells the reporter what happens, and at the end heals, verifies and
 * gives the verdict, whatever became of the test.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #log: RunLogWriter;
  readonly #start: ExperimentStart;
  #ledger: TestLedger | undefined;
  #experiment: Experiment | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #accepted: LossBound | undefined;
  #journal: FileJournal | undefined;
  #ended = false;
  readonly #workloads: TestWorkload[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#log = new RunLogWriter(options.runLogPath);
    this.#start = {
      id: '',
      name: options.name,
      file: options.file,
      tags: [...options.tags],
      profile: options.profile,
      engine: options.engine,
      seed: options.seed,
      startedAt: new Date().toISOString(),
      cluster: { namespace: options.cluster.namespace, name: options.cluster.name },
    };
  }

  /** @throws {TypeError} before {@link open}. */
  get experiment(): Experiment {
    if (!this.#experiment) throw new TypeError('the session is not open');
    return this.#experiment;
  }

  /** The running workload. @throws {TypeError} when the test runs without one. */
  get ledger(): TestLedger {
    if (!this.#ledger) throw new TypeError("this test has no ledger: its `workload` is 'none'");
    return this.#ledger;
  }

  /**
   * Starts a workload beside the ledger. At the end of the test it is verified, and what it found goes into the verdict.
   * @param start is given a file for its history, beside that of the ledger
   */
  async startWorkload<T extends TestWorkload>(kind: string, start: (o: WorkloadStart) => Promise<T>): Promise<T> {
    const { experiment } = this;
    const { seed, signal, name, runLogPath } = this.#options;
    const historyFile = join(dirname(runLogPath), experiment.id, `${kind}.jsonl`);
    const about = { experiment: name, cluster: this.#start.cluster };
    const workload = await start({ seed, signal, historyFile, about });
    if (this.#ended) {
      await workload[Symbol.asyncDispose]();
      throw new ExperimentOverError(`the test "${name}" has ended`);
    }
    this.#workloads.push(workload);
    return workload;
  }

  /** Starts the workload and the experiment. What was started is ended by {@link finish}, also when this throws. */
  async open(): Promise<void> {
    const { startLedger, signal, cluster, engines, engine, config, name, seed, runId, runFolder } = this.#options;
    signal.throwIfAborted();
    assertNotStopped(this.#options.runLogPath);
    markOpen(this);
    await waitForOrphans(runFolder, { timeoutMs: config.waits.healed, signal });
    const id = this.#options.id ?? randomUUID();
    const historyDir = join(dirname(this.#options.runLogPath), id);
    const about = { experiment: name, cluster: this.#start.cluster };
    const ledger = await startLedger?.({ seed, signal, historyDir, about });
    if (this.#ended) {
      // The test ran out of time meanwhile, and nobody would end what begins now.
      await ledger?.[Symbol.asyncDispose]();
      throw new ExperimentOverError(`the test "${name}" has ended`);
    }
    this.#ledger = ledger;
    this.#journal = new FileJournal(journalPath(runFolder, id), this.#journalHeader(id));
    const experiment = new Experiment({
      id,
      journal: this.#journal,
      name,
      cluster,
      config,
      seed,
      signal,
      // `auto` leaves it to the configuration.
      engine: engine === 'auto' ? undefined : engine,
      engines,
      lab: this.#options.lab,
      runId,
      ledger: this.#ledger,
      // `finish` ends it: it is registered with the test before this runs.
      defer: () => {},
      onEvent: (event) =>
        this.#log.write({ type: 'event', id: experiment.id, event: timelineEntry(event, experiment.timeline.startMs) }),
    });
    this.#experiment = experiment;
    this.#log.write({ type: 'started', experiment: { ...this.#start, id: experiment.id } });
    if (this.#ledger) {
      bindLedger(this.#ledger, {
        verify: () => experiment.verifyLedger(),
        accept: (bound) => {
          this.#accepted = bound;
        },
        faultAtMs: () => firstFaultAtMs(experiment),
      });
    }
    this.#ticker = setInterval(() => this.#tick(), progressMs);
    this.#ticker.unref();
  }

  /**
   * Ends everything: heals, waits for a healthy cluster, verifies the ledger, gives the verdict and reports it.
   *
   * @returns the report; missing when the experiment never began
   * @throws {AggregateError} when something could not be healed, or the verdict is not what it must be and the test itself did not say so.
   */
  async finish(test: TestOutcome): Promise<ExperimentReport | undefined> {
    this.#ended = true;
    const experiment = this.#experiment;
    const problems: unknown[] = [];
    const attempt = async (step: () => Promise<void>): Promise<void> => {
      try {
        await step();
      } catch (error) {
        problems.push(error);
      }
    };
    const hurry = this.#watchHurry();
    let healing = this.#experiment !== undefined;
    try {
      if (!experiment) {
        await attempt(async () => this.#ledger?.[Symbol.asyncDispose]());
        throwAll(problems);
        return undefined;
      }
      const stopped = test.cancelled && isStopRequested(this.#options.runLogPath);
      const cancelled = test.cancelled && !stopped;
      const ending = experiment.end().finally(() => {
        healing = false;
      });
      ending.catch(() => {});
      await attempt(() => raceHurry(ending, hurry.signal));
      if (stopped) await this.#measureOn(experiment, hurry.signal);
      // What could not be healed keeps the cluster from coming back: waiting for that would only hide the message for minutes.
      const healed = problems.length === 0;
      if (healed && !stopped && needsRecovery(experiment)) await attempt(() => this.#recover(experiment, hurry.signal));
      const verification = cancelled || hurry.signal.aborted ? undefined : await this.#verify(experiment);
      const promised = this.#options.cluster.profile.zeroLoss;
      if (!cancelled && !hurry.signal.aborted) await this.#verifyWorkloads(experiment);
      const loss = verification && judgeLoss(verification, { promised, accepted: this.#accepted });
      if (loss) experiment.addFinding(loss);
      await attempt(async () => this.#ledger?.[Symbol.asyncDispose]());
      for (const workload of this.#workloads) await attempt(async () => workload[Symbol.asyncDispose]());
      for (const finding of findingsOfTest(test, experiment.result().findings)) experiment.addFinding(finding);
      experiment.timeline.close();
      const result = experiment.result();
      const report = toExperimentReport(result, this.#start, this.#accepted, this.#history());
      this.#log.write({ type: 'finished', experiment: report });
      const verdictError = VerdictError.of(report, test);
      if (verdictError) problems.push(verdictError);
      throwAll(problems);
      return report;
    } finally {
      clearInterval(this.#ticker);
      hurry.stop();
      // what is still being undone is not known to anybody yet: then the journal stays as it is, and the reaper looks at it
      await (healing ? this.#journal?.release() : this.#journal?.end());
      markEnded(this);
    }
  }

  #journalHeader(id: string): JournalHeader {
    const { name, runId, access, cluster, config } = this.#options;
    const { operatorNamespace, chaosMesh, waits } = config;
    return {
      version: 1,
      runId,
      experiment: { id, name },
      owner: identityOf(),
      ...(access === undefined ? {} : { access }),
      cluster: { namespace: cluster.namespace, name: cluster.name },
      operatorNamespace,
      chaosMesh,
      undoLimitMs: waits.undo,
    };
  }

  // Whoever stops a run wants to know whether the cluster comes back.
  async #measureOn(experiment: Experiment, hurry: AbortSignal): Promise<void> {
    experiment.timeline.enter('recover');
    const { afterStop } = this.#options.config.waits;
    await sleep(afterStop, undefined, { signal: hurry }).catch(() => {});
    const health = await this.#options.cluster.health(AbortSignal.timeout(10_000)).catch(String);
    const state = typeof health === 'string' ? health : health.healthy ? 'healthy' : health.problems.join('; ');
    experiment.timeline.record(`${formatDuration(afterStop)} after everything was healed the cluster is: ${state}`);
  }

  /** Where the history of the ledger is, as a person would type it. */
  #history(): string | undefined {
    const dir = this.#ledger?.historyDir;
    return dir === undefined ? undefined : relative(process.cwd(), dir);
  }

  async #verify(experiment: Experiment): Promise<LedgerVerification | undefined> {
    if (!this.#ledger) return undefined;
    try {
      return await experiment.verifyLedger();
    } catch (error) {
      experiment.addFinding({
        verdict: 'inconclusive',
        source: 'ledger',
        reason: `the ledger could not be verified: ${error instanceof Error ? error.message : String(error)}`,
      });
      return undefined;
    }
  }

  async #verifyWorkloads(experiment: Experiment): Promise<void> {
    for (const workload of this.#workloads) {
      try {
        const {
          workload: source,
          verdict,
          reasons,
        } = await workload.verify({
          final: this.#options.cluster.finalReader(),
        });
        if (verdict !== 'pass') for (const reason of reasons) experiment.addFinding({ verdict, source, reason });
      } catch (error) {
        const reason = `a workload could not be verified: ${error instanceof Error ? error.message : String(error)}`;
        experiment.addFinding({ verdict: 'inconclusive', source: 'workload', reason });
      }
    }
  }

  // A test that ended inside a fault leaves the next one a cluster that is still coming back.
  async #recover(experiment: Experiment, hurry: AbortSignal): Promise<void> {
    const { cluster, config } = this.#options;
    experiment.timeline.enter('recover');
    try {
      await waitFor(
        'the cluster to be healthy after the test',
        async (signal, probe) => {
          const health = await cluster.health(signal);
          if (health.healthy) return true;
          probe.observe(health.problems.join('; '));
          return undefined;
        },
        { timeoutMs: config.waits.recover, intervalMs: 1000, signal: hurry },
      );
    } catch (error) {
      if (hurry.aborted) return;
      experiment.addFinding({
        verdict: 'fail',
        source: 'recover',
        reason: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  }

  #watchHurry(): { signal: AbortSignal; stop: () => void } {
    const marker = hurryMarkerPath(this.#options.runLogPath);
    const controller = new AbortController();
    const timer = setInterval(() => {
      if (existsSync(marker)) controller.abort(new Error('told to heal and to do nothing else'));
    }, 250);
    timer.unref();
    return { signal: controller.signal, stop: () => clearInterval(timer) };
  }

  #tick(): void {
    const experiment = this.#experiment;
    if (!experiment) return;
    const progress = this.#ledger?.progress;
    this.#log.write({
      type: 'progress',
      id: experiment.id,
      progress: {
        phase: experiment.timeline.phase,
        elapsedMs: performance.now() - experiment.timeline.startMs,
        ...(progress === undefined
          ? {}
          : {
              acknowledged: progress.acked,
              unknown: progress.unknown,
              failed: progress.failed,
              acksPerSecond: progress.acksPerSecond,
              ...(progress.msSinceLastAck === undefined ? {} : { msSinceLastAck: progress.msSinceLastAck }),
            }),
      },
    });
  }
}

function firstFaultAtMs(experiment: Experiment): number | undefined {
  const times = experiment.result().faults.flatMap((fault) => fault.injectedAtMs ?? []);
  return times.length > 0 ? Math.min(...times) : undefined;
}

// Something was broken, and no `withX` has seen the cluster healthy since.
function needsRecovery(experiment: Experiment): boolean {
  const { faults, runs } = experiment.result();
  const recovered = new Set(runs.filter((run) => run.convergedMs !== undefined).flatMap((run) => run.faultIds));
  return faults.some((fault) => fault.injectedAtMs !== undefined && !recovered.has(fault.id));
}

async function raceHurry(work: Promise<void>, hurry: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onHurry = (): void => {
    setTimeout(resolve, hurryGraceMs).unref();
  };
  if (hurry.aborted) onHurry();
  else hurry.addEventListener('abort', onHurry, { once: true });
  await Promise.race([work, promise]);
}

function throwAll(problems: readonly unknown[]): void {
  if (problems.length === 1) throw problems[0];
  if (problems.length > 1)
    throw new AggregateError(problems, 'several things went wrong while the experiment was ended');
}
