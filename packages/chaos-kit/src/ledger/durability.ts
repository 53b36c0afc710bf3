/** The settings that decide what an acknowledgement is worth. `unknown` where they had changed again before they could be read. */
export interface DurabilitySettings {
  readonly synchronousCommit: string;
  readonly synchronousStandbyNames: string;
  readonly fsync: string;
}

/** Settings together with the writes acknowledged under them. */
export interface DurabilityInForce extends DurabilitySettings {
  acknowledged: number;
  /** First and last acknowledgement under them, `performance.now()` in ms. */
  firstAckMs: number;
  lastAckMs: number;
}

/** One count of `pg_stat_replication` on the primary. */
export interface StandbyObservation {
  readonly atMs: number;
  /** Streaming standbys, and those of them that are `sync` or `quorum`. */
  readonly streaming: number;
  readonly synchronous: number;
}

/** One session that a writer opened, as the server described itself. */
export interface SessionRecord extends DurabilitySettings {
  readonly writer: number;
  readonly epoch: number;
  readonly atMs: number;
  readonly server: string;
  readonly inRecovery: boolean;
  /** Timeline of a primary; a standby does not tell an ordinary role. */
  readonly timeline: number | undefined;
  readonly serverVersion: number;
}

/** Everything the run learnt about durability. */
export interface DurabilityProfile {
  readonly inForce: readonly DurabilityInForce[];
  /** The first 1 000 sessions; `sessionCount` counts all. */
  readonly sessions: readonly SessionRecord[];
  readonly sessionCount: number;
  /** Empty when the target has no `admin` query. */
  readonly standbys: readonly StandbyObservation[];
}

/** SQL of a number that changes when one of the durability settings does; evaluated for every row that is written. */
export const DURABILITY_HASH_SQL =
  "hashtext(current_setting('synchronous_commit') || chr(31) || current_setting('synchronous_standby_names') || chr(31) || current_setting('fsync'))";

/** What stands against a zero-loss claim under these settings, as a sentence; `undefined` when nothing does. */
export function durabilityObjection(settings: DurabilitySettings): string | undefined {
  if (settings.synchronousCommit === 'unknown') return 'durability settings changed and could not be read in time';
  if (settings.fsync !== 'on') return `fsync is "${settings.fsync}"`;
  if (settings.synchronousStandbyNames.trim() === '') {
    return 'synchronous_standby_names is empty: no standby has to confirm a commit';
  }
  if (settings.synchronousCommit !== 'on' && settings.synchronousCommit !== 'remote_apply') {
    return `synchronous_commit is "${settings.synchronousCommit}": no standby has to flush a commit before it is acknowledged ("on" or "remote_apply" would be right)`;
  }
  return undefined;
}

/** Whether "no acknowledged write is lost" may be claimed, and why (not). */
export interface ZeroLossClaim {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Judges the claim by the settings in force for each acknowledged write, not by those of the configuration file. */
export function zeroLossClaim(inForce: readonly DurabilityInForce[], acknowledgedWeak: number): ZeroLossClaim {
  if (inForce.length === 0) return { allowed: false, reason: 'no write was acknowledged' };
  for (const settings of inForce) {
    const objection = durabilityObjection(settings);
    if (objection !== undefined) {
      return { allowed: false, reason: `${objection} (in force for ${settings.acknowledged} acknowledged writes)` };
    }
  }
  if (acknowledgedWeak > 0) {
    return {
      allowed: false,
      reason: `${acknowledgedWeak} writes were acknowledged after their wait for the standby had been cancelled`,
    };
  }
  return { allowed: true, reason: 'every acknowledged write had to be flushed by a synchronous standby' };
}
