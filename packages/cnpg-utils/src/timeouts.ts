import { z } from 'zod';

/**
 * Default deadlines in milliseconds. The names and the values of the first block are those of CloudNativePG's own
 * end-to-end suite (`tests/utils/timeouts`); the second block is ours. They are for waiting, not for judging: a spec
 * that asserts a budget states that budget itself.
 */
export const defaultTimeouts = {
  failover: 240_000,
  namespaceCreation: 30_000,
  clusterIsReady: 600_000,
  clusterIsReadyQuick: 300_000,
  clusterIsReadySlow: 800_000,
  newPrimaryAfterSwitchover: 45_000,
  newPrimaryAfterFailover: 30_000,
  newTargetOnFailover: 120_000,
  podRollout: 180_000,
  operatorIsReady: 120_000,
  largeObject: 300_000,
  walsInObjectStore: 60_000,
  objectStoreInstallation: 300_000,
  backupIsReady: 180_000,
  drainNode: 900_000,
  volumeSnapshotIsReady: 300_000,
  short: 5_000,
  managedServices: 30_000,

  /** One request to the API server, with its body. */
  kubeRequest: 30_000,
  /** One command run in a container. */
  exec: 30_000,
  /** A PostgreSQL connection, from TCP to ready for query. */
  postgresConnect: 5_000,
  /** The cluster is healthy by every measure of `clusterHealth`. */
  clusterIsHealthy: 300_000,
  /** A cluster, its pods and its volumes are gone. */
  clusterDeletion: 180_000,
} as const satisfies Record<string, number>;

/** Name of one default deadline. */
export type TimeoutName = keyof typeof defaultTimeouts;

/** An environment variable about timeouts or test depth has a value that cannot be used. */
export class InvalidEnvironmentError extends Error {
  override readonly name = 'InvalidEnvironmentError';
  readonly code = 'CNPG_INVALID_ENVIRONMENT';
}

// Limits of single calls: a slow machine needs more patience, not calls that hang longer.
const UNSCALED: ReadonlySet<string> = new Set<TimeoutName>(['kubeRequest', 'exec', 'postgresConnect']);

const inSeconds = z.record(z.string(), z.number().positive());

/**
 * The default deadlines as the environment changes them: `TEST_TIMEOUTS` is a JSON object of names and **seconds**, as
 * CloudNativePG's own suite takes it, and `CHAOS_TIMEOUT_FACTOR` multiplies every wait (2 on a machine that is half as
 * fast). The limits of single calls are not multiplied, and budgets that a spec asserts are no timeouts.
 *
 * @throws InvalidEnvironmentError
 */
export function resolveTimeouts(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<TimeoutName, number>> {
  const factor = factorOf(env['CHAOS_TIMEOUT_FACTOR']);
  const changed = secondsOf(env['TEST_TIMEOUTS']);
  const names = Object.keys(defaultTimeouts);
  const unknown = Object.keys(changed).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new InvalidEnvironmentError(`TEST_TIMEOUTS: unknown ${unknown.join(', ')}; known are: ${names.join(', ')}`);
  }
  const resolved: Record<string, number> = {};
  for (const [name, ms] of Object.entries(defaultTimeouts)) {
    const seconds = changed[name];
    resolved[name] = (seconds === undefined ? ms : seconds * 1000) * (UNSCALED.has(name) ? 1 : factor);
  }
  return resolved as Record<TimeoutName, number>;
}

function factorOf(text: string | undefined): number {
  if (text === undefined || text === '') return 1;
  const factor = Number(text);
  if (Number.isFinite(factor) && factor >= 0.1 && factor <= 100) return factor;
  throw new InvalidEnvironmentError(
    `CHAOS_TIMEOUT_FACTOR: got ${JSON.stringify(text)}, expected a number from 0.1 to 100, such as 2`,
  );
}

function secondsOf(text: string | undefined): Record<string, number> {
  if (text === undefined || text === '') return {};
  try {
    return inSeconds.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new InvalidEnvironmentError(
      `TEST_TIMEOUTS: expected a JSON object of names and seconds such as {"failover": 300}: ${why}`,
      { cause: error },
    );
  }
}

/** The default deadlines in milliseconds, as the environment of this process changes them; see {@link resolveTimeouts}. */
export const timeouts = resolveTimeouts(process.env);
