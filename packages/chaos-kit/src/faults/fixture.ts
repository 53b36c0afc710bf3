import type { ResolvedTarget } from '../targets/target.ts';
import type { ActiveFault } from './active-fault.ts';
import type { Fault, FaultOptions, OptionsSchema } from './fault.ts';

/** What a fixture needs of an experiment. `Experiment` is one; `Run` is what it measures. */
export interface FaultRunner<Run> {
  runFault<S extends OptionsSchema>(fault: Fault<S>, options: FaultOptions<S>, body: FaultBody): Promise<Run>;
}

/** What is done while a fault is in force. */
export type FaultBody = (fault: ActiveFault) => unknown;

/** A `withX` function: injects the fault, runs the body, heals, waits until it is seen to be healed, and measures. */
export interface FaultFixture<S extends OptionsSchema> {
  <Run>(experiment: FaultRunner<Run>, options: FaultOptions<S>, body: FaultBody): Promise<Run>;
  /** What it injects; for `experiment.inject(withX.fault, options)`. */
  readonly fault: Fault<S>;
}

/**
 * Turns a fault into a `withX` function, usable in and outside of vitest.
 *
 * @example
 * export const withPrimaryKilled = fixture(primaryKilled);
 * const run = await withPrimaryKilled(experiment, { gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
 */
export function fixture<S extends OptionsSchema, T extends ResolvedTarget>(fault: Fault<S, T>): FaultFixture<S> {
  const run = <Run>(experiment: FaultRunner<Run>, options: FaultOptions<S>, body: FaultBody) =>
    experiment.runFault(fault, options, body);
  return Object.assign(run, { fault });
}
