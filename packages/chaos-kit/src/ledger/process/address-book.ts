import type { Address } from '../target.ts';

/** How long to wait for a new answer when there is an old one, in ms. */
const PATIENCE_MS = 250;

/**
 * Where to connect, asked of the process that knows. When that does not answer soon, the last answer counts: a runner that
 * stalls, or cannot be reached, must not look like a database that is down.
 */
export class AddressBook {
  readonly #ask: (id: number) => void;
  readonly #asked = new Map<number, { resolve: (address: Address) => void; reject: (error: Error) => void }>();
  #last: Address | undefined;
  #id = 0;

  /** `ask` sends the question with a number, by which `learn` or `fail` answer it. */
  constructor(ask: (id: number) => void) {
    this.#ask = ask;
  }

  /** Rejects with what was told instead of an address, or when the signal fires. */
  async current(signal: AbortSignal): Promise<Address> {
    signal.throwIfAborted();
    const id = this.#id++;
    const { promise, resolve, reject } = Promise.withResolvers<Address>();
    this.#asked.set(id, { resolve, reject });
    const last = this.#last;
    const timer = last === undefined ? undefined : setTimeout(() => resolve(last), PATIENCE_MS);
    const aborted = (): void => reject(new Error('aborted while waiting for an address'));
    signal.addEventListener('abort', aborted, { once: true });
    try {
      this.#ask(id);
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      this.#asked.delete(id);
    }
  }

  learn(id: number, address: Address): void {
    this.#last = address;
    this.#asked.get(id)?.resolve(address);
  }

  fail(id: number, error: Error): void {
    this.#asked.get(id)?.reject(error);
  }
}
