import type { Json } from '../engines/engine.ts';

/** Phases of an experiment, in their usual order. */
export const phases = ['preflight', 'steady-state', 'baseline', 'inject', 'hold', 'heal', 'recover', 'verify'] as const;

/** Part of an experiment. */
export type Phase = (typeof phases)[number];

/** Something that happened. */
export interface TimelineEvent {
  /** `performance.now()` of the process that ran the experiment. */
  readonly atMs: number;
  readonly phase: Phase;
  readonly what: string;
  readonly data?: { readonly [key: string]: Json };
}

/** A stretch of the experiment spent in one phase. `endMs` is missing while it lasts. */
export interface PhaseSpan {
  readonly phase: Phase;
  readonly startMs: number;
  readonly endMs?: number;
}

/** What happened in an experiment, in order, on one monotonic clock. */
export class Timeline {
  /** Wall clock time at `startMs`; the only one, so that a clock step cannot bend the intervals. */
  readonly startedAt = new Date();
  readonly startMs = performance.now();
  readonly #events: TimelineEvent[] = [];
  readonly #spans: PhaseSpan[] = [];
  readonly #onEvent: ((event: TimelineEvent) => void) | undefined;

  constructor(onEvent?: (event: TimelineEvent) => void) {
    this.#onEvent = onEvent;
  }

  get events(): readonly TimelineEvent[] {
    return this.#events;
  }

  /** Phases in the order in which they were entered; a phase can come more than once. */
  get spans(): readonly PhaseSpan[] {
    return this.#spans;
  }

  /** The phase that the experiment is in. */
  get phase(): Phase {
    return this.#spans.at(-1)?.phase ?? 'preflight';
  }

  /** Goes over to a phase. Entering the current one again does nothing. */
  enter(phase: Phase): void {
    const last = this.#spans.at(-1);
    if (last?.phase === phase && last.endMs === undefined) return;
    this.close();
    this.#spans.push({ phase, startMs: performance.now() });
  }

  /** Ends the current phase without starting another. */
  close(): void {
    const last = this.#spans.at(-1);
    if (last === undefined || last.endMs !== undefined) return;
    this.#spans[this.#spans.length - 1] = { ...last, endMs: performance.now() };
  }

  /** Writes down what happened now. */
  record(what: string, data?: { readonly [key: string]: Json }): TimelineEvent {
    const event = { atMs: performance.now(), phase: this.phase, what, ...(data === undefined ? {} : { data }) };
    this.#events.push(event);
    this.#onEvent?.(event);
    return event;
  }
}
