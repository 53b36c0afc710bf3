import {
  docker,
  dockerNetworks,
  execInContainer,
  labContainers,
  labVolumes,
  removeContainers,
  removeVolumes,
} from './docker.ts';
import { LabError } from './errors.ts';
import { ensureHost } from './host/index.ts';
import { removeRoutes } from './host-network.ts';
import type { LabOptions } from './lab.ts';
import { withLabLock } from './lab-lock.ts';
import { checkLabName, defaultLabName } from './lab-name.ts';
import { detachLoopDevices, labLoopDevices } from './loop-devices.ts';
import { found, missing, poll } from './poll.ts';
import { silentProgress } from './progress.ts';
import { knownSlot } from './slot.ts';
import { StateDir } from './state-dir.ts';
import { topologyOf } from './topology.ts';

/**
 * Removes the lab and everything it left on the host: containers, their volumes, the network with its firewall rules,
 * routes, loop devices, state. Images and the build cache stay (see `prune`). Without a lab it does nothing.
 */
export async function down(options: LabOptions = {}): Promise<void> {
  const name = checkLabName(options.name ?? defaultLabName);
  const progress = options.progress ?? silentProgress;
  const state = new StateDir(name);
  await ensureHost({ progress, need: ['docker'] });
  await withLabLock(
    `chaos-lab down ${name}`,
    async () => {
      const containers = (await labContainers()).filter((container) => container.lab === name);
      if (containers.length > 0) {
        await progress.step('remove nodes', async () => {
          await Promise.all(
            containers.map(async ({ name: container, responsive }) => {
              if (!responsive) return;
              // A volume that cannot be unmounted goes with its container; it is only cleaner this way.
              await execInContainer(container, ['/usr/local/lib/lab/volume', 'unmount-all'], {
                timeoutMs: 10_000,
              }).catch(() => undefined);
            }),
          );
          await removeContainers(containers.map((container) => container.id));
        });
      }
      await removeVolumes(await labVolumes(name));
      const loops = await labLoopDevices(name);
      if (loops.length > 0) await progress.step('detach loop devices', () => waitForLoops(name));
      const networks = await dockerNetworks();
      const slot = knownSlot({ lab: name, record: await state.readRecord(), networks });
      if (slot !== undefined) await removeRoutes(topologyOf(name, slot), containers[0]?.image);
      for (const network of networks.filter(({ lab }) => lab === name)) {
        await progress.step('remove network', () => docker(['network', 'rm', network.name]));
      }
      await state.remove();
    },
    { signal: options.signal, onWait: (holder) => progress.note(`waiting for ${holder}, which is changing the lab`) },
  );
}

// A device frees itself at its last close, which may come a moment after its container is gone.
async function waitForLoops(name: string): Promise<void> {
  try {
    await poll(
      'loop devices of the lab are free',
      async () => {
        const left = await labLoopDevices(name);
        await detachLoopDevices(left);
        return left.length === 0
          ? found(true)
          : missing(left.map(({ device, backingFile }) => `${device} ${backingFile}`).join(', '));
      },
      { timeoutMs: 15_000, intervalMs: 300 },
    );
  } catch (cause) {
    throw new LabError(
      'STATE',
      `loop devices of the lab are still in use: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}
