import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { clusterRef, getCluster, type ClusterWaitOptions } from './cluster.ts';
import { checkCluster } from './schemas.ts';
import { names } from './constants.ts';
import { listInstances } from './instances.ts';
import { psqlProblem, psqlRows } from './psql.ts';
import type { Cluster } from './types.ts';

/** A physical replication slot of one instance. */
export interface ReplicationSlot {
  name: string;
  active: boolean;
  /** Null until it was used for the first time. */
  restartLsn: string | null;
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  walStatus: string | null;
}

/**
 * Names of the slots that an instance should have for high availability: one for each other instance that is not the
 * primary; standbys have copies of the primary's. Empty when the cluster has switched them off.
 */
export function expectedSlots(cluster: Cluster, instance: string): string[] {
  const availability = slotSettings(cluster);
  if (availability.enabled === false) return [];
  const primary = cluster.status?.currentPrimary;
  return (cluster.status?.instanceNames ?? [])
    .filter((name) => name !== instance && name !== primary)
    .map((name) => names.replicationSlot(name, availability.slotPrefix))
    .toSorted();
}

/** Physical replication slots of an instance that stay, by name. @throws PsqlError, ExecError, KubeError */
export async function listSlots(
  kube: KubeClient,
  pod: NamespacedName,
  options: CallOptions = {},
): Promise<ReplicationSlot[]> {
  const sql =
    'SELECT slot_name AS name, active, restart_lsn::text AS "restartLsn", wal_status AS "walStatus" ' +
    "FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary ORDER BY slot_name";
  return await psqlRows<ReplicationSlot>(kube, pod, sql, options);
}

/**
 * Waits until every instance has exactly the slots it should have, those of the primary active, all with a position.
 *
 * @param options.aligned also all slots of all instances at the same position, which they reach only while nobody writes.
 * @default false
 * @param options.timeoutMs @default 300000
 * @throws WaitTimeoutError naming each instance with what it lacks or has too much
 */
export async function waitForSlots(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions & { aligned?: boolean } = {},
): Promise<Record<string, ReplicationSlot[]>> {
  const { aligned = false, ...wait } = options;
  return await waitFor(
    `the replication slots of Cluster ${ref.namespace}/${ref.name}`,
    async (signal, probe) => {
      const [cluster, instances] = await Promise.all([
        getCluster(kube, ref, { signal }),
        listInstances(kube, ref, { signal }),
      ]);
      const problems: string[] = [];
      // An empty list would agree with everything.
      if (instances.length !== cluster.spec.instances) {
        problems.push(`${instances.length} of ${cluster.spec.instances} instances`);
      }
      const slots: Record<string, ReplicationSlot[]> = {};
      await Promise.all(
        instances.map(async ({ name, pod }) => {
          try {
            const found = await listSlots(kube, { namespace: ref.namespace, name: pod.name }, { signal });
            slots[name] = found;
            problems.push(...judgeSlots(cluster, name, found));
          } catch (error) {
            signal.throwIfAborted();
            problems.push(`${name}: ${psqlProblem(error)}`);
          }
        }),
      );
      if (aligned && problems.length === 0) problems.push(...judgeAlignment(cluster, slots));
      if (problems.length === 0) return slots;
      probe.observe(problems.toSorted().join('; '));
      return undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.clusterIsReadyQuick, intervalMs: 2_000 },
  );
}

/** What is wrong with an instance's slots, as sentences. Apart from asking, so that it can be used on recorded ones. */
export function judgeSlots(cluster: Cluster, instance: string, slots: readonly ReplicationSlot[]): string[] {
  const { slotPrefix = '_cnpg_' } = slotSettings(cluster);
  const expected = expectedSlots(cluster, instance);
  const ours = slots.filter(({ name }) => name.startsWith(slotPrefix));
  const missing = expected.filter((name) => !ours.some((slot) => slot.name === name));
  const extra = ours.filter(({ name }) => !expected.includes(name)).map(({ name }) => name);
  const wanted = ours.filter(({ name }) => expected.includes(name));
  const idle = instance === cluster.status?.currentPrimary ? wanted.filter(({ active }) => !active) : [];
  const unused = wanted.filter(({ restartLsn }) => restartLsn === null);
  return [
    ...(missing.length === 0 ? [] : [`${instance} lacks ${missing.join(', ')}`]),
    ...(extra.length === 0 ? [] : [`${instance} has ${extra.join(', ')} in vain`]),
    ...(idle.length === 0 ? [] : [`${instance}: nobody uses ${idle.map(({ name }) => name).join(', ')}`]),
    ...(unused.length === 0 ? [] : [`${instance}: ${unused.map(({ name }) => name).join(', ')} hold no position`]),
  ];
}

/**
 * Whether the slots for high availability are at one position in all instances, as sentences: one for each position when
 * there are several. No slots are not aligned.
 */
export function judgeAlignment(
  cluster: Cluster,
  slots: Readonly<Record<string, readonly ReplicationSlot[]>>,
): string[] {
  const { slotPrefix = '_cnpg_' } = slotSettings(cluster);
  const byPosition = new Map<string, string[]>();
  for (const [instance, of] of Object.entries(slots)) {
    for (const { name, restartLsn } of of) {
      if (!name.startsWith(slotPrefix)) continue;
      const position = restartLsn ?? 'no position';
      byPosition.set(position, [...(byPosition.get(position) ?? []), `${name} of ${instance}`]);
    }
  }
  if (byPosition.size === 0) return ['there are no slots to compare'];
  if (byPosition.size === 1) return [];
  return [...byPosition].map(([position, of]) => `at ${position}: ${of.join(', ')}`);
}

/** Switches the slots for high availability on or off. Returns at once; see {@link waitForSlots}. */
export async function setHaSlots(
  kube: KubeClient,
  ref: NamespacedName,
  enabled: boolean,
  options: CallOptions = {},
): Promise<Cluster> {
  const spec = { replicationSlots: { highAvailability: { enabled } } };
  return checkCluster(await kube.patch<Cluster>(clusterRef(ref), { spec }, options));
}

/** Switches the copying of the clients' own slots to the standbys on or off. */
export async function setUserSlotSync(
  kube: KubeClient,
  ref: NamespacedName,
  enabled: boolean,
  options: CallOptions = {},
): Promise<Cluster> {
  const spec = { replicationSlots: { synchronizeReplicas: { enabled } } };
  return checkCluster(await kube.patch<Cluster>(clusterRef(ref), { spec }, options));
}

interface SlotSettings {
  enabled?: boolean;
  slotPrefix?: string;
}

function slotSettings(cluster: Cluster): SlotSettings {
  const slots = cluster.spec['replicationSlots'] as { highAvailability?: SlotSettings } | undefined;
  return slots?.highAvailability ?? {};
}
