import type { LabControl } from '../engines/lab-control.ts';
import { type ClusterProvider, type ConnectedCluster, ProviderError } from './provider.ts';

type LabPackage = typeof import('@cnpg-chaos/chaos-lab');

/**
 * The local lab, started or found. Loaded only when it is asked for: its package is optional. It shows its steps on the
 * terminal by itself unless `onProgress` takes them.
 *
 * @param name of the lab. Default: the one that `chaos-lab` uses by itself
 */
export function labProvider(name?: string): ClusterProvider {
  return {
    name: 'lab',
    async connect(options = {}) {
      const { signal, onProgress } = options;
      const lab = await loadLab();
      const up = await lab.up({
        ...(name === undefined ? {} : { name }),
        ...(signal === undefined ? {} : { signal }),
        progress: onProgress === undefined ? new lab.TerminalProgress() : progressLines(lab, onProgress),
      });
      return {
        provider: 'lab',
        kubeconfig: up.kubeconfig,
        isLab: true,
        labName: up.name,
        labKubeSystemUid: up.kubeSystemUid,
        versions: up.versions,
      };
    },
  };
}

/** The lab as it is now; undefined when it is not up. Starts nothing. */
export async function findLab(wanted?: string): Promise<ConnectedCluster | undefined> {
  const lab = await loadLab();
  const found = await lab.status(wanted === undefined ? {} : { name: wanted });
  const { name, state, kubeconfig, kubeSystemUid, versions } = found;
  if (state === 'absent' || state === 'stopped' || kubeconfig === undefined) return undefined;
  const uid = kubeSystemUid === undefined ? {} : { labKubeSystemUid: kubeSystemUid };
  return { provider: 'lab', kubeconfig, isLab: true, labName: name, versions, ...uid };
}

/**
 * Power over the machines of a lab that is up.
 *
 * @param name as the lab was brought up, for instance `cnpg-chaos`
 */
export function labControl(name: string): LabControl {
  return {
    name,
    controlPlane: 'control-plane',
    async exec(machine, argv, signal) {
      const lab = await loadLab();
      return lab.execInNode(machine, argv, { name, signal });
    },
    async machines() {
      const lab = await loadLab();
      return lab.nodeNames();
    },
    async power(machine, signal) {
      const lab = await loadLab();
      return lab.nodePower(machine, { name, signal });
    },
    async powerOwner(machine) {
      const lab = await loadLab();
      return lab.powerOwner(machine, { name });
    },
    async setPower(machine, power, options = {}) {
      const lab = await loadLab();
      await lab.setNodePower(machine, power, { name, ...options });
    },
  };
}

function progressLines(lab: LabPackage, say: (line: string) => void) {
  const write = (text: string) => {
    for (const line of text.split('\n')) if (line.trim() !== '') say(line.trimEnd());
  };
  return new lab.TerminalProgress({ out: { write }, live: false });
}

async function loadLab(): Promise<LabPackage> {
  try {
    return await import('@cnpg-chaos/chaos-lab');
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new ProviderError(
      `no cluster is listed in chaos.config.ts and the local lab cannot be loaded (${text}): list a cluster, or npm install @cnpg-chaos/chaos-lab`,
      { cause },
    );
  }
}
