import {
  buildCluster,
  clusterProfiles,
  type ClusterProfileName,
  type ClusterSettings,
  InvalidClusterSpecError,
} from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';

/** A named shape of a cluster under test. */
export interface Profile {
  readonly name: ProfileName;
  /** One sentence for people. */
  readonly description: string;
  /** Fewest instances with which the profile keeps its promise, and why. */
  readonly minInstances: { readonly count: number; readonly why: string };
  /** Whether it promises that no acknowledged write is lost: every commit waits for a standby, whatever happens. */
  readonly zeroLoss: boolean;
  readonly instances: number;
  /** `spec.postgresql.synchronous`; undefined replicates asynchronously. */
  readonly synchronous?: NonNullable<ClusterSettings['synchronous']>;
  /** What the Cluster is built from (`buildCluster` of cnpg-utils); `instances` and `synchronous` are among it. */
  readonly settings: ClusterSettings;
}

/** Names of the built-in profiles: the shapes that cnpg-utils has. */
export type ProfileName = ClusterProfileName;

type Notes = Pick<Profile, 'description' | 'minInstances'>;

// What the kit knows of a shape besides the shape itself.
const notes: Readonly<Record<ProfileName, Notes>> = {
  sync: {
    description: 'three instances, each commit is acknowledged by one standby, failover only with a quorum',
    // with two instances the loss of one leaves nobody to acknowledge, and the quorum refuses every failover
    minInstances: {
      count: 3,
      why: 'one primary, one standby that acknowledges, and one more so that a quorum can fail over',
    },
  },
  tuned: {
    description:
      'as `sync`, but a shutdown does not wait for clients, delays are short, and the WAL has a small volume of its own',
    minInstances: {
      count: 3,
      why: 'one primary, one standby that acknowledges, and one more so that a quorum can fail over',
    },
  },
  async: {
    description: 'three instances, standbys follow without being waited for',
    minInstances: { count: 2, why: 'without a standby there is nothing to fail over to' },
  },
  preferred: {
    description: 'three instances, each commit is acknowledged by one standby as long as there is one',
    minInstances: { count: 2, why: 'without a standby there is nobody to acknowledge' },
  },
  quorum5: {
    description: 'five instances, each commit is acknowledged by two standbys, failover only with a quorum',
    minInstances: { count: 4, why: 'with three, the loss of one standby stops all writes' },
  },
  single: {
    description: 'one instance, nothing to fail over to',
    minInstances: { count: 1, why: 'it is the database' },
  },
};

/** The built-in profiles. Everything that they leave out is CloudNativePG's default, as users have it. */
export const profiles = Object.fromEntries(
  (Object.keys(clusterProfiles) as ProfileName[]).map((name) => [name, profileOf(name, { profile: name })]),
) as Readonly<Record<ProfileName, Profile>>;

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
 * @throws ProfileError naming the valid profiles, the instance count that the profile cannot have, or what CloudNativePG
 * would refuse.
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
  const { instances: most, minInstances } = profiles[name];
  const { instances: configured, storageSize, storageClass, image, parameters } = config.profiles[name] ?? {};
  const instances = request.instances ?? configured ?? most;
  if (!Number.isInteger(instances) || instances < minInstances.count) {
    throw new ProfileError(
      `profile ${name}: got ${instances} instances, expected a whole number, at least ${minInstances.count} (${minInstances.why})`,
    );
  }
  const { storage } = clusterProfiles[name];
  const settings: ClusterSettings = {
    profile: name,
    instances,
    storage: { size: storageSize ?? storage.size, ...(storageClass === undefined ? {} : { storageClass }) },
    ...(image === undefined ? {} : { imageName: image }),
    ...(parameters === undefined ? {} : { parameters }),
  };
  try {
    return profileOf(name, settings);
  } catch (error) {
    if (!(error instanceof InvalidClusterSpecError)) throw error;
    throw new ProfileError(`profile ${name}, as chaos.config.ts changes it: ${error.message}`, { cause: error });
  }
}

function profileOf(name: ProfileName, settings: ClusterSettings): Profile {
  const { spec } = buildCluster({ name: 'pg' }, settings);
  const synchronous = spec.postgresql?.synchronous;
  return {
    name,
    ...notes[name],
    zeroLoss: synchronous?.dataDurability === 'required',
    instances: spec.instances,
    ...(synchronous === undefined ? {} : { synchronous }),
    settings,
  };
}

function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name);
}
