import type { EngineName, Json, UndoEntry } from '../engines/engine.ts';
import type { ActiveFault } from '../faults/active-fault.ts';
import type { Evidence, Observation } from '../faults/observation.ts';
import type { ResolvedTarget } from '../targets/target.ts';
import { HealError } from './experiment-error.ts';
import type { Journal } from './journal.ts';
import { observeUntilSeen } from './observe.ts';
import type { Timeline } from './timeline.ts';
import { undoAll, type UndoTools } from './undo.ts';

/** What is known of a fault from the moment that its undo is journalled. */
export interface LiveFaultParts {
  readonly id: string;
  readonly fault: string;
  readonly engine: EngineName;
  readonly options: { readonly [key: string]: Json };
  readonly targets: readonly ResolvedTarget[];
  /** What it takes for itself while it is in force. */
  readonly occupies: readonly string[];
  readonly entries: readonly UndoEntry[];
  readonly undo: UndoTools & { readonly journal: Journal };
  readonly lookHealed: (signal: AbortSignal) => Promise<Observation>;
  readonly healedWithinMs: number;
  readonly timeline: Timeline;
  /** After which it ends by itself, counted from the act, in milliseconds. */
  readonly ttlMs: number;
  /** Told when it is healed after it had ended by itself. */
  readonly onExpired: (fault: LiveFault) => void;
  readonly onHealed: (fault: LiveFault) => void;
}

/** A fault that may be in force. It becomes an `ActiveFault` for the body once its effect was seen. */
export class LiveFault implements ActiveFault {
  readonly id: string;
  readonly fault: string;
  readonly engine: EngineName;
  readonly options: { readonly [key: string]: Json };
  readonly targets: readonly ResolvedTarget[];
  readonly occupies: readonly string[];
  readonly #parts: LiveFaultParts;
  #injectedAtMs: number | undefined;
  #evidence: Evidence | undefined;
  #healing: Evidence | undefined;
  #undone: Promise<void> | undefined;
  #healed: Promise<void> | undefined;

  constructor(parts: LiveFaultParts) {
    this.id = parts.id;
    this.fault = parts.fault;
    this.engine = parts.engine;
    this.options = parts.options;
    this.targets = parts.targets;
    this.occupies = parts.occupies;
    this.#parts = parts;
  }

  get injectedAtMs(): number {
    return this.#injectedAtMs ?? Number.NaN;
  }

  /** Undefined until the engine was told to act. */
  get actedAtMs(): number | undefined {
    return this.#injectedAtMs;
  }

  get evidence(): Evidence {
    if (this.#evidence === undefined) throw new TypeError(`fault ${this.id}: its effect has not been seen`);
    return this.#evidence;
  }

  get effect(): Evidence | undefined {
    return this.#evidence;
  }

  get healing(): Evidence | undefined {
    return this.#healing;
  }

  markActing(): void {
    this.#injectedAtMs = performance.now();
  }

  markInForce(evidence: Evidence): void {
    this.#evidence = evidence;
  }

  /** Carries out the undo entries. After a failure the next call tries again those that are still open. */
  undo(): Promise<void> {
    this.#undone ??= this.#undoOpen().catch((error: unknown) => {
      this.#undone = undefined;
      throw error;
    });
    return this.#undone;
  }

  /** Carries out all undo entries, also those that were carried out before. */
  async undoAgain(): Promise<void> {
    await this.#undone?.catch(() => {});
    this.#undone = undoAll(this.#parts.entries, this.#parts.undo);
    await this.#undone;
  }

  heal(): Promise<void> {
    this.#healed ??= this.#heal();
    return this.#healed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.heal();
  }

  async #undoOpen(): Promise<void> {
    const open = new Set(this.#parts.undo.journal.open().map((entry) => entry.id));
    const entries = this.#parts.entries.filter((entry) => open.has(entry.id));
    await undoAll(entries, this.#parts.undo);
  }

  async #heal(): Promise<void> {
    const { entries, ttlMs, onExpired } = this.#parts;
    const acted = this.#injectedAtMs;
    // without an undo it was over at once, as a kill is
    if (entries.length > 0 && acted !== undefined && performance.now() - acted > ttlMs) onExpired(this);
    await this.undo();
    // what never took effect has nothing to be seen healing
    if (this.#evidence !== undefined) await this.#confirm();
    this.#parts.onHealed(this);
  }

  async #confirm(): Promise<void> {
    const { lookHealed, healedWithinMs, timeline } = this.#parts;
    try {
      const options = { timeoutMs: healedWithinMs, signal: new AbortController().signal };
      this.#healing = await observeUntilSeen(`${this.fault} to be seen healed`, lookHealed, options);
    } catch (error) {
      throw new HealError([error instanceof Error ? error : new Error(String(error))], []);
    }
    timeline.record(`${this.fault} healed: ${this.#healing.what}`, { fault: this.id, ...this.#healing.data });
  }
}
