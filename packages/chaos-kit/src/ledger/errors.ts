/** Base of every error the ledger throws on purpose; `code` is stable. */
export class LedgerError extends Error {
  override readonly name: string = 'LedgerError';
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** An option outside its bounds; names the option, its value and what would be right. */
export class LedgerOptionError extends LedgerError {
  override readonly name = 'LedgerOptionError';
  constructor(option: string, value: unknown, right: string) {
    super('LEDGER_OPTION', `ledger option "${option}" is ${String(value)}; it must be ${right}`);
  }
}

/** The target could not be used: unreachable, too old, in recovery, the table is there already, … */
export class LedgerStartError extends LedgerError {
  override readonly name = 'LedgerStartError';
  constructor(message: string, options?: { cause?: unknown }) {
    super('LEDGER_START', message, options);
  }
}

/** The profile promises synchronous replication (`expectSync`) and the server does not give it. */
export class LedgerDurabilityError extends LedgerError {
  override readonly name = 'LedgerDurabilityError';
  constructor(message: string) {
    super('LEDGER_DURABILITY', message);
  }
}

/** The process of the writers could not be started, speaks another version, or ended by itself. */
export class LedgerProcessError extends LedgerError {
  override readonly name = 'LedgerProcessError';
  constructor(message: string, options?: { cause?: unknown }) {
    super('LEDGER_PROCESS', message, options);
  }
}

/** A wait on the ledger ran out of time; the message carries the last observed state. */
export class LedgerTimeoutError extends LedgerError {
  override readonly name = 'LedgerTimeoutError';
  constructor(what: string, elapsedMs: number, lastObserved: string) {
    super('LEDGER_TIMEOUT', `${what}: not after ${(elapsedMs / 1000).toFixed(1)} s; last observed: ${lastObserved}`);
  }
}

/** The SQLSTATE of a server error, the system code of a socket error, or the message: what to group errors by. */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code === undefined ? error.message : `${code} ${error.message}`;
}
