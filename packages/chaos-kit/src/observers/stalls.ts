/** A time in which a process did not run its event loop, in ms. */
export interface Stall {
  readonly startMs: number;
  readonly endMs: number;
}

/** The stalls of one process. */
export class Stalls {
  readonly #stalls: Stall[] = [];

  add(startMs: number, endMs: number): void {
    this.#stalls.push({ startMs, endMs });
  }

  get all(): readonly Stall[] {
    return this.#stalls;
  }

  /** The longest that overlaps `[fromMs, toMs]`, in ms; 0 when there is none. */
  longestStallMs(fromMs: number, toMs: number): number {
    let longest = 0;
    for (const { startMs, endMs } of this.#stalls) {
      if (endMs >= fromMs && startMs <= toMs) longest = Math.max(longest, endMs - startMs);
    }
    return longest;
  }
}
