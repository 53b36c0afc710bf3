import { labAddons, type Addon } from './addons.ts';
import { appliedAddons, applyAddons, isWorkload, stampAddons } from './apply.ts';
import type { BuiltLab } from './build/index.ts';
import { createVolume, docker, labContainers, labVolumes, removeContainers, removeVolumes } from './docker.ts';
import { LabError } from './errors.ts';
import { forgetNode } from './forget-node.ts';
import { ensureNetwork, ensureRoutes } from './host-network.ts';
import { KubeApi } from './kube-api.ts';
import { kubeconfigFor } from './kubeconfig.ts';
import type { Lab } from './lab.ts';
import { containerSpec, volumeName } from './node-container-spec.ts';
import { nodeFiles, nodeKey, type NodeFile } from './node-files.ts';
import { dropOldImages, importImages } from './node-images.ts';
import { NodeStore } from './node-store.ts';
import { createPki, type LabPki } from './pki.ts';
import { planNodes, type NodePlan } from './plan.ts';
import { found, poll } from './poll.ts';
import type { Progress } from './progress.ts';
import { lookOnce, nodesReady, waitForChecks, workloadChecks } from './readiness.ts';
import { tryRun } from './run.ts';
import { newRecord, StateDir, type LabRecord } from './state-dir.ts';
import type { Topology, TopologyNode } from './topology.ts';
import { versionsOf } from './versions.ts';

const apiTimeoutMs = 120_000;
const nodesTimeoutMs = 180_000;
const workloadTimeoutMs = 300_000;

