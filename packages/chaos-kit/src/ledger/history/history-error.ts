import { LedgerError } from '../errors.ts';

/** A file that cannot be read as what it should be; names the file, the offset in bytes and what would be right. */
export class HistoryError extends LedgerError {
  override readonly name = 'HistoryError';
  readonly file: string;
  readonly offset: number | undefined;
  constructor(file: string, offset: number | undefined, message: string, options?: { cause?: unknown }) {
    super('LEDGER_HISTORY', `${file}${offset === undefined ? '' : ` at byte ${offset}`}: ${message}`, options);
    this.file = file;
    this.offset = offset;
  }
}

/** The history cannot be written: no directory, no right, no room. What was written before stays readable. */
export class HistoryWriteError extends LedgerError {
  override readonly name = 'HistoryWriteError';
  readonly file: string;
  /** What the system said. */
  readonly why: string;
  constructor(file: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('LEDGER_HISTORY_WRITE', `the history cannot be written: ${file}: ${why}`, { cause });
    this.file = file;
    this.why = why;
  }
}
