import { Payloads } from '../payload.ts';
import type { FinalReader, LedgerTarget } from '../target.ts';
import { verifyRun } from '../verify.ts';
import { HistoryBeside } from './history-beside.ts';
import { HistoryReading } from './replay.ts';
import { withNotes } from './verify-stored.ts';
import type { StoredVerification } from './verify-stored.ts';

/** How a stored run is verified against its cluster. */
export interface VerifyAgainstOptions {
  readonly target: LedgerTarget;
  readonly final: FinalReader;
  /** Bound of the final read, retries included, in ms. Default 60 000. */
  readonly timeoutMs?: number;
  /** How long a standby that lags may take to replay what the primary has, before it is compared, in ms. Default 15 000. */
  readonly catchUpMs?: number;
  readonly signal?: AbortSignal;
  /** So many records of the history are read before the table is. Default 1 000 000. */
  readonly atOnce?: number;
}

/**
 * Verifies a stored run against the cluster that it wrote to, as `Ledger.verify` would have done had its process not been
 * killed: ends sessions that could still commit, reads the table and judges. The rows are kept with the history.
 * @throws HistoryError for files that are missing, foreign or damaged.
 */
export async function verifyAgainst(dir: string, o: VerifyAgainstOptions): Promise<StoredVerification> {
  using reading = HistoryReading.open(dir);
  const { options, clock } = reading.manifest;
  const history = new HistoryBeside(reading, o.atOnce);
  const verification = await verifyRun({
    target: o.target,
    final: o.final,
    options,
    history,
    payloads: new Payloads(options.seed, options.payloadBytes),
    historyDir: dir,
    clockUncertaintyMs: clock?.uncertaintyMs,
    timeoutMs: o.timeoutMs ?? 60_000,
    catchUpMs: o.catchUpMs,
    signal: o.signal ?? new AbortController().signal,
  });
  const run = await history.whole;
  return { run, verification: withNotes(verification, run) };
}
