import { stringify } from 'yaml';
import { z } from 'zod';
import { CLUSTER_KIND, CNPG_API_VERSION, FIXED_PARAMETERS } from './constants.ts';
import type { Cluster } from './types.ts';

/** A cluster was asked for that CloudNativePG would refuse. The message names each field with what would be right. */
export class InvalidClusterSpecError extends Error {
  override readonly name = 'InvalidClusterSpecError';
  readonly code = 'CNPG_INVALID_CLUSTER_SPEC';
}

const seconds = z.number().int().min(0);

const quantity = z
  .string()
  .regex(/^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/, 'expected a quantity such as "1Gi" or "512Mi"')
  .refine((text) => Number.parseFloat(text) > 0, 'expected more than nothing');

const storage = z.strictObject({ size: quantity, storageClass: z.string().min(1).optional() });

const standbyNames = z.array(z.string().min(1));

const synchronous = z.strictObject({
  method: z.enum(['any', 'first']),
  number: z.number().int().min(1),
  dataDurability: z.enum(['required', 'preferred']).default('required'),
  failoverQuorum: z.boolean().optional(),
  maxStandbyNamesFromCluster: z.number().int().min(0).optional(),
  standbyNamesPre: standbyNames.optional(),
  standbyNamesPost: standbyNames.optional(),
});

const primaryLease = z.strictObject({
  leaseDurationSeconds: z.number().int().min(1).optional(),
  renewDeadlineSeconds: z.number().int().min(1).optional(),
  retryPeriodSeconds: z.number().int().min(1).optional(),
  releasedLeaseDurationSeconds: z.number().int().min(1).optional(),
});

/** Values of `spec.primaryLease` that CloudNativePG 1.30 takes when they are left out, in seconds. */
const LEASE_DEFAULTS = { leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 2 } as const;

/** Default of `spec.stopDelay` and of `spec.smartShutdownTimeout`, in seconds. */
const STOP_DELAY = 1800;
const SMART_SHUTDOWN = 180;

const loose = z.record(z.string(), z.unknown());

const externalCluster = z.looseObject({ name: z.string().min(1) });

const bootstrap = z.looseObject({
  initdb: z
    .looseObject({ import: z.looseObject({ source: z.looseObject({ externalCluster: z.string() }) }).optional() })
    .optional(),
  recovery: z.looseObject({ source: z.string().optional() }).optional(),
  pg_basebackup: z.looseObject({ source: z.string() }).optional(),
});

const replica = z.strictObject({
  enabled: z.boolean().optional(),
  self: z.string().optional(),
  primary: z.string().optional(),
  source: z.string(),
  promotionToken: z.string().optional(),
  minApplyDelay: z.string().optional(),
});

const plugin = z.strictObject({
  name: z.string().min(1),
  enabled: z.boolean().optional(),
  isWALArchiver: z.boolean().optional(),
  parameters: z.record(z.string(), z.string()).optional(),
});

const certificates = z.strictObject({
  serverCASecret: z.string().optional(),
  serverTLSSecret: z.string().optional(),
  replicationTLSSecret: z.string().optional(),
  clientCASecret: z.string().optional(),
  serverAltDNSNames: z.array(z.string()).optional(),
});

