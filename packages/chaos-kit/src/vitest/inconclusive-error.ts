/**
 * Nothing was proven, neither that the claim holds nor that it does not: no acknowledged write, no effect of the fault, a
 * number that was not measured. Fails a test under its own name, also behind `.not`.
 */
export class InconclusiveError extends Error {
  override readonly name = 'InconclusiveError';
  readonly code = 'CHAOS_INCONCLUSIVE';

  /**
   * @param claim What was to be shown.
   * @param reasons Why it could not be.
   */
  constructor(claim: string, reasons: readonly string[]) {
    super(`inconclusive, which is not a pass: ${claim}\n${reasons.map((reason) => `  ${reason}`).join('\n')}`);
  }
}
