/** Hands out the moments at which writes are due. */
export interface Schedule {
  /** The due time of the next write (ms on the run's clock), as soon as it is due; `undefined` once stopped. */
  next(): Promise<number | undefined> | number | undefined;
  /** Writes that are due and that no writer has taken. */
  readonly backlog: number;
  /** Writes that were due so long ago that they were given up without being sent. */
  readonly dropped: number;
  stop(): void;
}

/** A writer asks again as soon as it is free: shows capacity, hides outages. */
export class ClosedLoop implements Schedule {
  readonly backlog = 0;
  readonly dropped = 0;
  readonly #now: () => number;
  #stopped = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  next(): number | undefined {
    return this.#stopped ? undefined : this.#now();
  }

  stop(): void {
    this.#stopped = true;
  }
}

/**
 * Writes are due at a fixed rate whether or not a writer is free, as the requests of users are. What nobody takes waits,
 * and is dropped, oldest first, when it has waited longer than the bound. Due times are computed from their index, so a long
 * backlog costs no memory.
 */
export class OpenLoop implements Schedule {
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly #maxWaitMs: number;
  readonly #now: () => number;
  readonly #waiting: ((dueMs: number | undefined) => void)[] = [];
  #taken = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `rate` in writes per second, `maxWaitMs` the bound of the backlog; `now` is replaced in tests. */
  constructor(rate: number, maxWaitMs: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startMs = now();
    this.#intervalMs = 1000 / rate;
    this.#maxWaitMs = maxWaitMs;
  }

  get backlog(): number {
    return this.#stopped ? 0 : Math.max(0, this.#dueCount(this.#now()) - this.#taken);
  }

  get dropped(): number {
    return this.#dropped;
  }

  next(): Promise<number | undefined> | number | undefined {
    if (this.#stopped) return undefined;
    const now = this.#now();
    if (this.#waiting.length === 0 && this.#dueMs(this.#taken) <= now) return this.#take(now);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#arm();
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  #dueMs(index: number): number {
    return this.#startMs + index * this.#intervalMs;
  }

  /** How many writes have become due until `now`. */
  #dueCount(now: number): number {
    return Math.floor((now - this.#startMs) / this.#intervalMs) + 1;
  }

  #take(now: number): number {
    const oldest = this.#dueCount(now - this.#maxWaitMs);
    if (oldest > this.#taken) {
      this.#dropped += oldest - this.#taken;
      this.#taken = oldest;
    }
    return this.#dueMs(this.#taken++);
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.length === 0 || this.#stopped) return;
    const wait = Math.max(0, this.#dueMs(this.#taken) - this.#now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = this.#now();
      while (this.#waiting.length > 0 && this.#dueMs(this.#taken) <= now) this.#waiting.shift()?.(this.#take(now));
      this.#arm();
    }, wait);
  }
}
