// One line per fault, in the order of the alphabet. What is exported here as `withX` is a fixture of the chaos `test`.
export { apiServerDown, withApiServerDown } from './api-server-down.ts';
export { clockSkewed, withClockSkew } from './clock-skewed.ts';
export { connectionsExhausted, withConnectionsExhausted } from './connections-exhausted.ts';
export { containerKilled, withContainerKilled } from './container-killed.ts';
export { controlPlaneDown, withControlPlaneDown } from './control-plane-down.ts';
export { fencing, withFencing } from './fencing.ts';
export { instanceKilled, withInstanceKilled } from './instance-killed.ts';
export { nodeClosed, withNodeClosed } from './node-closed.ts';
export { nodeDown, withNodeDown } from './node-down.ts';
export { nodeDrained, withNodeDrained } from './node-drained.ts';
export { operatorDown, withOperatorDown } from './operator-down.ts';
export { partition, withPartition } from './partition.ts';
export { primaryKilled, withPrimaryKilled } from './primary-killed.ts';
export { replayPaused, withReplayPaused } from './replay-paused.ts';
export { replicaKilled, withReplicaKilled } from './replica-killed.ts';
export { switchover, withSwitchover } from './switchover.ts';
export { volumeDeleted, withVolumeDeleted } from './volume-deleted.ts';
