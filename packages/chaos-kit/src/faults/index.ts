// One line per fault, in the order of the alphabet. What is exported here as `withX` is a fixture of the chaos `test`.
export { primaryKilled, withPrimaryKilled } from './primary-killed.ts';
export { replicaKilled, withReplicaKilled } from './replica-killed.ts';
