import { z } from 'zod';
import { engineNames } from '../engines/engine.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { durationSchema } from './duration-schema.ts';

const allowedCluster = z.strictObject({
  /** UID of the cluster's `kube-system` namespace: `kubectl get ns kube-system -o jsonpath={.metadata.uid}`. */
  kubeSystemUid: z.uuid({ error: () => 'the UID of the kube-system namespace, a UUID' }),
  /** Path of the kubeconfig, relative to the folder of `chaos.config.ts`. */
  kubeconfig: z.string({ error: () => 'a path to a kubeconfig' }).min(1, { error: () => 'a path to a kubeconfig' }),
  /** Context in the kubeconfig. Default: its current context. */
  context: z.string().min(1).optional(),
});

const profileOverride = z.strictObject({
  instances: z
    .int({ error: () => 'a whole number of instances' })
    .min(1, { error: () => 'a whole number of instances' })
    .optional(),
  image: z.string().min(1).optional(),
  storageClass: z.string().min(1).optional(),
  storageSize: z
    .string()
    .regex(/^\d+(\.\d+)?(Ki|Mi|Gi|Ti)$/, { error: () => 'a Kubernetes quantity such as "1Gi"' })
    .optional(),
  /** PostgreSQL parameters, added to those of the profile. */
  parameters: z.record(z.string(), z.string()).optional(),
});

const schema = z.strictObject({
  /** Clusters that may be broken, by UID. The local lab never needs to be listed. */
  clusters: z.array(allowedCluster).default([]),
  /** Where the cluster comes from. `auto`: the first of `clusters`, or the lab when none is listed. */
  provider: z.enum(['auto', 'lab', 'existing']).default('auto'),
  lab: z
    .strictObject({
      /** Name of the lab, of which a machine may have several. Default: the one that `chaos-lab` uses by itself. */
      name: z.string().min(1).optional(),
    })
    .prefault({}),
  /** Who breaks things. `auto`: Chaos Mesh where the cluster offers it, plain Kubernetes otherwise. */
  engine: z.enum(['auto', ...engineNames]).default('auto'),
  /** Namespace of the CloudNativePG operator. */
  operatorNamespace: z.string().min(1).default('cnpg-system'),
  chaosMesh: z
    .strictObject({
      /** Namespace of the Chaos Mesh controller. */
      namespace: z.string().min(1).default('chaos-mesh'),
      /** Namespace in which fault objects are created. Default: the namespace of the cluster under test. */
      faultNamespace: z.string().min(1).optional(),
      /** Whether IOChaos may be used, which tampers with the open files of a running PostgreSQL. Default false. */
      allowIOChaos: z.boolean({ error: () => 'true or false' }).default(false),
    })
    .prefault({}),
  /** After which a fault ends by itself, on the node or in the cluster, whoever is still alive then. Default 15 min; not scaled. */
  ttl: durationSchema().prefault('15m'),
  /** Most that may be broken at once, all faults in force together. */
  blast: z
    .strictObject({
      /** Pods. Default 10. */
      pods: z
        .int({ error: () => 'a whole number of pods' })
        .min(1, { error: () => 'a whole number of pods' })
        .default(10),
      /** Nodes; 0 forbids faults of nodes. Default 2. */
      nodes: z
        .int({ error: () => 'a whole number of nodes' })
        .min(0, { error: () => 'a whole number of nodes' })
        .default(2),
      /** Whether the control plane of Kubernetes may be broken. Default: only that of the local lab. */
      controlPlane: z.boolean({ error: () => 'true or false' }).optional(),
    })
    .prefault({}),
  /** How long to wait before giving up. Scaled by `waitScale`. */
  waits: z
    .strictObject({
      /** A new cluster becomes healthy. Default 5 min. */
      clusterReady: durationSchema().prefault('5m'),
      /** A cluster that is to be reused becomes healthy, before it is created anew. Default 90 s. */
      clusterReuse: durationSchema().prefault('90s'),
      /** The cluster is healthy before a fault. Default 60 s. */
      steadyState: durationSchema().prefault('60s'),
      /** Writes are acknowledged before a fault. Default 30 s. */
      baseline: durationSchema().prefault('30s'),
      /** One engine call that breaks something. Default 60 s. */
      act: durationSchema().prefault('60s'),
      /** The effect of a fault is seen. Default 30 s; a fault may set its own. */
      effect: durationSchema().prefault('30s'),
      /** One undo. Default 60 s. */
      undo: durationSchema().prefault('60s'),
      /** A healed fault is seen to be gone. Default 3 min; a fault may set its own. */
      healed: durationSchema().prefault('3m'),
      /** The cluster is healthy and writes flow after healing. Default 5 min. */
      recover: durationSchema().prefault('5m'),
      /** Writes are measured after `chaos-kit stop` has healed everything. Default 60 s. */
      afterStop: durationSchema().prefault('60s'),
    })
    .prefault({}),
  /** Factor on all `waits`, for slow machines. Budgets are what specs assert, and are never scaled. Default 1. */
  waitScale: z
    .number({ error: () => 'a number above 0, at most 20' })
    .positive({ error: () => 'a number above 0, at most 20' })
    .max(20, { error: () => 'a number above 0, at most 20' })
    .default(1),
  /** Changes to the built-in profiles, by profile name. */
  profiles: z.record(z.string(), profileOverride).default({}),
});

/** What `chaos.config.ts` may contain. */
export type ChaosConfigInput = z.input<typeof schema>;
/** The checked configuration; durations are milliseconds, `waits` are already scaled. */
export type ChaosConfig = z.output<typeof schema>;
/** One allowed cluster of the configuration. */
export type AllowedCluster = ChaosConfig['clusters'][number];
/** Changes to a built-in profile. */
export type ProfileOverride = z.output<typeof profileOverride>;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @example
 * export default defineChaosConfig({
 *   clusters: [{ kubeSystemUid: '7c6d…', kubeconfig: './staging.kubeconfig', context: 'staging' }],
 *   waits: { steadyState: '2m' },
 * });
 * @throws ConfigError naming each wrong field, its value and the valid form.
 */
export function defineChaosConfig(input: ChaosConfigInput = {}): ChaosConfig {
  return parseChaosConfig(input, 'chaos config');
}

/** As `defineChaosConfig` for a value of unknown type; `source` is named in the error. Idempotent. */
export function parseChaosConfig(input: unknown, source: string): ChaosConfig {
  if (typeof input === 'object' && input !== null && checked.has(input)) return input as ChaosConfig;
  const result = schema.safeParse(input);
  if (!result.success)
    throw new ConfigError(
      result.error.issues.flatMap((issue) => problem(issue, input)),
      { source },
    );
  const config = result.data;
  const waits = { ...config.waits };
  for (const key of Object.keys(waits) as (keyof typeof waits)[]) waits[key] *= config.waitScale;
  const scaled = { ...config, waits };
  checked.add(scaled);
  return scaled;
}

// a parsed config must not be scaled twice when `defineChaosConfig` was used in the file that is loaded
const checked = new WeakSet<object>();

function problem(issue: z.core.$ZodIssue, input: unknown): ConfigProblem[] {
  const field = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const name = field === '' ? 'the configuration' : field.replace(/^\./, '');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: field === '' ? key : `${name}.${key}`,
      value: valueAt(input, [...issue.path, key]),
      expected: 'no such field (see the documentation of defineChaosConfig)',
    }));
  }
  const expected = issue.code === 'invalid_value' ? `one of ${issue.values.map(String).join(', ')}` : issue.message;
  return [{ field: name, value: valueAt(input, issue.path), expected }];
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
