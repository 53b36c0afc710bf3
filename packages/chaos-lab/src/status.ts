import { tryRun } from './run.ts';
import { labContainers } from './docker.ts';
import { hostRoutes, lackingRoutes } from './host-network.ts';
import { KubeApi } from './kube-api.ts';
import type { LabOptions } from './lab.ts';
import { checkLabName, defaultLabName } from './lab-name.ts';
import { lookOnce, nodesReady, workloadChecks } from './readiness.ts';
import { StateDir } from './state-dir.ts';
import { topologyOf } from './topology.ts';

/** State of a lab as a whole. */
export type LabState = 'absent' | 'stopped' | 'not-ready' | 'ready';

/** What {@link status} found. */
export interface LabStatus {
  name: string;
  state: LabState;
  nodes: { name: string; container: string; state: 'absent' | 'stopped' | 'paused' | 'running' | 'incomplete' }[];
  /** What is missing until the lab is ready, in words. */
  problems: string[];
  kubeconfig?: string;
  kubeSystemUid?: string;
  versions: Record<string, string>;
}

/** Looks at a lab without changing anything, not even a stopped Docker engine. */
export async function status(options: Pick<LabOptions, 'name'> = {}): Promise<LabStatus> {
  const name = checkLabName(options.name ?? defaultLabName);
  const state = new StateDir(name);
  const record = await state.readRecord();
  const pki = await state.readPki();
  const topology = topologyOf(name, record?.slot ?? 0);
  const base = { name, versions: record?.versions ?? {} };
  const engine = await tryRun(['docker', 'version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000 });
  if (engine.exitCode !== 0) {
    const state_: LabState = record ? 'stopped' : 'absent';
    return {
      ...base,
      state: state_,
      nodes: [],
      problems: [`the Docker engine does not answer: ${engine.stderr.trim()}`],
    };
  }
  const containers = (await labContainers()).filter((container) => container.lab === name);
  const nodes = topology.nodes.map((node): LabStatus['nodes'][number] => {
    const container = containers.find((one) => one.name === node.container);
    const complete = container !== undefined && record?.nodes[node.name]?.containerId === container.id;
    const seen = !container
      ? 'absent'
      : !complete
        ? 'incomplete'
        : container.responsive
          ? 'running'
          : container.running
            ? 'paused'
            : 'stopped';
    return { name: node.name, container: node.container, state: seen };
  });
  if (containers.length === 0) return { ...base, state: 'absent', nodes, problems: [] };
  const problems = nodes.filter((node) => node.state !== 'running').map((node) => `node ${node.name} is ${node.state}`);
  for (const route of lackingRoutes(topology, await hostRoutes())) {
    problems.push(`this host has no route to ${route.destination} via ${route.via}`);
  }
  const identity = {
    kubeconfig: state.kubeconfigPath,
    ...(record?.kubeSystemUid === undefined ? {} : { kubeSystemUid: record.kubeSystemUid }),
  };
  if (problems.length > 0 || !pki) {
    const allStopped = nodes.every((node) => node.state !== 'running');
    return { ...base, ...identity, state: allStopped ? 'stopped' : 'not-ready', nodes, problems };
  }
  const api = new KubeApi(topology, pki);
  try {
    problems.push(...(await lookOnce([nodesReady(api, topology), ...workloadChecks(api, topology)])));
  } finally {
    api.close();
  }
  return { ...base, ...identity, state: problems.length === 0 ? 'ready' : 'not-ready', nodes, problems };
}
