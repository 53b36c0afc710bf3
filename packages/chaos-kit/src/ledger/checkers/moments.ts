import type { RunEvidence } from './checker.ts';

/** Tells moments of a run in words: `2.104 s into the run, 0.350 s before the fault`. */
export class Moments {
  readonly #startMs: number;
  readonly #faultAtMs: number | undefined;

  constructor({ record, observations }: RunEvidence) {
    const [session] = record.durability().sessions;
    const first = record.completions.length > 0 ? record.completions.sentMs(0) : 0;
    this.#startMs = session?.atMs ?? first;
    this.#faultAtMs = observations?.faults[0]?.atMs;
  }

  /** `2.104 s into the run`, with the distance to the first fault when one is known. */
  at(ms: number): string {
    const into = `${seconds(ms - this.#startMs)} into the run`;
    if (this.#faultAtMs === undefined) return into;
    const apart = ms - this.#faultAtMs;
    return `${into}, ${seconds(Math.abs(apart))} ${apart < 0 ? 'before' : 'after'} the fault`;
  }

  /** A stretch of time, as `at` tells its begin. */
  between(fromMs: number, toMs: number): string {
    if (toMs - fromMs < 0.5) return `at ${this.at(fromMs)}`;
    return `from ${this.at(fromMs)} on, within ${seconds(toMs - fromMs)}`;
  }
}

/** A duration in ms as seconds with a resolution of one ms. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}

/** `writer 0 write 5, writer 1 write 6 and 12 more`. */
export function someWrites(
  writes: readonly { readonly writer: number; readonly seq: number }[],
  total: number,
): string {
  const named = writes.slice(0, MAX_NAMED).map(({ writer, seq }) => `writer ${writer} write ${seq}`);
  const more = total - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const MAX_NAMED = 5;
