/** A time in which this process did not run its event loop. Times are `performance.now()`, in ms. */
export interface Stall {
  readonly startMs: number;
  readonly endMs: number;
}

const PERIOD_MS = 10;
/** Lateness below this is ordinary timer and scheduler noise. */
const NOTICED_MS = 20;

/**
 * Watches our own event loop with a timer and remembers when it came late. Whatever is measured with this process's clock
 * in such a time (garbage collection, a busy test, a stopped process) is ours and not the cluster's.
 */
export class EventLoopMonitor implements Disposable {
  readonly #stalls: Stall[] = [];
  #expectedMs = performance.now() + PERIOD_MS;
  #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setTimeout(() => this.#tick(), PERIOD_MS);
    this.#timer.unref();
  }

  /** The longest stall that overlaps `[fromMs, toMs]`, in ms, including one that has not ended yet; 0 when none exceeded 20 ms. */
  longestStallMs(fromMs: number, toMs: number): number {
    let longest = 0;
    for (const stall of this.#stalls) {
      if (stall.endMs >= fromMs && stall.startMs <= toMs) longest = Math.max(longest, stall.endMs - stall.startMs);
    }
    const now = performance.now();
    const lateMs = now - this.#expectedMs;
    if (lateMs > NOTICED_MS && this.#expectedMs <= toMs && now >= fromMs) longest = Math.max(longest, lateMs);
    return longest;
  }

  get stalls(): readonly Stall[] {
    return this.#stalls;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#expectedMs = Infinity;
  }

  #tick(): void {
    const now = performance.now();
    if (now - this.#expectedMs > NOTICED_MS) this.#stalls.push({ startMs: this.#expectedMs, endMs: now });
    this.#expectedMs = now + PERIOD_MS;
    this.#timer = setTimeout(() => this.#tick(), PERIOD_MS);
    this.#timer.unref();
  }
}
