export { clusterManifest } from './cluster/cluster-manifest.ts';
export { ClusterUnderTest, type ClusterUnderTestOptions, type WaitOptions } from './cluster/cluster-under-test.ts';
export { createOrReuseCluster, type CreateOrReuseOptions, namespaceOf } from './cluster/create-or-reuse.ts';
export {
  type Profile,
  ProfileError,
  type ProfileName,
  type ProfileRequest,
  profiles,
  resolveProfile,
} from './cluster/profile.ts';
export {
  type AllowedCluster,
  type ChaosConfig,
  type ChaosConfigInput,
  defineChaosConfig,
} from './config/chaos-config.ts';
export { ConfigError, type ConfigProblem } from './config/config-error.ts';
export { loadChaosConfig } from './config/load-config.ts';
export { chaosMeshEngine } from './engines/chaos-mesh/chaos-mesh-engine.ts';
export { dnsChaos, type DNSChaosOptions, dnsNeeds } from './engines/chaos-mesh/dns-chaos.ts';
export { ioChaos, type IOChaosOptions, type IOMethod, ioNeeds } from './engines/chaos-mesh/io-chaos.ts';
export { networkBetween } from './engines/chaos-mesh/network-between.ts';
export {
  networkChaos,
  type NetworkChaosOptions,
  type NetworkDirection,
  type NetworkEffect,
  networkNeeds,
} from './engines/chaos-mesh/network-chaos.ts';
export { podChaos, type PodChaosOptions } from './engines/chaos-mesh/pod-chaos.ts';
export { stressChaos, type StressChaosOptions, stressNeeds } from './engines/chaos-mesh/stress-chaos.ts';
export { timeChaos, type TimeChaosOptions, timeNeeds } from './engines/chaos-mesh/time-chaos.ts';
export {
  type Action,
  type Engine,
  type EngineContext,
  type EngineName,
  engineNames,
  type EngineProblem,
  type Json,
  type Leftover,
  type PlanContext,
  type PlannedAction,
  type UndoEntry,
  type UndoStep,
} from './engines/engine.ts';
export type { LabControl, NodeCommandResult } from './engines/lab-control.ts';
export { EngineError, EngineUnavailableError, PartlyBlindError } from './engines/engine-error.ts';
export { deletePod, type DeletePodOptions, evictPod } from './engines/kubernetes/delete-pod.ts';
export { deleteVolumes } from './engines/kubernetes/delete-volumes.ts';
export { drainNode, type DrainNodeOptions } from './engines/kubernetes/drain-node.ts';
export {
  annotateObject,
  cordonNode,
  fenceInstances,
  hibernateCluster,
  scaleDeployment,
  taintNode,
} from './engines/kubernetes/edits.ts';
export { exhaustConnections } from './engines/kubernetes/exhaust-connections.ts';
export { kubernetesEngine } from './engines/kubernetes/kubernetes-engine.ts';
export { type Change, editObject, type EditOptions, type TaintEffect } from './engines/kubernetes/object-edit.ts';
export { pauseReplay } from './engines/kubernetes/pause-replay.ts';
export { type PostmasterSignal, signalPostmaster } from './engines/kubernetes/signal-postmaster.ts';
export { failPod, switchOver } from './engines/kubernetes/status-edits.ts';
export { defaultEngines, type EngineRegistry } from './engines/registry.ts';
export { engineCandidates, type EngineWish, selectEngine } from './engines/select-engine.ts';
export { Experiment, type ExperimentLedger, type ExperimentOptions } from './experiment/experiment.ts';
export {
  ExperimentOverError,
  FaultConflictError,
  HealError,
  NoEffectError,
  RecoveryError,
  SteadyStateError,
} from './experiment/experiment-error.ts';
export type { ExperimentResult, FaultRecord, RunRecord } from './experiment/experiment-result.ts';
export type { ExperimentRun } from './experiment/experiment-run.ts';
export { type Journal, MemoryJournal } from './experiment/journal.ts';
export type { ExperimentSubject, StatusHistory } from './experiment/subject.ts';
export { type Phase, phases, type PhaseSpan, Timeline, type TimelineEvent } from './experiment/timeline.ts';
export type { ExpectedVerdict, Finding, FindingVerdict, KnownDefect, Verdict } from './experiment/verdict.ts';
export type { ActiveFault } from './faults/active-fault.ts';
export {
  type CommonFaultOptions,
  defineFault,
  type Fault,
  type FaultContext,
  type FaultDefinition,
  type FaultScope,
  type FaultOptions,
  FaultOptionsError,
  type Observe,
  type OptionsSchema,
  type PlanAction,
} from './faults/fault.ts';
export { fixture, type FaultBody, type FaultFixture, type FaultRunner } from './faults/fixture.ts';
export type { Evidence, Observation } from './faults/observation.ts';
export { podKilled, podReplaced } from './faults/pod-evidence.ts';
export * from './faults/index.ts';
export * from './ledger/index.ts';
export { beginPostMortem, type PostMortem, type PostMortemOptions } from './observers/post-mortem.ts';
export { chooseProvider } from './provider/choose-provider.ts';
export { existingProvider } from './provider/existing.ts';
export { labControl, labProvider } from './provider/lab.ts';
export {
  type ClusterProvider,
  type ConnectedCluster,
  type ConnectOptions,
  ProviderError,
  type ProviderName,
} from './provider/provider.ts';
export { BlastRadiusError } from './safety/blast-radius.ts';
export { findCluster } from './safety/find-cluster.ts';
export { Guard, type GuardOptions } from './safety/guard.ts';
export { GuardError } from './safety/guard-error.ts';
export { FileJournal } from './safety/journal/file-journal.ts';
export { JournalError } from './safety/journal/journal-error.ts';
export type { ClusterAccess, JournalHeader } from './safety/journal/journal-record.ts';
export { readJournal, type StoredJournal } from './safety/journal/read-journal.ts';
export { findLeftovers, type FoundLeftover, type LeftoverScan } from './safety/leftovers.ts';
export { preflight, PreflightError, type PreflightOptions, type PreflightProblem } from './safety/preflight.ts';
export * from './scenario/index.ts';
export {
  isRunAlive,
  listRuns,
  reaperLogPath,
  reaperOf,
  removeRunFolder,
  type RunManifest,
  type StoredRun,
} from './safety/run-folder.ts';
export { sweep, type SweepOptions, type SweepResult, type SweptCluster, type SweptThing } from './safety/sweep.ts';
export { holderIdentity, RunLock, RunLockedError, type RunLockOptions } from './safety/run-lock.ts';
export { theCluster } from './targets/cluster.ts';
export { between, together } from './targets/combined.ts';
export { addresses, apiServer, clients } from './targets/endpoints.ts';
export { allInstances, allReplicas, instanceNamed } from './targets/instances.ts';
export { nodeNamed, nodeOf, zone, zoneOf } from './targets/node.ts';
export { operator, operatorDeployment, operatorLeader } from './targets/operator.ts';
export { primary } from './targets/primary.ts';
export { randomInstance, randomReplica } from './targets/random.ts';
export { replica } from './targets/replica.ts';
export { leastAdvanced, mostAdvanced, syncStandby } from './targets/standby.ts';
export {
  type ClusterTarget,
  type DeploymentTarget,
  describeTarget,
  type EndpointTarget,
  type NodeTarget,
  type PodTarget,
  type ResolvedTarget,
  TargetChangedError,
  type TargetContext,
  TargetError,
  type TargetSelector,
  type TargetSide,
  type VolumeTarget,
} from './targets/target.ts';
export {
  endpointSelector,
  endpointTargetSpec,
  type EndpointTargetSpec,
  nodeSelector,
  nodeTargetSpec,
  type NodeTargetSpec,
  peerSelector,
  type PeerTarget,
  peerTargetSpec,
  type PeerTargetSpec,
  podSelector,
  podTargetSpec,
  type PodTargetSpec,
  volumeSelector,
  volumeTargetSpec,
  type VolumeTargetSpec,
} from './targets/target-spec.ts';
export { volumeOf, type VolumeRole } from './targets/volume.ts';
