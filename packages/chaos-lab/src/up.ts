import { appliedAddons, applyAddons, stampAddons } from './apply.ts';
import { labAddons, type Addon } from './addons.ts';
import { buildComponents, type BuiltLab } from './build/index.ts';
import { docker, dockerNetworks, labContainers, removeContainers, type LabContainer } from './docker.ts';
import { LabError } from './errors.ts';
import { ensureHost } from './host/index.ts';
import { checkNetworks, ensureNetwork, ensureRoutes, hostRoutes } from './host-network.ts';
import { KubeApi } from './kube-api.ts';
import { kubeconfigFor } from './kubeconfig.ts';
import type { Lab, LabOptions } from './lab.ts';
import { withLabLock } from './lab-lock.ts';
import { checkLabName, defaultLabName } from './lab-name.ts';
import { containerSpec } from './node-container-spec.ts';
import { nodeFiles, nodeKey, type NodeFile } from './node-files.ts';
import { dropOldImages, importImages } from './node-images.ts';
import { createPki, type LabPki } from './pki.ts';
import { planNodes, type NodePlan } from './plan.ts';
import { found, poll } from './poll.ts';
import { silentProgress, type Progress } from './progress.ts';
import { lookOnce, nodesReady, waitForChecks, workloadChecks } from './readiness.ts';
import { newRecord, StateDir, type LabRecord } from './state-dir.ts';
import { topologyOf, type Topology, type TopologyNode } from './topology.ts';
import { versionsOf } from './versions.ts';

const apiTimeoutMs = 120_000;
const nodesTimeoutMs = 180_000;
const workloadTimeoutMs = 300_000;

/**
 * Brings the lab up, whatever state it is in, and returns when it is ready to be used: nodes Ready, names resolve,
 * the CNPG operator's webhook answers, Chaos Mesh runs, there is a default storage class, and this host reaches pods
 * and services. On a lab that is up it looks and changes nothing.
 * Throws `HostError` when the host cannot run it, {@link LabError} or `LabStepError` otherwise.
 */
export async function up(options: LabOptions = {}): Promise<Lab> {
  const name = checkLabName(options.name ?? defaultLabName);
  const progress = options.progress ?? silentProgress;
  await ensureHost({ progress, need: ['docker'] });
  const topology = topologyOf(name);
  checkNetworks(topology, await hostRoutes(), await dockerNetworks());
  return withLabLock(
    `chaos-lab up ${name}`,
    async () => {
      const built = await buildComponents({ progress, ...(options.signal ? { signal: options.signal } : {}) });
      return new LabUp(topology, built, progress, options.signal).run();
    },
    {
      signal: options.signal,
      onWait: (holder) => progress.note(`waiting for ${holder}, which is changing the lab`),
    },
  );
}

class LabUp {
  readonly #topology: Topology;
  readonly #built: BuiltLab;
  readonly #progress: Progress;
  readonly #signal: AbortSignal | undefined;
  readonly #state: StateDir;
  #record: LabRecord;

  constructor(topology: Topology, built: BuiltLab, progress: Progress, signal: AbortSignal | undefined) {
    this.#topology = topology;
    this.#built = built;
    this.#progress = progress;
    this.#signal = signal;
    this.#state = new StateDir(topology.lab);
    this.#record = newRecord(topology.lab);
  }

