import { buildComponents } from './build/index.ts';
import { dockerNetworks } from './docker.ts';
import { ensureHost } from './host/index.ts';
import { hostRoutes } from './host-network.ts';
import type { Lab, LabOptions } from './lab.ts';
import { withLabLock } from './lab-lock.ts';
import { checkLabName, defaultLabName } from './lab-name.ts';
import { LabUp } from './lab-up.ts';
import { silentProgress } from './progress.ts';
import { chooseTopology } from './slot.ts';
import { StateDir } from './state-dir.ts';

/**
 * Brings the lab up, whatever state it is in, and returns when it is ready to be used: nodes Ready, names resolve,
 * the CNPG operator's webhook answers, Chaos Mesh runs, there is a default storage class, and this host reaches pods
 * and services. On a lab that is up it looks and changes nothing.
 * Throws `HostError` when the host cannot run it, {@link LabError} or `LabStepError` otherwise.
 */
export async function up(options: LabOptions = {}): Promise<Lab> {
  const lab = checkLabName(options.name ?? defaultLabName);
  const { progress = silentProgress, signal } = options;
  await ensureHost({ progress, need: ['docker'], signal });
  return withLabLock(
    `chaos-lab up ${lab}`,
    async () => {
      const record = await new StateDir(lab).readRecord();
      const topology = chooseTopology({ lab, record, routes: await hostRoutes(), networks: await dockerNetworks() });
      const built = await buildComponents({ progress, ...(signal ? { signal } : {}) });
      return new LabUp(topology, built, progress, signal).run();
    },
    { signal, onWait: (holder) => progress.note(`waiting for ${holder}, which is changing a lab`) },
  );
}
