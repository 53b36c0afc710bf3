import { formatDuration, parseDuration } from '@cnpg-chaos/cnpg-utils';
import type { ExperimentRun } from '../experiment/experiment-run.ts';
import type { LedgerVerification } from '../ledger/index.ts';
import { formatCount, formatMs, plural } from '../report/format.ts';
import { bindingOf } from './bound-ledger.ts';
import type { LossBound } from './bound-ledger.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { InconclusiveError } from './inconclusive-error.ts';

interface MatcherAnswer {
  pass: boolean;
  message: () => string;
  actual?: unknown;
  expected?: unknown;
}

/** What `toBeHealthy` can look at. */
export interface HealthSource {
  health(): Promise<{ healthy: boolean; problems: readonly string[] }>;
}

/** How much loss `toHaveLostAtMost` accepts. */
export interface LossLimit {
  /** At most this many acknowledged writes. */
  writes: number;
  /** Only writes acknowledged within this time before the fault, such as `'5s'`. @default any */
  within?: string | number;
}

/** The matchers of chaos specs. They are added to `expect` by importing the extended `test`. */
export const chaosMatchers = {
  /** @see ChaosMatchers.toHaveLostNoAcknowledgedWrite */
  async toHaveLostNoAcknowledgedWrite(received: unknown): Promise<MatcherAnswer> {
    const verification = await bindingOf(received).verify();
    const claim = 'no acknowledged write was lost';
    if (verification.verdict === 'inconclusive') throw new InconclusiveError(claim, verification.reasons);
    const { acknowledged, lost } = verification.counts;
    return {
      pass: verification.verdict === 'pass',
      message: () =>
        verification.verdict === 'pass'
          ? `expected an acknowledged write to be lost, but all ${formatCount(acknowledged)} are there`
          : [
              lost > 0
                ? `${formatCount(lost)} of ${plural(acknowledged, 'acknowledged write')} lost`
                : 'no acknowledged write was lost, but the ledger does not add up',
              ...verification.reasons.map((reason) => `  ${reason}`),
              ...describeLost(verification),
            ].join('\n'),
      actual: verification.counts,
      expected: { ...verification.counts, lost: 0, unexpected: 0, duplicated: 0, phantomFail: 0 },
    };
  },

  /** @see ChaosMatchers.toHaveLostAtMost */
  async toHaveLostAtMost(received: unknown, limit: LossLimit): Promise<MatcherAnswer> {
    const binding = bindingOf(received);
    const bound = parseLossLimit(limit);
    const verification = await binding.verify();
    const { acknowledged, acknowledgedWeak, lost, lostWeak } = verification.counts;
    const gone = lost + lostWeak;
    const claim = `at most ${describeBound(bound)} lost`;
    if (verification.integrity === 'inconclusive') throw new InconclusiveError(claim, verification.reasons);
    const windowMs = lossWindow(verification, binding.faultAtMs());
    if (bound.windowMs !== undefined && gone > 0 && windowMs === undefined) {
      throw new InconclusiveError(claim, [
        'no fault was injected, so that there is no time to count the loss back from',
      ]);
    }
    binding.accept(bound);
    const tooOld = bound.windowMs !== undefined && windowMs !== undefined && windowMs > bound.windowMs;
    const age = windowMs === undefined ? '' : `, the oldest acknowledged ${formatMs(windowMs)} before the fault`;
    const damaged = verification.integrity === 'fail';
    return {
      pass: gone <= bound.writes && !tooOld && !damaged,
      message: () =>
        [
          `${formatCount(gone)} of ${plural(acknowledged + acknowledgedWeak, 'acknowledged write')} lost${age}; accepted: ${describeBound(bound)}`,
          ...(damaged ? ['  but the table is not what was written'] : []),
          ...verification.reasons.map((reason) => `  ${reason}`),
        ].join('\n'),
      actual: { lost: gone, windowMs },
      expected: { lost: bound.writes, windowMs: bound.windowMs },
    };
  },

  /** @see ChaosMatchers.toHaveRecoveredWritesWithin */
  toHaveRecoveredWritesWithin(received: unknown, budget: string | number): MatcherAnswer {
    const run = runOf(received);
    const budgetMs = parseDuration(budget, { field: 'budget' });
    const claim = `writes back within ${formatDuration(budgetMs)}`;
    if (run.recoveryMs === undefined && run.writeGapMs === undefined)
      throw new InconclusiveError(claim, notMeasured(run));
    return within('writes came back after', run.recoveryMs, budgetMs, run.doubts.writes);
  },

  /** @see ChaosMatchers.toHaveWriteGapWithin */
  toHaveWriteGapWithin(received: unknown, budget: string | number): MatcherAnswer {
    const run = runOf(received);
    const budgetMs = parseDuration(budget, { field: 'budget' });
    if (run.writeGapMs === undefined)
      throw new InconclusiveError(`write gap within ${formatDuration(budgetMs)}`, notMeasured(run));
    return within('the longest time without an acknowledged write was', run.writeGapMs, budgetMs, run.doubts.writes);
  },

  /** @see ChaosMatchers.toHaveConvergedWithin */
  toHaveConvergedWithin(received: unknown, budget: string | number): MatcherAnswer {
    const run = runOf(received);
    const budgetMs = parseDuration(budget, { field: 'budget' });
    if (run.convergedMs === undefined)
      throw new InconclusiveError(`healthy within ${formatDuration(budgetMs)}`, [
        'a fault inside another one does not wait for it',
      ]);
    return within('the cluster was healthy after', run.convergedMs, budgetMs, []);
  },

  /** @see ChaosMatchers.toHavePromoted */
  toHavePromoted(received: unknown, count: number): MatcherAnswer {
    const run = runOf(received);
    if (!Number.isInteger(count) || count < 0) {
      throw new TypeError(`toHavePromoted takes a whole number from 0 on, not ${String(count)}`);
    }
    if (run.doubts.promotions.length > 0) throw new InconclusiveError(`promoted ${count} times`, run.doubts.promotions);
    const who = run.primaryBefore && run.primaryAfter ? `: ${run.primaryBefore} → ${run.primaryAfter}` : '';
    return {
      pass: run.promotions === count,
      message: () => `${plural(run.promotions, 'promotion')}${who}, expected ${count}`,
      actual: run.promotions,
      expected: count,
    };
  },

  /** @see ChaosMatchers.toKeepTo */
  toKeepTo(received: unknown, scenario: Scenario): MatcherAnswer {
    const run = runOf(received);
    const { recovery, afterHeal, writeGap, converged } = scenario.budget;
    const answers = [
      promotionsOf(run, scenario.expects.promotions),
      ...(recovery === undefined ? [] : [chaosMatchers.toHaveRecoveredWritesWithin(run, recovery.limit)]),
      ...(afterHeal === undefined ? [] : [recoveredAfterHeal(run, afterHeal.limit)]),
      ...(writeGap === undefined ? [] : [chaosMatchers.toHaveWriteGapWithin(run, writeGap.limit)]),
      ...(converged === undefined ? [] : [chaosMatchers.toHaveConvergedWithin(run, converged.limit)]),
    ];
    const missed = answers.filter(({ pass }) => !pass);
    return {
      pass: missed.length === 0,
      message: () =>
        missed.length === 0
          ? `expected ${scenario.id} to miss a budget, but it keeps to all of them`
          : [`${scenario.id} misses what it promises:`, ...missed.map(({ message }) => `  ${message()}`)].join('\n'),
    };
  },

  /** @see ChaosMatchers.toBeHealthy */
  async toBeHealthy(received: unknown): Promise<MatcherAnswer> {
    if (!isHealthSource(received)) throw new TypeError('toBeHealthy is for the `cluster` fixture');
    const health = await received.health();
    return {
      pass: health.healthy,
      message: () =>
        health.healthy
          ? 'expected the cluster not to be healthy, but it is'
          : `the cluster is not healthy:\n${health.problems.map((problem) => `  ${problem}`).join('\n')}`,
    };
  },
};

