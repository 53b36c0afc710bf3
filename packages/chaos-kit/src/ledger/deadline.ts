/**
 * The deadline of what is under way, one after the other. A timer of its own for each would cost more than what it watches:
 * here one timer, when it fires, looks whether there is still something to wait for.
 */
export class Deadline {
  readonly #onLate: (timeoutMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #firesMs = 0;
  #dueMs = Infinity;
  #timeoutMs = 0;

  /** `onLate` is called once for each deadline that passes, with its length. */
  constructor(onLate: (timeoutMs: number) => void) {
    this.#onLate = onLate;
  }

  /** Begins the next one, in ms from now; one that was going on ends. */
  begin(timeoutMs: number): void {
    const now = performance.now();
    this.#dueMs = now + timeoutMs;
    this.#timeoutMs = timeoutMs;
    if (this.#timer === undefined || this.#firesMs > this.#dueMs) this.#arm(now);
  }

  /** What was under way is done. */
  end(): void {
    this.#dueMs = Infinity;
  }

  /** Ends it for good: nothing is left that keeps a process alive. */
  [Symbol.dispose](): void {
    this.end();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    this.#firesMs = this.#dueMs;
    this.#timer = setTimeout(() => this.#fired(), Math.ceil(this.#dueMs - now));
  }

  #fired(): void {
    this.#timer = undefined;
    const now = performance.now();
    if (now >= this.#dueMs) {
      this.end();
      this.#onLate(this.#timeoutMs);
    } else if (this.#dueMs < Infinity) this.#arm(now);
  }
}
