export { Bank } from './bank/bank.ts';
export type { BankOptions, ResolvedBankOptions } from './bank/bank.ts';
export type { BankAnomaly, BankVerification } from './bank/check-bank.ts';
export type { AnomalyType, IsolationLevel } from './isolation.ts';
export { ListAppend } from './list-append/list-append.ts';
export type { ListAppendOptions, ResolvedListAppendOptions } from './list-append/list-append.ts';
export type { TransactionOptions } from './transaction-options.ts';
export type { TransactionProgress } from './transaction-run.ts';
export type {
  ListAppendVerification,
  TransactionCounts,
  TransactionFinding,
  TransactionVerification,
} from './transaction-verdict.ts';
export { verifyStoredTransactions } from './verify-stored.ts';
