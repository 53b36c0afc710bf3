/**
 * What the client may believe about one write.
 * - `ok`: acknowledged under the durability settings of the session; it must be there.
 * - `ok-weak`: acknowledged with the warning that the wait for the standby was cancelled; only the primary is known to have it.
 * - `fail`: certainly not written.
 * - `info`: unknown; it may be there now, later, or never.
 */
export type Outcome = 'ok' | 'ok-weak' | 'fail' | 'info';

/** What was seen of one write on its connection, in the terms of the protocol. */
export interface WriteEvidence {
  /** The committing message was handed to the socket. */
  readonly sent: boolean;
  /** One row was reported and ReadyForQuery says that the session is idle, so the implicit commit is done. */
  readonly acknowledged: boolean;
  /** An ErrorResponse was followed by ReadyForQuery: the server rolled back and lives on. */
  readonly rejected: boolean;
  /** A notice was raised by the code that waits for synchronous standbys (`SyncRepWaitForLSN`). */
  readonly syncRepNotice: boolean;
  /** SQLSTATE of the error, if the server sent one. */
  readonly sqlState?: string | undefined;
}

/** The two SQLSTATEs by which a server (or a proxy in between) itself says that the outcome is unknown. */
const DECLARED_UNKNOWN = new Set(['08007', '40003']);

/**
 * Classifies by structure, not by a list of error codes: never sent → `fail`; acknowledged → `ok` or `ok-weak`; rejected
 * by a server that lives on → `fail`; everything else after the send → `info`. FATAL and PANIC are not followed by
 * ReadyForQuery, so they need no case, and severity texts, which are localised, are not read.
 */
export function classify(evidence: WriteEvidence): Outcome {
  if (!evidence.sent) return 'fail';
  if (evidence.acknowledged) return evidence.syncRepNotice ? 'ok-weak' : 'ok';
  if (evidence.syncRepNotice) return 'info';
  if (evidence.rejected && !DECLARED_UNKNOWN.has(evidence.sqlState ?? '')) return 'fail';
  return 'info';
}

/** Source routine of the notices raised while a commit waits for its standbys (PostgreSQL `syncrep.c`); texts are localised. */
export const SYNC_REP_ROUTINE = 'SyncRepWaitForLSN';
