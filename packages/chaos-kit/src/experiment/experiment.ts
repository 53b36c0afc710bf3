import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { raceSignal, WaitTimeoutError } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import type { Engine } from '../engines/engine.ts';
import type { LabControl } from '../engines/lab-control.ts';
import { defaultEngines, type EngineRegistry } from '../engines/registry.ts';
import type { EngineWish } from '../engines/select-engine.ts';
import type { ActiveFault } from '../faults/active-fault.ts';
import {
  type Fault,
  type FaultOptions,
  type OptionsSchema,
  type ParsedFaultOptions,
  parseFaultOptions,
  ttlOf,
} from '../faults/fault.ts';
import type { FaultBody, FaultRunner } from '../faults/fixture.ts';
import { HistoryWriteError } from '../ledger/index.ts';
import type { FaultFacts, Ledger, LedgerVerification } from '../ledger/index.ts';
import type { LeftoverScan } from '../safety/leftovers.ts';
import type { ClusterSample } from './cluster-sample.ts';
import { ExperimentOverError, RecoveryError, SteadyStateError } from './experiment-error.ts';
import type { ExperimentResult, FaultRecord, RunRecord } from './experiment-result.ts';
import type { ExperimentRun } from './experiment-run.ts';
import { findingOf } from './findings.ts';
import { Injector } from './injector.ts';
import { type Journal, MemoryJournal } from './journal.ts';
import type { LiveFault } from './live-fault.ts';
import { measureRun } from './measure.ts';
import type { ExperimentSubject, StatusHistory } from './subject.ts';
import { Timeline, type TimelineEvent } from './timeline.ts';
import { applyKnownDefect, combineFindings, type Finding, type KnownDefect, type Verdict } from './verdict.ts';
import { waitHealthy } from './wait-healthy.ts';

/** What an experiment reads from the ledger. */
export type ExperimentLedger = Pick<
  Ledger,
  'waitForAcks' | 'waitForRecovery' | 'recovery' | 'writeGap' | 'verify' | 'progress'
> &
  Partial<Pick<Ledger, 'noteFaults'>>;

/** Options of `Experiment`. */
export interface ExperimentOptions {
  /** Default: a random one. */
  readonly id?: string | undefined;
  /** Name of the experiment, for people. */
  readonly name: string;
  readonly cluster: ExperimentSubject;
  readonly config: ChaosConfig;
  /** From which all random choices of the experiment are derived. */
  readonly seed: number;
  /** Fires when the experiment must stop: nothing is injected after it. */
  readonly signal: AbortSignal;
  /** Registers what must run at the end, whatever happens: vitest's `onTestFinished` or the caller's `finally`. */
  defer(end: () => Promise<void>): void;
  /** Who breaks things. Default: the configuration's engine. */
  readonly engine?: EngineWish | undefined;
  readonly ledger?: ExperimentLedger | undefined;
  readonly onEvent?: ((event: TimelineEvent) => void) | undefined;
  /** Id of the run that the experiment is part of. Default: its own. */
  readonly runId?: string | undefined;
  /** Default: one in memory. */
  readonly journal?: Journal | undefined;
  /** Default: those of the kit. */
  readonly engines?: EngineRegistry | undefined;
  /** Power over the machines; only where the provider has it. */
  readonly lab?: LabControl | undefined;
  /** Pause between two looks at the health of the cluster, in milliseconds. Default 250. */
  readonly healthPollMs?: number | undefined;
}

/** Acknowledged writes that make a baseline: enough to see a gap, few enough not to be waited for. */
const baselineAcks = 100;

/**
 * One experiment on one cluster: it injects faults, heals them whatever happens, keeps the timeline and says what was
 * proven. Independent of vitest.
 */
