/** A tag that specs of the chaos project may carry. */
export interface ChaosTag {
  name: string;
  description: string;
}

/** Tags that every chaos project knows. A spec with another tag is refused, so that a typing error cannot hide it from a filter. */
export const chaosTags: readonly ChaosTag[] = [
  { name: 'smoke', description: 'cheap and telling: what `npm run chaos` runs' },
  { name: 'soak', description: 'runs for a long time or many times' },
  { name: 'ten', description: 'the ten experiments that matter most: one hour' },
  { name: 'control', description: 'proves that the framework itself can go red' },
  { name: 'mutation', description: 'a wrong configuration or a planted defect that must be found' },
  { name: 'contract', description: 'every engine and fault against the same contract: seen, healed, nothing left' },
  { name: 'safety', description: 'every family of faults against everything that may happen to a run: about an hour' },
  { name: 'pod', description: 'kills or restarts pods' },
  { name: 'process', description: 'stops, kills or freezes processes inside a pod' },
  { name: 'network', description: 'partitions, delay, loss' },
  { name: 'storage', description: 'I/O errors, latency, full disks' },
  { name: 'node', description: 'takes a whole node away' },
  { name: 'control-plane', description: 'Kubernetes itself is degraded' },
  { name: 'switchover', description: 'planned changes of the primary' },
  { name: 'quorum', description: 'more instances are lost than a quorum allows' },
  { name: 'operator', description: 'the CloudNativePG operator is hit' },
  { name: 'upstream', description: "tests of CloudNativePG's own suite, ported with the helpers of cnpg-utils" },
];
