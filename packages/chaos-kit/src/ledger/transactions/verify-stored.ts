import { verifyStoredBank } from './bank/replay.ts';
import { verifyStoredListAppend } from './list-append/replay.ts';
import { readTransactionLog } from './transaction-log.ts';
import type { TransactionVerification } from './transaction-verdict.ts';

/** Checks a stored run of transactions again. @throws HistoryError when the file is none, or cannot be what was written */
export function verifyStoredTransactions(file: string): TransactionVerification {
  const { workload } = readTransactionLog(file);
  return workload === 'bank' ? verifyStoredBank(file) : verifyStoredListAppend(file);
}