/** One run of `up` with everything decided and built. */
export class LabUp {
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
    this.#record = newRecord(topology.lab, topology.slot);
  }

  /** Looks, plans, does what is lacking and waits until the lab is ready. */
  async run(): Promise<Lab> {
    const topology = this.#topology;
    const pki = (await this.#state.readPki()) ?? (await this.#newPki());
    this.#record = { ...((await this.#state.readRecord()) ?? newRecord(topology.lab)), slot: topology.slot };
    const contents = await this.#nodeContents(pki);
    const addons = await labAddons({ topology, pki, built: this.#built });
    const containers = (await labContainers()).filter((container) => container.lab === topology.lab);
    const keys = Object.fromEntries([...contents].map(([name, { key }]) => [name, key]));
    const plan = planNodes({ topology, containers, record: this.#record, keys });
    const api = new KubeApi(topology, pki);
    try {
      if (plan.keep.length === topology.nodes.length && (await this.#isReady(api, addons))) {
        return await this.#finish(pki);
      }
      await this.#removeNodes(plan);
      await this.#startNodes(plan);
      if (!plan.fresh) await this.#forgetLostNodes(plan, api);
      await this.#createNodes(plan, contents);
      await this.#controlPlaneAnswers(api, addons);
      await this.#fillNodes(api, addons);
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

  async #nodeContents(pki: LabPki): Promise<Map<string, NodeContents>> {
    const contents = new Map<string, NodeContents>();
    const { node: nodeImage, pause } = this.#built.images;
    for (const node of this.#topology.nodes) {
      const files = await nodeFiles({ topology: this.#topology, node, pki, pauseImage: pause.ref });
      contents.set(node.name, { files, key: nodeKey({ nodeImage: nodeImage.ref, files, containerSpec }) });
    }
    return contents;
  }

  async #isReady(api: KubeApi, addons: readonly Addon[]): Promise<boolean> {
    try {
      await ensureRoutes(this.#topology, this.#built.images.node.ref);
      const [have, uid] = await Promise.all([appliedAddons(api), kubeSystemUid(api)]);
      if (addons.some((addon) => have[addon.name] !== addon.hash) || uid !== this.#record.kubeSystemUid) return false;
      const lacking = await lookOnce([nodesReady(api, this.#topology), ...workloadChecks(api, this.#topology)]);
      for (const one of lacking) this.#progress.note(`not ready: ${one}`);
      return lacking.length === 0;
    } catch (error) {
      this.#progress.note(`not ready: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  async #removeNodes(plan: NodePlan): Promise<void> {
    for (const { container, reason } of plan.remove) this.#progress.note(`${container} is made anew: ${reason}`);
    if (plan.remove.length > 0) {
      const containers = plan.remove.map(({ container }) => container);
      await this.#progress.step('remove old nodes', () => removeContainers(containers));
    }
    // What is made from here on counts only when the record says so.
    for (const name of plan.create) {
      delete this.#record.nodes[name];
      await removeVolumes(await labVolumes(this.#topology.lab, this.#node(name).container));
    }
    if (plan.fresh) delete this.#record.kubeSystemUid;
    await this.#state.writeRecord(this.#record);
    if (await ensureNetwork(this.#topology)) await this.#joinNetwork(plan);
  }

  // A network that was removed under stopped containers is another one when it is made again.
  async #joinNetwork(plan: NodePlan): Promise<void> {
    const { network } = this.#topology;
    for (const { container, address } of [...plan.start, ...plan.keep].map((name) => this.#node(name))) {
      await tryRun(['docker', 'network', 'disconnect', '--force', network, container]);
      await docker(['network', 'connect', `--ip=${address}`, network, container]);
    }
  }

  async #startNodes(plan: NodePlan): Promise<void> {
    const names = [...plan.start, ...plan.unpause];
    if (names.length === 0) return;
    const containers = (of: readonly string[]): string[] => of.map((name) => this.#node(name).container);
    await this.#progress.step(`restart ${names.join(', ')}`, async () => {
      if (plan.start.length > 0) await docker(['start', ...containers(plan.start)]);
      if (plan.unpause.length > 0) await docker(['unpause', ...containers(plan.unpause)]);
    });
  }

  async #forgetLostNodes(plan: NodePlan, api: KubeApi): Promise<void> {
    if (plan.create.length === 0) return;
    await this.#progress.step(`forget what ${plan.create.join(', ')} held`, async (step) => {
      await this.#reachApi(api);
      const claims: string[] = [];
      for (const name of plan.create) claims.push(...(await forgetNode(api, name)));
      if (claims.length > 0) step.detail(`lost volumes of ${claims.join(', ')}`);
    });
  }

  async #createNodes(plan: NodePlan, contents: Map<string, NodeContents>): Promise<void> {
    if (plan.create.length === 0) return;
    const { node: image } = this.#built.images;
    await this.#progress.step('node image in the Docker engine', () => image.loaded());
    await this.#linkImages(plan.create.map((name) => this.#node(name)).filter(({ role }) => role === 'worker'));
    await this.#progress.step(`start ${plan.create.join(', ')}`, async () => {
      const { LabNodeContainer } = await import('./node-container.ts'); // testcontainers takes half a second to load
      await Promise.all(
        plan.create.map(async (name) => {
          const { files = [], key = '' } = contents.get(name) ?? {};
          const options = { image: image.ref, topology: this.#topology, node: this.#node(name), key, files };
          const started = await new LabNodeContainer(options).start();
          this.#record.nodes[name] = { containerId: started.getId(), key };
        }),
      );
      await this.#state.writeRecord(this.#record);
    });
  }

  async #linkImages(workers: readonly TopologyNode[]): Promise<void> {
    if (workers.length === 0 || !(await NodeStore.isPossible())) return;
    const { images } = this.#built;
    const store = new NodeStore({ topology: this.#topology, images, signal: this.#signal });
    await this.#progress.step('images unpacked', async (step) => {
      if (await store.ensure((what) => step.detail(what))) step.cached();
    });
    await this.#progress.step('images linked into nodes', async () => {
      for (const { container } of workers) {
        await store.link(await createVolume(this.#topology.lab, volumeName(container, 'containerd')));
      }
    });
  }

  async #reachApi(api: KubeApi): Promise<void> {
    await ensureRoutes(this.#topology, this.#built.images.node.ref);
    await poll('API server ready', async () => found(await api.call('GET', '/readyz', { timeoutMs: 3000 })), {
      timeoutMs: apiTimeoutMs,
      signal: this.#signal,
    });
  }

  async #controlPlaneAnswers(api: KubeApi, addons: readonly Addon[]): Promise<void> {
    await this.#progress.step('control plane', async () => {
      // Parsing takes a second, and the API server more than that.
      if (this.#record.kubeSystemUid === undefined) for (const addon of addons) addon.objects();
      await this.#reachApi(api);
      const options = { timeoutMs: apiTimeoutMs, signal: this.#signal };
      // The pod networks are fixed here, so the nodes' objects are made here; a kubelet takes over what it finds.
      await Promise.all(
        this.#topology.workers.map((node) =>
          poll(`node ${node.name} is known`, async () => found(await api.apply(nodeObject(node))), options),
        ),
      );
      this.#record.kubeSystemUid = await poll(
        'namespace kube-system',
        async () => found(await kubeSystemUid(api)),
        options,
      );
      await this.#state.writeRecord(this.#record);
    });
  }

  // Three things that take seconds and need little of each other: kubelets, copying images, and the definitions and
  // roles of the addons. Workloads come after the images, since a pod without its image goes into a back-off.
  async #fillNodes(api: KubeApi, addons: readonly Addon[]): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([failed.signal, ...(this.#signal ? [this.#signal] : [])]);
    const ready = nodesReady(api, this.#topology);
    const steps = [
      this.#progress.step(ready.what, () => waitForChecks([ready], { timeoutMs: nodesTimeoutMs, signal })),
      this.#progress.step('images on the nodes', async (step) => {
        const counts = await Promise.all(
          this.#topology.workers.map(async (node) => {
            const socket = ['exec', node.container, 'test', '-S', '/run/containerd/containerd.sock'];
            await poll(`containerd on ${node.name}`, async () => found(await docker(socket)), {
              timeoutMs: 60_000,
              signal,
            });
            const onImported = (name: string): void => step.detail(`${node.name}: ${name}`);
            return (await importImages(node.container, this.#built.images, { signal, onImported })).length;
          }),
        );
        const imported = counts.reduce((sum, count) => sum + count, 0);
        if (imported === 0) step.cached();
        step.detail(imported === 0 ? 'all there' : `${imported} copied`);
      }),
      this.#progress.step('definitions and roles', async (step) => {
        const changed = await applyAddons(
          api,
          addons,
          await appliedAddons(api),
          (object) => !isWorkload(object),
          signal,
        );
        if (changed.length === 0) step.cached();
        step.detail(changed.join(', '));
      }),
    ];
    try {
      await Promise.all(steps);
    } catch (error) {
      failed.abort(error);
      await Promise.allSettled(steps);
      throw error;
    }
  }

  async #install(api: KubeApi, addons: readonly Addon[]): Promise<void> {
    const have = await appliedAddons(api);
    if (addons.some((addon) => have[addon.name] !== addon.hash)) {
      await this.#progress.step('workloads', async (step) => {
        step.detail((await applyAddons(api, addons, have, isWorkload, this.#signal)).join(', '));
        await stampAddons(api, Object.fromEntries(addons.map(({ name, hash }) => [name, hash])));
      });
    }
    await this.#progress.step('everything answers', (step) =>
      waitForChecks(workloadChecks(api, this.#topology), {
        timeoutMs: workloadTimeoutMs,
        signal: this.#signal,
        onMissing: (what) => step.detail(what.join(', ')),
      }),
    );
    const kinds = [
      ['v1', 'Pod'],
      ['postgresql.cnpg.io/v1', 'Cluster'],
    ] as const;
    const used = async (): Promise<string> =>
      JSON.stringify(await Promise.all(kinds.map(([apiVersion, kind]) => api.list(apiVersion, kind))));
    await Promise.all(this.#topology.workers.map((node) => dropOldImages(node.container, this.#built.images, used)));
  }

  async #finish(pki: LabPki): Promise<Lab> {
    const { lab, nodes } = this.#topology;
    const kubeconfig = kubeconfigFor(this.#topology, pki, 'admin');
    if ((await this.#state.readKubeconfig()) !== kubeconfig) await this.#state.writeKubeconfig(kubeconfig);
    this.#record.versions = versionsOf(this.#built);
    this.#record.componentsKey = this.#built.key;
    await this.#state.writeRecord(this.#record);
    return {
      name: lab,
      kubeconfig: this.#state.kubeconfigPath,
      kubeSystemUid: this.#record.kubeSystemUid ?? '',
      nodes: nodes.map(({ name, role, container, address, zone }) => ({
        name,
        role,
        container,
        address,
        ...(zone === undefined ? {} : { zone }),
      })),
      versions: this.#record.versions,
    };
  }

  #node(name: string): TopologyNode {
    const node = this.#topology.nodes.find((one) => one.name === name);
    if (!node) throw new LabError('STATE', `the lab has no node '${name}'`);
    return node;
  }
}

interface NodeContents {
  files: NodeFile[];
  key: string;
}

const nodeObject = ({ name, zone, podCidr }: TopologyNode) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    labels: {
      'kubernetes.io/hostname': name,
      'topology.kubernetes.io/zone': zone ?? '',
      'topology.kubernetes.io/region': 'lab',
    },
  },
  spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
});

async function kubeSystemUid(api: KubeApi): Promise<string> {
  const namespace = await api.find('v1', 'Namespace', 'kube-system');
  if (!namespace?.metadata.uid) throw new LabError('API', 'namespace kube-system does not exist yet');
  return namespace.metadata.uid;
}