/** What importing the extended `test` adds to `expect`. */
export interface ChaosMatchers {
  /**
   * On `ledger`: stops it, reads every row back and compares. Fails on a lost acknowledged write and on anything else that does
   * not add up: foreign rows, duplicates, refused writes that are there. Inconclusive, which fails too, when no write was
   * acknowledged or the durability settings in force do not allow the claim.
   */
  toHaveLostNoAcknowledgedWrite: () => Promise<void>;
  /** On `ledger`, for profiles that cannot promise no loss: bounds it. The loss is reported whatever the bound. */
  toHaveLostAtMost: (limit: LossLimit) => Promise<void>;
  /** On what `withX` gives: from the fault until writes flowed again. A budget is a duration such as `'30s'`. */
  toHaveRecoveredWritesWithin: (budget: string | number) => void;
  /** On what `withX` gives: the longest time without an acknowledged write, from the fault on. */
  toHaveWriteGapWithin: (budget: string | number) => void;
  /** On what `withX` gives: from the fault until the cluster was healthy by every measure. */
  toHaveConvergedWithin: (budget: string | number) => void;
  /** On what `withX` gives: how many times an instance was promoted. */
  toHavePromoted: (count: number) => void;
  /** On what `withX` gives: the promotions that a scenario expects and all of its budgets, at once. */
  toKeepTo: (scenario: Scenario) => void;
  /** On `cluster`: every measure of health. The message lists what is not. */
  toBeHealthy: () => Promise<void>;
}

