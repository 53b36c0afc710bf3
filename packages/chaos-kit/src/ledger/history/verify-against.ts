import { Payloads } from '../payload.ts';
import type { FinalReader, LedgerTarget } from '../target.ts';
import { verifyRun } from '../verify.ts';
import { readHistory } from './replay.ts';
import { withNotes } from './verify-stored.ts';
import type { StoredVerification } from './verify-stored.ts';

/** Tombstones of a stored run are numbered by its age, so that each verification uses new ones. A tenth of a second is less than the pause between two attempts. */
const TOMBSTONE_MS = 100;

/**
 * Verifies a stored run against the cluster that it wrote to, as `Ledger.verify` would have done had its process not been
 * killed: ends sessions that could still commit, reads the table and judges. The rows are kept with the history.
 * @throws HistoryError for files that are missing, foreign or damaged.
 */
export async function verifyAgainst(
  dir: string,
  o: { target: LedgerTarget; final: FinalReader; timeoutMs?: number; catchUpMs?: number; signal?: AbortSignal },
): Promise<StoredVerification> {
  const run = readHistory(dir);
  const { record, manifest } = run;
  const { options, startedAt } = manifest;
  const ageMs = Date.now() - Date.parse(startedAt);
  record.tombstones = Math.max(record.tombstones, Math.floor(ageMs / TOMBSTONE_MS));
  const verification = await verifyRun({
    target: o.target,
    final: o.final,
    options,
    record,
    payloads: new Payloads(options.seed, options.payloadBytes),
    historyDir: dir,
    clockUncertaintyMs: manifest.clock?.uncertaintyMs,
    timeoutMs: o.timeoutMs ?? 60_000,
    catchUpMs: o.catchUpMs,
    signal: o.signal ?? new AbortController().signal,
  });
  return { run, verification: withNotes(verification, run) };
}
