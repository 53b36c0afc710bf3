import type { LedgerVerification } from '../ledger/index.ts';

/** How much loss a spec accepts, for profiles that cannot promise none. */
export interface LossBound {
  /** At most this many acknowledged writes may be gone. */
  writes: number;
  /** Only writes acknowledged within this time before the fault may be gone, in ms. Missing: any. */
  windowMs?: number;
}

/** What a matcher may ask of the test that a ledger belongs to. */
export interface LedgerBinding {
  /** Stops the ledger, reads everything back and compares. The same promise for every call. */
  verify: () => Promise<LedgerVerification>;
  /** Tells the test that its spec has looked at the loss and how much it accepts. */
  accept: (bound: LossBound) => void;
  /** When the first fault of the test was injected, on `performance.now()`. */
  faultAtMs: () => number | undefined;
}

const bindings = new WeakMap<object, LedgerBinding>();

/** Ties a ledger to its test. */
export function bindLedger(ledger: object, binding: LedgerBinding): void {
  bindings.set(ledger, binding);
}

/** The binding of what a matcher was given. @throws {TypeError} when it is no ledger of a test. */
export function bindingOf(ledger: unknown): LedgerBinding {
  const binding = typeof ledger === 'object' && ledger !== null ? bindings.get(ledger) : undefined;
  if (binding) return binding;
  throw new TypeError(
    'this matcher is for the `ledger` fixture; for a ledger of your own, look at what its verify() gives',
  );
}