export class Experiment implements FaultRunner<ExperimentRun>, AsyncDisposable {
  readonly id: string;
  readonly runId: string;
  readonly name: string;
  readonly seed: number;
  readonly timeline: Timeline;
  readonly cluster: ExperimentSubject;
  readonly ledger: ExperimentLedger | undefined;
  readonly #options: ExperimentOptions;
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  readonly #injector: Injector;
  readonly #healthPollMs: number;
  readonly #runs: ExperimentRun[] = [];
  readonly #findings: Finding[] = [];
  readonly #judged = new WeakSet<object>();
  #history: Promise<StatusHistory> | undefined;
  #ended: Promise<void> | undefined;
  #verified: Promise<LedgerVerification> | undefined;
  #verification: LedgerVerification | undefined;
  #expected: { verdict: Verdict; reason: string } | undefined;
  #defect: KnownDefect | undefined;
  #narrowDefect: KnownDefect | undefined;
  #excusing = false;

  constructor(options: ExperimentOptions) {
    this.#options = options;
    this.id = options.id ?? randomUUID();
    this.runId = options.runId ?? this.id;
    this.name = options.name;
    this.seed = options.seed;
    this.cluster = options.cluster;
    this.ledger = options.ledger;
    this.timeline = new Timeline(options.onEvent);
    const { revoked } = options.cluster;
    this.#signal = AbortSignal.any([options.signal, this.#over.signal, ...(revoked === undefined ? [] : [revoked])]);
    this.#healthPollMs = options.healthPollMs ?? 250;
    this.#injector = new Injector({
      cluster: options.cluster,
      config: options.config,
      engines: options.engines ?? defaultEngines,
      seed: options.seed,
      lab: options.lab,
      journal: options.journal ?? new MemoryJournal(),
      timeline: this.timeline,
      signal: this.#signal,
      runId: this.runId,
      experimentId: this.id,
      onHealError: (error) => this.#judge(error),
      onExpired: (fault) =>
        this.addFinding({
          verdict: 'inconclusive',
          source: 'ttl',
          reason: `${fault.fault} was healed after its ttl had run out: it was not in force to the end`,
        }),
    });
    options.defer(() => this.end());
  }

  /** Fires when nothing may be broken any more: the caller's signal, the end of the experiment, or a lost lock. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  /** Faults that are in force. */
  get active(): readonly ActiveFault[] {
    return this.#injector.active;
  }

  /**
   * Injects a fault and waits until its effect is seen. The caller heals it; at the latest the end of the experiment does.
   *
   * @throws GuardError, FaultOptionsError, EngineUnavailableError, TargetError before anything is touched;
   * EngineError when the engine failed and NoEffectError when no effect was seen, both after undoing;
   * ExperimentOverError when the experiment has ended.
   */
  async inject<S extends OptionsSchema>(fault: Fault<S>, options: FaultOptions<S>): Promise<ActiveFault> {
    return this.#judging(async () => {
      const parsed = parseFaultOptions(fault, options);
      const engine = await this.#admit(fault, parsed);
      await this.#follow();
      const active = await this.#injector.inject(fault, parsed, engine);
      this.ledger?.noteFaults?.(this.#faultsSoFar());
      return active;
    });
  }

  /**
   * The whole of a `withX`: steady state, baseline, inject, body, heal, evidence of healing, recovery. Inside the body of
   * another one it does not wait for a healthy cluster, neither before nor after.
   *
   * @returns what was measured
   * @throws what the body threw, after healing; and everything that `inject` throws; SteadyStateError, HealError,
   * RecoveryError.
   */
  async runFault<S extends OptionsSchema>(
    fault: Fault<S>,
    options: FaultOptions<S>,
    body: FaultBody,
  ): Promise<ExperimentRun> {
    return this.#judging(async () => {
      const parsed = parseFaultOptions(fault, options);
      const engine = await this.#admit(fault, parsed);
      const history = await this.#follow();
      const outermost = this.#injector.active.length === 0;
      if (outermost) await this.#steadyState(history);
      const active = await this.#injector.inject(fault, parsed, engine);
      this.ledger?.noteFaults?.(this.#faultsSoFar());
      this.timeline.enter('hold');
      let failure: { error: unknown } | undefined;
      try {
        // a body that does not listen to the signal must not keep the fault alive
        await raceSignal(Promise.resolve(body(active)), this.#signal);
        const heldMs = performance.now() - active.evidence.atMs;
        const leftMs = (parsed.holdForMs ?? 0) - heldMs;
        if (leftMs > 0) await raceSignal(sleep(leftMs, undefined, { ref: false }), this.#signal);
      } catch (error) {
        failure = { error };
      }
      this.timeline.enter('heal');
      try {
        await active.heal();
      } catch (healError) {
        if (failure === undefined) throw healError;
        this.#judge(healError);
      }
      if (failure !== undefined) throw failure.error;
      const run = await this.#recover(active, history, outermost);
      this.#runs.push(run);
      return run;
    });
  }

  /** What any engine still finds of any fault around this cluster, whoever made it. Touches nothing. */
  leftovers(): Promise<LeftoverScan> {
    return this.#injector.leftovers();
  }

  /** Heals every fault that is in force, side by side. @throws HealError with everything that could not be undone. */
  async healAll(): Promise<void> {
    if (this.#injector.active.length > 0) this.timeline.enter('heal');
    try {
      await this.#injector.healAll();
    } catch (error) {
      this.#judge(error);
      throw error;
    }
  }

  /** Ends the experiment: nothing is injected from now on, everything is healed. Idempotent. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /**
   * Stops the ledger and reads everything back, once. What it finds goes into the verdict: always whether the rows add up,
   * and whether an acknowledged write was lost where the profile promises that none is.
   */
  verifyLedger(): Promise<LedgerVerification> {
    this.#verified ??= this.#verifyLedger();
    return this.#verified;
  }

  /** Adds something that keeps the experiment from passing, for instance a failed assertion of the spec. */
  addFinding(finding: Finding): void {
    const known = this.#findings.some((f) => f.verdict === finding.verdict && f.reason === finding.reason);
    if (known) return;
    this.#findings.push(this.#excusing && finding.verdict === 'fail' ? { ...finding, excused: true } : finding);
    this.timeline.record(`${finding.verdict}: ${finding.reason}`, { source: finding.source });
  }

  /** Says that this is a control experiment whose verdict must be `verdict`. The true verdict is reported all the same. */
  expectVerdict(verdict: Verdict, reason: string): void {
    this.#expected = { verdict, reason };
  }

  /** Says that a known defect makes this experiment fail: a failure becomes `xfail`, a pass `xpass`. */
  expectFailure(defect: KnownDefect): void {
    this.#defect = defect;
  }

  /**
   * Says that a known defect makes this assertion fail, and only this one: whatever else goes wrong is a failure as ever.
   * The assertion is made as if there were no defect. It failing becomes `xfail`, it passing `xpass`.
   */
  async expectedFailure(defect: KnownDefect, assertion: () => unknown): Promise<void> {
    this.#narrowDefect = defect;
    this.#excusing = true;
    try {
      await assertion();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof Error && error.name === 'InconclusiveError') throw error;
      this.addFinding({ verdict: 'fail', source: 'known defect', reason });
    } finally {
      this.#excusing = false;
    }
  }

  /** The verdict by all that is known so far. */
  verdict(): Verdict {
    const excused = this.#findings.filter((finding) => finding.excused === true);
    const combined = combineFindings(this.#findings.filter((finding) => finding.excused !== true));
    const proved =
      this.#runs.length > 0 ||
      this.#injector.faults.some((fault) => fault.effect !== undefined) ||
      this.#verification !== undefined;
    if (combined === 'pass' && proved && this.#narrowDefect !== undefined) {
      return applyKnownDefect(combineFindings(excused), this.#narrowDefect);
    }
    return applyKnownDefect(combined === 'pass' && !proved ? 'inconclusive' : combined, this.#defect);
  }

  /** Everything that is known, as plain data. */
  result(): ExperimentResult {
    const verdict = this.verdict();
    const { timeline } = this;
    return {
      id: this.id,
      runId: this.runId,
      name: this.name,
      seed: this.seed,
      profile: this.cluster.profile.name,
      cluster: { namespace: this.cluster.namespace, name: this.cluster.name },
      startedAt: timeline.startedAt.toISOString(),
      startMs: timeline.startMs,
      durationMs: performance.now() - timeline.startMs,
      verdict,
      findings: [...this.#findings],
      faults: this.#injector.faults.map(faultRecord),
      runs: this.#runs.map(runRecord),
      phases: [...timeline.spans],
      timeline: [...timeline.events],
      ...(this.#expected === undefined
        ? {}
        : { expected: { ...this.#expected, met: this.#expected.verdict === verdict } }),
      ...knownDefectOf(this.#narrowDefect ?? this.#defect),
      ...(this.#verification === undefined ? {} : { ledger: this.#verification }),
    };
  }

  async #admit<S extends OptionsSchema>(fault: Fault<S>, options: ParsedFaultOptions<S>): Promise<Engine> {
    this.#signal.throwIfAborted();
    ttlOf(fault, options, this.#options.config.ttl);
    if (this.#injector.active.length === 0) this.timeline.enter('preflight');
    await this.cluster.authorize(this.#signal);
    return this.#injector.choose(fault, options, this.#options.engine ?? this.#options.config.engine);
  }

  async #steadyState(history: StatusHistory): Promise<void> {
    const { steadyState, baseline } = this.#options.config.waits;
    this.timeline.enter('steady-state');
    try {
      await waitHealthy('the cluster to be healthy before the fault', this.cluster, {
        timeoutMs: steadyState,
        pollMs: this.#healthPollMs,
        signal: this.#signal,
      });
    } catch (cause) {
      if (!(cause instanceof WaitTimeoutError)) throw cause;
      throw new SteadyStateError(`the cluster is not healthy, so nothing was broken: ${cause.lastObserved}`, { cause });
    }
    this.cluster.remember({ primary: history.samples.at(-1)?.currentPrimary });
    if (this.ledger === undefined) return;
    this.timeline.enter('baseline');
    try {
      await this.ledger.waitForAcks(baselineAcks, { timeoutMs: baseline, signal: this.#signal });
    } catch (cause) {
      this.#signal.throwIfAborted();
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new SteadyStateError(`writes are not acknowledged, so nothing was broken: ${text}`, { cause });
    }
    const { acked, acksPerSecond } = this.ledger.progress;
    this.timeline.record(`baseline: ${acked} writes acknowledged`, { acked, acksPerSecond });
  }

  async #recover(active: LiveFault, history: StatusHistory, outermost: boolean): Promise<ExperimentRun> {
    const healedAtMs = active.healing?.atMs ?? performance.now();
    let converged: { atMs: number; resolutionMs: number } | undefined;
    if (outermost) {
      this.timeline.enter('recover');
      try {
        const deadline = performance.now() + this.#options.config.waits.recover;
        converged = await this.#converge(active);
        const left = Math.max(1_000, deadline - performance.now());
        await this.ledger?.waitForRecovery(active.injectedAtMs, { timeoutMs: left, signal: this.#signal });
      } catch (cause) {
        this.#signal.throwIfAborted();
        if (cause instanceof HistoryWriteError) throw cause;
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new RecoveryError(`after ${active.fault} was healed: ${text}`, { cause });
      }
    }
    const endMs = performance.now();
    const { samples, blind } = history;
    const run = measureRun({
      fault: active,
      samples,
      blind,
      endMs,
      healedAtMs,
      converged,
      recovery: this.ledger?.recovery(active.injectedAtMs),
      writeGap: this.ledger?.writeGap(active.injectedAtMs, endMs),
    });
    this.timeline.record('recovered', {
      fault: active.id,
      promotions: run.promotions,
      ...(run.recoveryMs === undefined ? {} : { recoveryMs: run.recoveryMs }),
      ...(run.writeGapMs === undefined ? {} : { writeGapMs: run.writeGapMs }),
      ...(run.convergedMs === undefined ? {} : { convergedMs: run.convergedMs }),
    });
    return run;
  }

  async #converge(active: LiveFault): Promise<{ atMs: number; resolutionMs: number }> {
    let lastUnhealthyMs = active.evidence.atMs;
    const atMs = await waitHealthy('the cluster to be healthy again', this.cluster, {
      timeoutMs: this.#options.config.waits.recover,
      pollMs: this.#healthPollMs,
      signal: this.#signal,
      onUnhealthy: (lookedAtMs) => {
        lastUnhealthyMs = lookedAtMs;
      },
    });
    return { atMs, resolutionMs: atMs - lastUnhealthyMs };
  }

  #follow(): Promise<StatusHistory> {
    this.#history ??= this.cluster
      .follow((sample) => this.#onSample(sample))
      .catch((error: unknown) => {
        this.#history = undefined;
        throw error;
      });
    return this.#history;
  }

  #onSample(sample: ClusterSample): void {
    const { phase, currentPrimary, targetPrimary, timelineId, readyInstances } = sample;
    const text = `cluster: ${phase ?? 'no phase'}, primary ${currentPrimary ?? 'none'} (target ${targetPrimary ?? 'none'}), timeline ${timelineId ?? '?'}, ${readyInstances ?? 0} ready`;
    this.timeline.record(text);
  }

  async #verifyLedger(): Promise<LedgerVerification> {
    const { ledger } = this;
    if (ledger === undefined) throw new TypeError(`experiment ${this.name} has no ledger to verify`);
    this.timeline.enter('verify');
    const verification = await ledger.verify({ final: this.cluster.finalReader(), faults: this.#faultsSoFar() });
    this.#verification = verification;
    const promised = this.cluster.profile.zeroLoss;
    const verdicts = promised ? [verification.verdict, verification.integrity] : [verification.integrity];
    for (const verdict of verdicts) {
      if (verdict !== 'pass') this.addFinding({ verdict, source: 'ledger', reason: verification.reasons.join('; ') });
    }
    const { acknowledged, lost, unexpected, duplicated } = verification.counts;
    this.timeline.record(`ledger: ${verification.verdict}`, { acknowledged, lost, unexpected, duplicated });
    return verification;
  }

  /** What was broken until now, for those who judge the ledger. */
  #faultsSoFar(): FaultFacts[] {
    return this.#injector.faults.flatMap(({ fault, actedAtMs, effect }) =>
      actedAtMs === undefined ? [] : [{ what: fault, atMs: actedAtMs, effectAtMs: effect?.atMs }],
    );
  }

  async #end(): Promise<void> {
    this.#over.abort(new ExperimentOverError(`experiment "${this.name}" is over: nothing is broken any more`));
    if (this.#options.signal.aborted && (this.#injector.active.length > 0 || this.#runs.length === 0)) {
      this.addFinding({ verdict: 'aborted', source: 'abort', reason: reasonOf(this.#options.signal) });
    }
    await this.#injector.settle();
    try {
      await this.healAll();
    } finally {
      const history = await this.#history?.catch(() => undefined);
      await history?.stop();
      this.timeline.close();
    }
  }

  async #judging<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#judge(error);
      throw error;
    }
  }

  #judge(error: unknown): void {
    // an error passes through every nested fixture; it counts once
    if (typeof error === 'object' && error !== null) {
      if (this.#judged.has(error)) return;
      this.#judged.add(error);
    }
    this.addFinding(findingOf(error, this.#signal.aborted));
  }
}

function reasonOf(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason.message : String(reason);
}

function knownDefectOf(defect: KnownDefect | undefined): { knownDefect?: KnownDefect } {
  return defect === undefined ? {} : { knownDefect: defect };
}

function faultRecord(fault: LiveFault): FaultRecord {
  const { id, engine, options, targets, actedAtMs, effect, healing } = fault;
  return {
    id,
    fault: fault.fault,
    engine,
    options,
    targets,
    ...(actedAtMs === undefined ? {} : { injectedAtMs: actedAtMs }),
    ...(effect === undefined ? {} : { effect }),
    ...(healing === undefined ? {} : { healing }),
  };
}

function runRecord(run: ExperimentRun): RunRecord {
  const { faults, ...numbers } = run;
  return { ...numbers, faultIds: faults.map((fault) => fault.id) };
}