  async run(): Promise<Lab> {
    const topology = this.#topology;
    const pki = (await this.#state.readPki()) ?? (await this.#newPki());
    this.#record = (await this.#state.readRecord()) ?? newRecord(topology.lab);
    const { files, keys } = await this.#nodeContents(pki);
    const addons = await labAddons({ topology, pki, built: this.#built });
    const containers = await this.#ownContainers();
    const plan = planNodes({ topology, containers, record: this.#record, keys });
    const api = new KubeApi(topology, pki);
    try {
      if (plan.keep.length === topology.nodes.length && (await this.#isReady(api, addons))) {
        return await this.#finish(pki);
      }
      await this.#runNodes(plan, files, keys);
      await this.#controlPlaneAnswers(api);
      await this.#identify(api);
      await this.#workersReady(api, addons);
      await this.#install(api, addons);
      return await this.#finish(pki);
    } finally {
      api.close();
    }
  }

  async #newPki(): Promise<LabPki> {
    const pki = await createPki(this.#topology);
    await this.#state.writePki(pki);
    return pki;
  }

  async #nodeContents(pki: LabPki): Promise<{ files: Map<string, NodeFile[]>; keys: Record<string, string> }> {
    const files = new Map<string, NodeFile[]>();
    const keys: Record<string, string> = {};
    for (const node of this.#topology.nodes) {
      const own = await nodeFiles({ topology: this.#topology, node, pki, pauseImage: this.#built.images.pause.ref });
      files.set(node.name, own);
      keys[node.name] = nodeKey({ nodeImage: this.#built.images.node.ref, files: own, containerSpec });
    }
    return { files, keys };
  }

  async #ownContainers(): Promise<LabContainer[]> {
    return (await labContainers()).filter((container) => container.lab === this.#topology.lab);
  }

  async #isReady(api: KubeApi, addons: readonly Addon[]): Promise<boolean> {
    try {
      await ensureRoutes(this.#topology, this.#built.images.node.ref);
      const have = await appliedAddons(api);
      if (addons.some((addon) => have[addon.name] !== addon.hash)) return false;
      const uid = await kubeSystemUid(api);
      if (uid !== this.#record.kubeSystemUid) return false;
      const lacking = await lookOnce([nodesReady(api, this.#topology), ...workloadChecks(api, this.#topology)]);
      for (const one of lacking) this.#progress.note(`not ready yet: ${one}`);
      return lacking.length === 0;
    } catch {
      return false;
    }
  }

  async #runNodes(plan: NodePlan, files: Map<string, NodeFile[]>, keys: Record<string, string>): Promise<void> {
    const topology = this.#topology;
    for (const { container, reason } of plan.remove) this.#progress.note(`making ${container} anew: ${reason}`);
    const nodeNamed = (name: string): TopologyNode => {
      const node = topology.nodes.find((one) => one.name === name);
      if (!node) throw new LabError('STATE', `the lab has no node '${name}'`);
      return node;
    };
    if (plan.remove.length > 0) {
      await this.#progress.step('remove old nodes', () =>
        removeContainers(plan.remove.map(({ container }) => container)),
      );
    }
    const gone = [...plan.create];
    for (const name of gone) delete this.#record.nodes[name];
    if (plan.fresh) delete this.#record.kubeSystemUid;
    await this.#state.writeRecord(this.#record);
    if (plan.create.length > 0) {
      const { image } = await this.#progress.step('node image', async () => {
        await this.#built.images.node.loaded();
        return { image: this.#built.images.node.ref };
      });
      await ensureNetwork(topology);
      await this.#progress.step(`start ${plan.create.length} nodes`, async () => {
        const { LabNodeContainer } = await import('./node-container.ts');
        await Promise.all(
          plan.create.map(async (name) => {
            const node = nodeNamed(name);
            const key = keys[name] ?? '';
            const started = await new LabNodeContainer({
              image,
              topology,
              node,
              key,
              files: files.get(name) ?? [],
            }).start();
            this.#record.nodes[name] = { containerId: started.getId(), key };
          }),
        );
        await this.#state.writeRecord(this.#record);
      });
    }
    if (plan.start.length + plan.unpause.length > 0) {
      await this.#progress.step(`restart ${[...plan.start, ...plan.unpause].join(', ')}`, async () => {
        await ensureNetwork(topology);
        const named = (names: string[]): string[] => names.map((name) => nodeNamed(name).container);
        if (plan.start.length > 0) await docker(['start', ...named(plan.start)]);
        if (plan.unpause.length > 0) await docker(['unpause', ...named(plan.unpause)]);
      });
    }
  }

  async #controlPlaneAnswers(api: KubeApi): Promise<void> {
    await this.#progress.step('control plane', async () => {
      await ensureRoutes(this.#topology, this.#built.images.node.ref);
      const options = { timeoutMs: apiTimeoutMs, intervalMs: 200, signal: this.#signal };
      await poll('API server ready', async () => found(await api.call('GET', '/readyz', { timeoutMs: 3000 })), options);
      // Nodes are named before their kubelets are: pod networks are fixed here, and a label is no race.
      for (const node of this.#topology.workers) {
        await poll(
          `node ${node.name} is known`,
          async () =>
            found(
              await api.apply({
                apiVersion: 'v1',
                kind: 'Node',
                metadata: {
                  name: node.name,
                  labels: {
                    'kubernetes.io/hostname': node.name,
                    'topology.kubernetes.io/zone': node.zone ?? '',
                    'topology.kubernetes.io/region': 'lab',
                  },
                },
                spec: { podCIDR: node.podCidr, podCIDRs: [node.podCidr] },
              }),
            ),
          options,
        );
      }
    });
  }

  async #identify(api: KubeApi): Promise<void> {
    this.#record.kubeSystemUid = await poll('namespace kube-system', async () => found(await kubeSystemUid(api)), {
      timeoutMs: apiTimeoutMs,
      signal: this.#signal,
    });
    await this.#state.writeRecord(this.#record);
  }

  // Definitions and roles are applied while images are copied: both take seconds and need different things.
  async #workersReady(api: KubeApi, addons: readonly Addon[]): Promise<void> {
    void addons;
    await Promise.all([
      this.#progress.step(nodesReady(api, this.#topology).what, () =>
        waitForChecks([nodesReady(api, this.#topology)], { timeoutMs: nodesTimeoutMs, signal: this.#signal }),
      ),
      this.#progress.step('images on the nodes', async (step) => {
        let imported = 0;
        await Promise.all(
          this.#topology.workers.map(async (node) => {
            await poll(`containerd on ${node.name}`, async () => found(await importProbe(node)), {
              timeoutMs: 60_000,
              signal: this.#signal,
            });
            const names = await importImages(node, this.#built.images, {
              signal: this.#signal,
              onImported: (name) => step.detail(`${node.name}: ${name}`),
            });
            imported += names.length;
          }),
        );
        if (imported === 0) step.cached();
        else step.detail(`${imported} copied`);
      }),
    ]);
  }

  async #install(api: KubeApi, addons: readonly Addon[]): Promise<void> {
    await this.#progress.step('operator, Chaos Mesh, DNS, storage', async (step) => {
      const have = await appliedAddons(api);
      const changed = await applyAddons(api, addons, have, this.#signal);
      if (changed.length > 0) {
        await stampAddons(api, Object.fromEntries(addons.map(({ name, hash }) => [name, hash])));
        step.detail(changed.join(', '));
      } else step.cached();
    });
    await this.#progress.step('everything answers', (step) =>
      waitForChecks(workloadChecks(api, this.#topology), {
        timeoutMs: workloadTimeoutMs,
        signal: this.#signal,
        onMissing: (what) => step.detail(what.join(', ')),
      }),
    );
    await Promise.all(this.#topology.workers.map((node) => dropOldImages(node, this.#built.images)));
  }

  async #finish(pki: LabPki): Promise<Lab> {
    const topology = this.#topology;
    const kubeconfig = kubeconfigFor(topology, pki, 'admin');
    if ((await this.#state.readKubeconfig()) !== kubeconfig) await this.#state.writeKubeconfig(kubeconfig);
    this.#record.versions = versionsOf(this.#built);
    this.#record.componentsKey = this.#built.key;
    await this.#state.writeRecord(this.#record);
    return {
      name: topology.lab,
      kubeconfig: this.#state.kubeconfigPath,
      kubeSystemUid: this.#record.kubeSystemUid ?? '',
      nodes: topology.nodes.map(({ name, role, container, address, zone }) => ({
        name,
        role,
        container,
        address,
        ...(zone === undefined ? {} : { zone }),
      })),
      versions: this.#record.versions,
    };
  }
}

async function importProbe(node: TopologyNode): Promise<true> {
  await docker(['exec', node.container, 'test', '-S', '/run/containerd/containerd.sock']);
  return true;
}

async function kubeSystemUid(api: KubeApi): Promise<string> {
  const namespace = await api.find('v1', 'Namespace', 'kube-system');
  if (!namespace?.metadata.uid) throw new LabError('API', 'namespace kube-system does not exist yet');
  return namespace.metadata.uid;
}
