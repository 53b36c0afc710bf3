// One line per fault, in the order of the alphabet. What is exported here as `withX` is a fixture of the chaos `test`.
export { apiServerDown, withApiServerDown } from './api-server-down.ts';
export { controlPlaneDown, withControlPlaneDown } from './control-plane-down.ts';
export { nodeDown, withNodeDown } from './node-down.ts';
export { primaryKilled, withPrimaryKilled } from './primary-killed.ts';
export { replicaKilled, withReplicaKilled } from './replica-killed.ts';
