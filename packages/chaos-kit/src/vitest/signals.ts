/** Signals that end a run. */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndingSignal = (typeof endingSignals)[number];

type Listener = (signal: EndingSignal) => void;

/** npm and npx pass a terminal's Ctrl-C on a second time; what comes within this time is the same request. */
const duplicateWindowMs = 1000;

/** What a {@link SignalPolicy} does, and with what. */
export interface SignalPolicyOptions {
  /** First request: cancel the run. Faults are healed, the cluster is waited for, the report is written. Must not throw. */
  onCancel: (signal: EndingSignal) => void;
  /** Second request: heal what is broken and nothing else. Must not throw. */
  onHurry: (signal: EndingSignal) => void;
  /** Third request, before the process ends. Must not throw. */
  onForce: (signal: EndingSignal) => void;
  /** Clock in ms. @default performance.now */
  now?: () => number;
  /** @default process */
  target?: Pick<NodeJS.Process, 'on' | 'off' | 'listeners' | 'removeAllListeners'>;
}

/**
 * Replaces the signal listeners of the process.
 *
 * vitest's own end the process within a millisecond of `vitest run` getting a signal: no fixture and no teardown runs.
 * Here the first signal asks for an orderly end, the second for healing only, the third ends the process through the
 * listeners that were there before. A signal within a second of the one before it is the same request, delivered twice.
 *
 * `dispose` puts the former listeners back.
 */
export class SignalPolicy implements Disposable {
  readonly #options: Required<SignalPolicyOptions>;
  readonly #former = new Map<EndingSignal, Listener[]>();
  #requests = 0;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SignalPolicyOptions) {
    this.#options = { now: () => performance.now(), target: process, ...options };
    const { target } = this.#options;
    for (const signal of endingSignals) {
      this.#former.set(signal, target.listeners(signal));
      target.removeAllListeners(signal);
      target.on(signal, this.#handle);
    }
  }

  /** Whether an ending signal came. */
  get ending(): boolean {
    return this.#requests > 0;
  }

  /** Ends the process the way it would have ended without this policy. */
  force(signal: EndingSignal): void {
    const former = this.#former.get(signal) ?? [];
    this.#options.onForce(signal);
    this.dispose();
    for (const listener of former) listener(signal);
  }

  dispose(): void {
    const { target } = this.#options;
    for (const [signal, listeners] of this.#former) {
      target.off(signal, this.#handle);
      for (const listener of listeners) target.on(signal, listener);
    }
    this.#former.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  readonly #handle = (signal: EndingSignal): void => {
    const now = this.#options.now();
    const duplicate = now - this.#lastAtMs < duplicateWindowMs;
    this.#lastAtMs = now;
    if (duplicate) return;
    this.#requests += 1;
    if (this.#requests === 1) this.#options.onCancel(signal);
    else if (this.#requests === 2) this.#options.onHurry(signal);
    else this.force(signal);
  };
}
