import { readObservations } from '../observers/observation-file.ts';
import { errorReason } from './errors.ts';
import { readFinal } from './final-read.ts';
import type { FinalReadContext } from './final-read.ts';
import { judgeRun, judgeUnread } from './judge-run.ts';
import type { LedgerVerification, Seen } from './judge-run.ts';

/** Reads the table and judges the run. Does not reject for what the cluster does: a read that fails makes the run inconclusive. */
export async function verifyRun(context: FinalReadContext): Promise<LedgerVerification> {
  const startMs = performance.now();
  try {
    const read = await readFinal(context);
    return judgeRun(context.record, read, seenBy(context), startMs);
  } catch (error) {
    return judgeUnread(context.record, errorReason(error), seenBy(context), startMs);
  }
}

/** What observers saw; a file of theirs that cannot be read is a doubt, no more. */
function seenBy({ historyDir, record, clockUncertaintyMs }: FinalReadContext): Seen {
  if (historyDir === undefined) return {};
  try {
    return { observations: readObservations(historyDir), clockUncertaintyMs };
  } catch (error) {
    record.doubt(`what observers saw cannot be read: ${errorReason(error)}`);
    return {};
  }
}
