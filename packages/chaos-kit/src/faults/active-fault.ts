import type { EngineName } from '../engines/engine.ts';
import type { ResolvedTarget } from '../targets/target.ts';
import type { Evidence } from './observation.ts';

/** A fault that is in force. Healed by `heal`, at the end of an `await using`, or at the latest when the experiment ends. */
export interface ActiveFault extends AsyncDisposable {
  readonly id: string;
  /** Name of the fault. */
  readonly fault: string;
  readonly engine: EngineName;
  readonly targets: readonly ResolvedTarget[];
  /** When the engine was told to act, `performance.now()`: the earliest time at which the effect can have begun. */
  readonly injectedAtMs: number;
  /** The proof that it took effect. */
  readonly evidence: Evidence;
  /** The proof that it is gone, once healed. */
  readonly healing: Evidence | undefined;
  /**
   * Undoes it and waits for the evidence of healing. Idempotent: every call gives the same promise.
   *
   * @throws HealError with the commands to type by hand.
   */
  heal(): Promise<void>;
}
