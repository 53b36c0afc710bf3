import type { Ledger } from '../ledger/index.ts';

/** What a test needs of a ledger. `Ledger` is one. */
export type TestLedger = Pick<
  Ledger,
  | 'options'
  | 'historyDir'
  | 'progress'
  | 'waitForAcks'
  | 'waitForRecovery'
  | 'recovery'
  | 'recoveryTime'
  | 'writeGap'
  | 'latency'
  | 'stop'
  | 'noteFaults'
  | 'verify'
  | 'verification'
> &
  AsyncDisposable;
