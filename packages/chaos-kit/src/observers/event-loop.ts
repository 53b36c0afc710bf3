import { Stalls } from './stalls.ts';
import type { Stall } from './stalls.ts';

const PERIOD_MS = 10;
/** Lateness below this is ordinary timer and scheduler noise. */
const NOTICED_MS = 20;

/**
 * Watches our own event loop with a timer and remembers when it came late. Whatever is measured with this process's clock
 * in such a time (garbage collection, a busy test, a stopped process) is ours and not the cluster's.
 */
export class EventLoopMonitor implements Disposable {
  readonly #stalls = new Stalls();
  readonly #onStall: ((stall: Stall) => void) | undefined;
  readonly #now: () => number;
  #expectedMs: number;
  #timer: NodeJS.Timeout;

  /** `onStall` is told of each stall when it has ended; times are those of `now`, default `performance.now()`, in ms. */
  constructor(onStall?: (stall: Stall) => void, now = () => performance.now()) {
    this.#onStall = onStall;
    this.#now = now;
    this.#expectedMs = now() + PERIOD_MS;
    this.#timer = setTimeout(() => this.#tick(), PERIOD_MS);
    this.#timer.unref();
  }

  /** The longest stall that overlaps `[fromMs, toMs]`, in ms, including one that has not ended yet; 0 when none exceeded 20 ms. */
  longestStallMs(fromMs: number, toMs: number): number {
    const longest = this.#stalls.longestStallMs(fromMs, toMs);
    const now = this.#now();
    const lateMs = now - this.#expectedMs;
    const going = lateMs > NOTICED_MS && this.#expectedMs <= toMs && now >= fromMs;
    return going ? Math.max(longest, lateMs) : longest;
  }

  get stalls(): readonly Stall[] {
    return this.#stalls.all;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#expectedMs = Infinity;
  }

  #tick(): void {
    const now = this.#now();
    if (now - this.#expectedMs > NOTICED_MS) {
      const stall = { startMs: this.#expectedMs, endMs: now };
      this.#stalls.add(stall.startMs, stall.endMs);
      this.#onStall?.(stall);
    }
    this.#expectedMs = now + PERIOD_MS;
    this.#timer = setTimeout(() => this.#tick(), PERIOD_MS);
    this.#timer.unref();
  }
}
