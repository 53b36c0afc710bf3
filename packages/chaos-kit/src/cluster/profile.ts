import type { ChaosConfig } from '../config/chaos-config.ts';

/** A named shape of a cluster under test. */
export interface Profile {
  readonly name: ProfileName;
  /** One sentence for people. */
  readonly description: string;
  readonly instances: number;
  /** Fewest instances with which the profile keeps its promise, and why. */
  readonly minInstances: { readonly count: number; readonly why: string };
  /** `spec.postgresql.synchronous`; undefined replicates asynchronously. */
  readonly synchronous?: {
    readonly method: 'any' | 'first';
    readonly number: number;
    readonly dataDurability: 'required' | 'preferred';
    readonly failoverQuorum: boolean;
  };
  readonly storageSize: string;
  readonly storageClass?: string;
  /** Operand image. Default: the one that the operator chooses. */
  readonly image?: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Names of the built-in profiles. */
export type ProfileName = 'sync' | 'async';

// a burst of clients that reconnect while commits hang must not lock the kit itself out
const parameters = { max_connections: '200' } as const;

/** The built-in profiles. Everything that they leave out is CloudNativePG's default, as users have it. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  sync: {
    name: 'sync',
    description: 'three instances, each commit is acknowledged by one standby, failover only with a quorum',
    instances: 3,
    // with two instances the loss of one leaves nobody to acknowledge, and the quorum refuses every failover
    minInstances: {
      count: 3,
      why: 'one primary, one standby that acknowledges, and one more so that a quorum can fail over',
    },
    synchronous: { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true },
    storageSize: '1Gi',
    parameters,
  },
  async: {
    name: 'async',
    description: 'three instances, standbys follow without being waited for',
    instances: 3,
    minInstances: { count: 2, why: 'without a standby there is nothing to fail over to' },
    storageSize: '1Gi',
    parameters,
  },
};

/** A profile that does not exist or cannot have the shape that is asked of it. Nothing was touched. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly code = 'CHAOS_PROFILE';
}

/** What may be asked of a profile for one spec. */
export interface ProfileRequest {
  readonly instances?: number | undefined;
}

/**
 * Finds a profile and applies the changes from the configuration and from the request, in this order.
 *
 * @throws ProfileError naming the valid profiles, or the instance count that the profile cannot have.
 */
export function resolveProfile(
  name: string,
  config: Pick<ChaosConfig, 'profiles'>,
  request: ProfileRequest = {},
): Profile {
  const valid = Object.keys(profiles).join(', ');
  const unknown = Object.keys(config.profiles).filter((key) => !isProfileName(key));
  if (unknown.length > 0) {
    throw new ProfileError(`profiles in chaos.config.ts: got "${unknown.join('", "')}", expected one of ${valid}`);
  }
  if (!isProfileName(name)) throw new ProfileError(`profile: got ${JSON.stringify(name)}, expected one of ${valid}`);
  const base = profiles[name];
  const change = config.profiles[name] ?? {};
  const instances = request.instances ?? change.instances ?? base.instances;
  if (!Number.isInteger(instances) || instances < base.minInstances.count) {
    throw new ProfileError(
      `profile ${name}: got ${instances} instances, expected a whole number, at least ${base.minInstances.count} (${base.minInstances.why})`,
    );
  }
  return {
    ...base,
    instances,
    storageSize: change.storageSize ?? base.storageSize,
    ...(change.storageClass === undefined ? {} : { storageClass: change.storageClass }),
    ...(change.image === undefined ? {} : { image: change.image }),
    parameters: { ...base.parameters, ...change.parameters },
  };
}

function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name);
}