function within(
  what: string,
  measuredMs: number | undefined,
  budgetMs: number,
  doubts: readonly string[],
): MatcherAnswer {
  const pass = measuredMs !== undefined && measuredMs <= budgetMs;
  const found = measuredMs === undefined ? `${what}: never` : `${what} ${formatMs(measuredMs)}`;
  if (doubts.length > 0 && pass) throw new InconclusiveError(`${found}, budget ${formatDuration(budgetMs)}`, doubts);
  return {
    pass,
    message: () =>
      [`${found}, budget ${formatDuration(budgetMs)}`, ...doubts.map((doubt) => `  uncertain: ${doubt}`)].join('\n'),
    actual: measuredMs,
    expected: budgetMs,
  };
}

function recoveredAfterHeal(run: ExperimentRun, limit: string): MatcherAnswer {
  const budgetMs = parseDuration(limit, { field: 'budget' });
  if (run.recoveryMs === undefined && run.writeGapMs === undefined)
    throw new InconclusiveError(`writes back within ${formatDuration(budgetMs)} of healing`, notMeasured(run));
  // writes that came back while it was still looked whether the fault is gone came back at once
  const sinceHeal = run.recoveryMs === undefined ? undefined : run.faultAtMs + run.recoveryMs - run.healedAtMs;
  const afterMs = sinceHeal === undefined ? undefined : Math.max(0, sinceHeal);
  return within('after healing, writes came back after', afterMs, budgetMs, run.doubts.writes);
}

function promotionsOf(run: ExperimentRun, expected: Scenario['expects']['promotions']): MatcherAnswer {
  if (expected !== '0..1') return chaosMatchers.toHavePromoted(run, expected);
  return chaosMatchers.toHavePromoted(run, run.promotions <= 1 ? run.promotions : 1);
}

function notMeasured(run: ExperimentRun): readonly string[] {
  return run.doubts.writes.length > 0 ? run.doubts.writes : ['it was not measured: no ledger was running'];
}

function describeBound(bound: LossBound): string {
  return `${plural(bound.writes, 'acknowledged write')}${bound.windowMs === undefined ? '' : ` from the last ${formatDuration(bound.windowMs)} before the fault`}`;
}

function describeLost(verification: LedgerVerification): string[] {
  const shown = verification.lost.slice(0, 5).map((lost) => `  lost: ${JSON.stringify(lost)}`);
  const rest = verification.counts.lost - shown.length;
  return rest > 0 && shown.length > 0 ? [...shown, `  and ${formatCount(rest)} more`] : shown;
}

function lossWindow(verification: LedgerVerification, faultAtMs: number | undefined): number | undefined {
  const oldest = Math.min(...verification.lossByOrigin.map((loss) => loss.firstAckMs));
  if (faultAtMs === undefined || !Number.isFinite(oldest)) return undefined;
  return Math.max(0, faultAtMs - oldest);
}

function parseLossLimit(limit: LossLimit): LossBound {
  if (!Number.isInteger(limit.writes) || limit.writes < 0) {
    throw new TypeError(`toHaveLostAtMost takes writes as a whole number from 0 on, not ${String(limit.writes)}`);
  }
  return {
    writes: limit.writes,
    ...(limit.within === undefined ? {} : { windowMs: parseDuration(limit.within, { field: 'within' }) }),
  };
}

function isHealthSource(value: unknown): value is HealthSource {
  return typeof value === 'object' && value !== null && 'health' in value && typeof value.health === 'function';
}

function runOf(value: unknown): ExperimentRun {
  if (typeof value === 'object' && value !== null && 'faultAtMs' in value && 'promotions' in value)
    return value as ExperimentRun;
  throw new TypeError('this matcher is for what withPrimaryKilled() and its like give');
}
