import { durabilityObjection } from './durability.ts';
import { LedgerDurabilityError, LedgerStartError } from './errors.ts';
import type { LedgerError } from './errors.ts';
import type { ResolvedLedgerOptions } from './options.ts';
import type { SessionFacts } from './session.ts';

/** Oldest server whose behaviour the ledger's rules hold for (`server_version_num`). */
const MIN_SERVER_VERSION = 140_000;
/** Of the connections for ordinary roles a ledger takes at most this part: a fault must not look like one of ours. */
const OWN_SHARE = 0.8;

/** How many sessions a ledger may have on a server, abandoned ones included; `undefined` when the server did not say. */
export function ownShare({ connectionLimit }: Pick<SessionFacts, 'connectionLimit'>): number | undefined {
  return connectionLimit === undefined ? undefined : Math.floor(connectionLimit * OWN_SHARE);
}

/** Why a run must not begin on a server that describes itself like this; `undefined` when it may. */
export function startObjection(
  facts: SessionFacts,
  options: Pick<ResolvedLedgerOptions, 'expectSync' | 'writers'>,
): LedgerError | undefined {
  const { server, serverVersion, inRecovery, connectionLimit } = facts;
  if (serverVersion < MIN_SERVER_VERSION) {
    return new LedgerStartError(`${server} runs server version ${serverVersion}; PostgreSQL 14 or newer is needed`);
  }
  if (inRecovery) return new LedgerStartError(`${server} is in recovery: the target must lead to the primary`);
  const share = ownShare(facts) ?? Infinity;
  if (options.writers > share) {
    return new LedgerStartError(
      `${options.writers} writers are too many for ${server}, which gives ${connectionLimit} connections to ordinary roles: at most ${share} would be right`,
    );
  }
  const objection = durabilityObjection(facts);
  if (!options.expectSync || objection === undefined) return undefined;
  return new LedgerDurabilityError(`synchronous replication is expected on ${server}, but ${objection}`);
}
