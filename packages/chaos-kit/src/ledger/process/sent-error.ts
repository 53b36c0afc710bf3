import { LedgerDurabilityError, LedgerError, LedgerStartError, errorReason } from '../errors.ts';
import { HistoryWriteError } from '../history/history-error.ts';
import type { SentError } from './messages.ts';

/** What of an error is sent. */
export function sendError(error: unknown): SentError {
  if (error instanceof HistoryWriteError) {
    const { name, message, file, why } = error;
    return { name, message, file, why };
  }
  if (error instanceof LedgerError) return { name: error.name, message: error.message };
  return { name: 'Error', message: errorReason(error) };
}

/** The error that was sent, as the class that it was. */
export function receiveError({ name, message, file = '', why = '' }: SentError): LedgerError {
  switch (name) {
    case 'HistoryWriteError':
      return new HistoryWriteError(file, why);
    case 'LedgerDurabilityError':
      return new LedgerDurabilityError(message);
    case 'LedgerStartError':
      return new LedgerStartError(message);
    default:
      return new LedgerStartError(`the ledger could not start: ${message}`);
  }
}
