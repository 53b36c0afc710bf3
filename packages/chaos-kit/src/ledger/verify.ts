import { examine } from '../observers/examination.ts';
import { ObservationWriter, readObservations } from '../observers/observation-file.ts';
import { errorReason } from './errors.ts';
import { readFinal } from './final-read.ts';
import type { FinalRead, FinalReadContext } from './final-read.ts';
import { judgeRun, judgeUnread } from './judge-run.ts';
import type { LedgerVerification, Seen } from './judge-run.ts';
import type { RunRecord } from './run-record.ts';

/** Reads the table, looks at what each instance holds, and judges the run. Does not reject for what the cluster does: a read that fails makes the run inconclusive. @throws HistoryError when the history turns out to be damaged. */
export async function verifyRun(context: FinalReadContext): Promise<LedgerVerification> {
  const startMs = performance.now();
  let read: FinalRead | undefined;
  let reason = '';
  try {
    read = await readFinal(context);
  } catch (error) {
    reason = errorReason(error);
  }
  const { record } = await context.history.whole;
  await examineInstances(context);
  const seen = seenBy(context, record);
  if (read === undefined) return judgeUnread(record, reason, seen, startMs);
  return judgeRun(record, read, seen, startMs);
}

/** Only where the target knows its instances. */
async function examineInstances(context: FinalReadContext): Promise<void> {
  const { target, final, options, historyDir, catchUpMs, signal } = context;
  if (target.instances === undefined) return;
  using sink = new ObservationWriter(historyDir);
  const { table, applicationName } = options;
  await examine({ target, final, table, applicationName, sink, catchUpMs, signal });
}

/** What observers saw; a file of theirs that cannot be read is a doubt, no more. */
function seenBy({ historyDir, clockUncertaintyMs }: FinalReadContext, record: RunRecord): Seen {
  try {
    return { observations: readObservations(historyDir), clockUncertaintyMs };
  } catch (error) {
    record.doubt(`what observers saw cannot be read: ${errorReason(error)}`);
    return {};
  }
}
