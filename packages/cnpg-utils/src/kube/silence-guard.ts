import { anySignal } from '../signals.ts';

/**
 * Watches over a connection on which nothing may come for long times. After each silence it asks `find` whether
 * something is wrong; a finding aborts `signal`.
 */
export class SilenceGuard {
  /** Aborts when something is wrong, and when the outer signal does. */
  readonly signal: AbortSignal;
  readonly #idleMs: number;
  readonly #find: (signal: AbortSignal) => Promise<string | undefined>;
  readonly #broken = new AbortController();
  readonly #ended = new AbortController();
  readonly #findSignal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #finding: string | undefined;

  /**
   * @param idleMs how long a silence has to be, in milliseconds
   * @param outer ends everything
   * @param find says what is wrong, or undefined; its signal aborts when nobody wants to know any more
   */
  constructor(idleMs: number, outer: AbortSignal, find: (signal: AbortSignal) => Promise<string | undefined>) {
    this.#idleMs = idleMs;
    this.#find = find;
    this.signal = anySignal(outer, this.#broken.signal) ?? outer;
    this.#findSignal = anySignal(outer, this.#ended.signal) ?? outer;
  }

  /** What is wrong with the connection; undefined while nothing is known to be. */
  get finding(): string | undefined {
    return this.#finding;
  }

  /** Something came: a new silence begins. */
  heard(): void {
    clearTimeout(this.#timer);
    if (this.#ended.signal.aborted) return;
    this.#timer = setTimeout(() => {
      void this.#ask();
    }, this.#idleMs);
  }

  /** The connection is over. */
  end(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    try {
      this.#finding = await this.#find(this.#findSignal);
    } catch (error) {
      if (this.#findSignal.aborted) return;
      this.#finding = error instanceof Error ? error.message : String(error);
    }
    if (this.#findSignal.aborted) return;
    if (this.#finding === undefined) this.heard();
    else this.#broken.abort();
  }
}