const builderSchema = z
  .strictObject({
    instances: z.number().int().min(1),
    storage,
    walStorage: storage.optional(),
    imageName: z
      .string()
      .regex(/[:@][^/]+$/, 'expected a tag or a digest: CloudNativePG reads the major version from it')
      .optional(),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
    parameters: z.record(z.string(), z.string()).default({}),
    synchronous: synchronous.optional(),
    primaryLease: primaryLease.optional(),
    startDelay: seconds.optional(),
    stopDelay: seconds.min(1).optional(),
    smartShutdownTimeout: seconds.optional(),
    switchoverDelay: seconds.min(1).optional(),
    failoverDelay: seconds.optional(),
    primaryUpdateMethod: z.enum(['restart', 'switchover']).optional(),
    enableSuperuserAccess: z.boolean().optional(),
    enablePDB: z.boolean().optional(),
    replicationSlots: z
      .strictObject({
        highAvailability: z.boolean().optional(),
        updateInterval: z.number().int().min(1).optional(),
      })
      .optional(),
    topologyKey: z.string().min(1).optional(),
    resources: z.record(z.string(), z.unknown()).optional(),
    probes: z.record(z.string(), z.unknown()).optional(),
    bootstrap: bootstrap.optional(),
    externalClusters: z.array(externalCluster).optional(),
    replica: replica.optional(),
    plugins: z.array(plugin).optional(),
    backup: loose.optional(),
    certificates: certificates.optional(),
  })
  .superRefine((spec, context) => {
    const refuse = (path: string[], message: string) => {
      context.addIssue({ code: 'custom', path, message });
    };
    for (const name of FIXED_PARAMETERS) {
      if (Object.hasOwn(spec.parameters, name)) refuse(['parameters', name], 'is set by CloudNativePG itself');
    }
    const stop = spec.stopDelay ?? STOP_DELAY;
    const smart = spec.smartShutdownTimeout ?? SMART_SHUTDOWN;
    if (smart >= stop) {
      refuse(['smartShutdownTimeout'], `must be less than stopDelay: ${smart} against ${stop} seconds`);
    }
    if (spec.synchronous !== undefined) {
      const { number, standbyNamesPre = [], standbyNamesPost = [], failoverQuorum, dataDurability } = spec.synchronous;
      const others = standbyNamesPre.length + standbyNamesPost.length;
      if (number >= spec.instances + others) {
        refuse(
          ['synchronous', 'number'],
          `must be less than the instances and the other standby names together: ${number} against ${spec.instances + others}`,
        );
      }
      if (failoverQuorum === true && number <= others) {
        refuse(
          ['synchronous', 'number'],
          `must be more than the ${others} other standby names, or no failover is ever allowed by the quorum`,
        );
      }
      if (dataDurability === 'preferred' && others > 0) {
        refuse(['synchronous', 'dataDurability'], '"preferred" allows no other standby names');
      }
    }
    refuseUnknownSources(spec, refuse);
    if (spec.primaryLease !== undefined) {
      const {
        leaseDurationSeconds = LEASE_DEFAULTS.leaseDurationSeconds,
        renewDeadlineSeconds = LEASE_DEFAULTS.renewDeadlineSeconds,
        retryPeriodSeconds = LEASE_DEFAULTS.retryPeriodSeconds,
      } = spec.primaryLease;
      if (leaseDurationSeconds <= renewDeadlineSeconds) {
        refuse(
          ['primaryLease', 'leaseDurationSeconds'],
          `must be more than renewDeadlineSeconds: ${leaseDurationSeconds} against ${renewDeadlineSeconds}`,
        );
      }
      if (5 * renewDeadlineSeconds <= 6 * retryPeriodSeconds) {
        refuse(
          ['primaryLease', 'renewDeadlineSeconds'],
          `must be more than 1.2 times retryPeriodSeconds: ${renewDeadlineSeconds} against 1.2 × ${retryPeriodSeconds}`,
        );
      }
    }
  });

interface Sources {
  bootstrap?: z.output<typeof bootstrap> | undefined;
  externalClusters?: { name: string }[] | undefined;
  replica?: z.output<typeof replica> | undefined;
}

// Where a cluster comes from and whom it follows, as CloudNativePG's webhook judges it.
function refuseUnknownSources(spec: Sources, refuse: (path: string[], message: string) => void): void {
  const methods = Object.keys(spec.bootstrap ?? {});
  if (methods.length > 1) refuse(['bootstrap'], `only one way to begin is possible, got ${methods.join(', ')}`);
  const known = (spec.externalClusters ?? []).map(({ name }) => name);
  const twice = known.find((name, index) => known.indexOf(name) !== index);
  if (twice !== undefined) refuse(['externalClusters'], `the name "${twice}" is there twice`);
  const { initdb, recovery, pg_basebackup: copy } = spec.bootstrap ?? {};
  const sources: [path: string[], name: string | undefined][] = [
    [['bootstrap', 'initdb', 'import', 'source', 'externalCluster'], initdb?.import?.source.externalCluster],
    [['bootstrap', 'recovery', 'source'], recovery?.source],
    [['bootstrap', 'pg_basebackup', 'source'], copy?.source],
    [['replica', 'source'], spec.replica?.source],
  ];
  for (const [path, name] of sources) {
    if (name === undefined || known.includes(name)) continue;
    refuse(path, `got ${JSON.stringify(name)}, expected one of externalClusters: ${known.join(', ') || 'none'}`);
  }
  const { enabled, primary } = spec.replica ?? {};
  if (enabled !== undefined && primary !== undefined) {
    refuse(['replica', 'enabled'], 'cannot be combined with replica.primary');
  }
  if (enabled === true && copy === undefined && recovery === undefined) {
    refuse(['replica'], 'needs bootstrap.pg_basebackup or bootstrap.recovery: a replica begins as a copy');
  }
}

type Settings = z.input<typeof builderSchema>;

/** What can be said about a cluster; see {@link buildCluster}. All but a name and a namespace have defaults. */
export interface ClusterSettings extends Partial<Settings> {
  /** A named shape to start from; see {@link clusterProfiles}. @default 'async' */
  profile?: ClusterProfileName;
}

// A burst of clients that reconnect while commits hang must not lock everybody out.
const parameters = { max_connections: '200' };
const common = {
  // CloudNativePG lets WAL grow to 1 GB and keeps 512 MB more: a full volume must be a fault, not an accident
  storage: { size: '2Gi' },
  parameters,
  enableSuperuserAccess: false,
  topologyKey: 'topology.kubernetes.io/zone',
  // off by default before PostgreSQL 18, and then a page that the storage damaged is not noticed
  bootstrap: { initdb: { dataChecksums: true } },
};

