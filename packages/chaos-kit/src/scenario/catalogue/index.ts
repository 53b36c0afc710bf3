// One line per file, in the order of the alphabet.
export { diskWalFullPrimary } from './disk-wal-full-primary.ts';
export { netCutReplicasSync } from './net-cut-replicas-sync.ts';
export {
  netIsolatePrimaryClientInside,
  netIsolatePrimaryClientInsideAsync,
} from './net-isolate-primary-client-inside.ts';
export { nodePowerOffPrimary } from './node-power-off-primary.ts';
export { opLeaderKillMidFailover } from './op-leader-kill-mid-failover.ts';
export {
  podDeletePrimaryBusySessions,
  podDeletePrimaryBusySessionsDefaults,
} from './pod-delete-primary-busy-sessions.ts';
export { podKillPrimaryForce } from './pod-kill-primary-force.ts';
export { postmasterSigkillPrimary } from './postmaster-sigkill-primary.ts';
export { quorumPrimaryAndSyncedStandby } from './quorum-primary-and-synced-standby.ts';
export { switchoverLoadLaggingTarget } from './switchover-load-lagging-target.ts';
