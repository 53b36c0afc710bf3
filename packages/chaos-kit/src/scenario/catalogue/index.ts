// One line per file, in the order of the alphabet.
export { nodePowerOffPrimary } from './node-power-off-primary.ts';
export {
  podDeletePrimaryBusySessions,
  podDeletePrimaryBusySessionsDefaults,
} from './pod-delete-primary-busy-sessions.ts';
export { podKillPrimaryForce } from './pod-kill-primary-force.ts';