/**
 * Named shapes of clusters. What they leave out is CloudNativePG's default, as users have it; delays above all. Where a
 * test need not wait for clients to leave, say `smartShutdownTimeout: 0`.
 */
export const clusterProfiles = {
  /** Three instances, each commit is acknowledged by one standby, failover only with a quorum. No loss is allowed. */
  sync: {
    ...common,
    instances: 3,
    synchronous: { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true },
  },
  /**
   * Like `sync`, as operators of critical databases set it up: no waiting for clients at a shutdown, short delays, and the
   * WAL on a volume of its own, which is small here so that it can be filled.
   */
  tuned: {
    ...common,
    instances: 3,
    synchronous: { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true },
    smartShutdownTimeout: 0,
    stopDelay: 60,
    switchoverDelay: 30,
    walStorage: { size: '512Mi' },
    // CloudNativePG keeps 512 MB by default, which is the volume; the slots keep what the standbys need
    parameters: { ...parameters, max_wal_size: '128MB', min_wal_size: '80MB', wal_keep_size: '64MB' },
  },
  /** Three instances, nobody waits for standbys. A failover may lose what was acknowledged last. */
  async: { ...common, instances: 3 },
  /** Like `sync`, but goes on alone when no standby is there. */
  preferred: {
    ...common,
    instances: 3,
    synchronous: { method: 'any', number: 1, dataDurability: 'preferred' },
  },
  /** Five instances, two of the standbys acknowledge each commit; survives the loss of any two. */
  quorum5: {
    ...common,
    instances: 5,
    synchronous: { method: 'any', number: 2, dataDurability: 'required', failoverQuorum: true },
  },
  /** One instance: nothing to fail over to. */
  single: { ...common, instances: 1 },
} as const satisfies Record<string, Settings>;

/** Name of a shape. */
export type ClusterProfileName = keyof typeof clusterProfiles;

/**
 * Builds a Cluster from a named shape and changes to it. What CloudNativePG 1.30 would refuse, or would accept although
 * it cannot work (a smart shutdown that is longer than the whole stop), is refused here: before anything is created, with
 * all problems at once. What is left out is CloudNativePG's default.
 *
 * @example buildCluster({ namespace: 'team', name: 'db' }, { profile: 'sync', walStorage: { size: '1Gi' } })
 * @throws InvalidClusterSpecError
 */
export function buildCluster(
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> },
  settings: ClusterSettings = {},
): Cluster {
  const problems: string[] = [];
  // A DNS label of RFC 1035 with room for what is appended to it.
  if (!/^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$/.test(metadata.name)) {
    problems.push(
      `metadata.name: got ${JSON.stringify(metadata.name)}, expected at most 50 lower-case letters, digits and dashes, ` +
        'first a letter, last no dash',
    );
  }
  const { profile = 'async', ...changes } = settings;
  if (!Object.hasOwn(clusterProfiles, profile)) {
    throw new InvalidClusterSpecError(
      `profile: got ${JSON.stringify(profile)}, expected one of ${Object.keys(clusterProfiles).join(', ')}`,
    );
  }
  const base: Settings = clusterProfiles[profile];
  const parsed = builderSchema.safeParse({
    ...base,
    ...changes,
    parameters: { ...base.parameters, ...changes.parameters },
  });
  if (!parsed.success) {
    problems.push(
      ...parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'spec'}: ${message}`),
    );
  }
  if (!parsed.success || problems.length > 0) {
    throw new InvalidClusterSpecError(`Cluster ${metadata.name} cannot be like that:\n${problems.join('\n')}`, {
      cause: parsed.error,
    });
  }
  const { parameters: settingsOf, synchronous: standbys, replicationSlots, topologyKey, ...rest } = parsed.data;
  const { instances, imageName, imagePullPolicy, enableSuperuserAccess, storage: data, ...others } = rest;
  return {
    apiVersion: CNPG_API_VERSION,
    kind: CLUSTER_KIND,
    metadata,
    spec: withoutUndefined({
      instances,
      imageName,
      imagePullPolicy,
      enableSuperuserAccess,
      affinity:
        topologyKey === undefined
          ? undefined
          : { enablePodAntiAffinity: true, podAntiAffinityType: 'preferred', topologyKey },
      postgresql: withoutUndefined({
        parameters: settingsOf,
        synchronous: standbys === undefined ? undefined : withoutUndefined(standbys),
      }),
      storage: withoutUndefined(data),
      ...others,
      replicationSlots:
        replicationSlots === undefined
          ? undefined
          : withoutUndefined({
              highAvailability:
                replicationSlots.highAvailability === undefined
                  ? undefined
                  : { enabled: replicationSlots.highAvailability },
              updateInterval: replicationSlots.updateInterval,
            }),
    }) as Cluster['spec'],
  };
}

/** A Cluster as YAML, for people and for `kubectl`. */
export function clusterYaml(cluster: Cluster): string {
  return stringify(cluster, { lineWidth: 0, singleQuote: true });
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
