import { errorReason } from './errors.ts';
import { readFinal } from './final-read.ts';
import type { FinalReadContext } from './final-read.ts';
import { judgeRun, judgeUnread } from './judge-run.ts';
import type { LedgerVerification } from './judge-run.ts';

/** Reads the table and judges the run. Does not reject for what the cluster does: a read that fails makes the run inconclusive. */
export async function verifyRun(context: FinalReadContext): Promise<LedgerVerification> {
  const startMs = performance.now();
  try {
    return judgeRun(context.record, await readFinal(context), startMs);
  } catch (error) {
    return judgeUnread(context.record, errorReason(error), startMs);
  }
}
