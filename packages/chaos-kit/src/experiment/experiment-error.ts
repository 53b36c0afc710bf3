/** The fault was injected, but its effect was never seen: whatever follows proves nothing. */
export class NoEffectError extends Error {
  override readonly name = 'NoEffectError';
  readonly code = 'CHAOS_NO_EFFECT';
}

/** Two faults cannot be in force at once, because both would need the same thing for themselves. Nothing was touched. */
export class FaultConflictError extends Error {
  override readonly name = 'FaultConflictError';
  readonly code = 'CHAOS_FAULT_CONFLICT';

  constructor(fault: string, active: string, both: readonly string[]) {
    super(`${fault}: excluded by ${active}, which is in force and also takes ${both.join(', ')}; heal it first`);
  }
}

/** The cluster was not in the state that the experiment starts from. Nothing was touched. */
export class SteadyStateError extends Error {
  override readonly name = 'SteadyStateError';
  readonly code = 'CHAOS_STEADY_STATE';
}

/** A fault was to be injected by a body that nobody waits for any more: its experiment is over. */
export class ExperimentOverError extends Error {
  override readonly name = 'ExperimentOverError';
  readonly code = 'CHAOS_EXPERIMENT_OVER';
}

/** The cluster or its writes did not come back after healing. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
  readonly code = 'CHAOS_RECOVERY';
}

/**
 * Something could not be undone, or was undone and is still there. `errors` has every cause and `manualCommands` what a
 * person would type.
 */
export class HealError extends AggregateError {
  override readonly name = 'HealError';
  readonly code = 'CHAOS_HEAL';
  readonly manualCommands: readonly string[];

  constructor(errors: readonly Error[], manualCommands: readonly string[]) {
    const causes = errors.map((error) => `  ${error.message}`).join('\n');
    const commands = manualCommands.length > 0 ? `\nto undo it by hand:\n  ${manualCommands.join('\n  ')}` : '';
    super(errors, `healing failed:\n${causes}${commands}`);
    this.manualCommands = manualCommands;
  }
}
