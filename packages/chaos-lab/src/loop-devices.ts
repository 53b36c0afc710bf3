import { LabError } from './errors.ts';
import { tryRun } from './run.ts';
import { volumeRootOf } from './topology.ts';

/** A loop device of the host and the file behind it. */
export interface LoopDevice {
  device: string;
  backingFile: string;
}

/** Parses `losetup --list --noheadings --output NAME,BACK-FILE`. */
export function parseLoopDevices(text: string): LoopDevice[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\/dev\/loop\d+)\s+(.*\S)\s*$/.exec(line);
    return match ? [{ device: match[1] ?? '', backingFile: match[2] ?? '' }] : [];
  });
}

/** Loop devices of this host that stand on a volume of this lab. None when the host has no `losetup`. */
export async function labLoopDevices(lab: string): Promise<LoopDevice[]> {
  const root = `${volumeRootOf(lab)}/`;
  try {
    const { exitCode, stdout } = await tryRun(['losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE']);
    return exitCode === 0 ? parseLoopDevices(stdout).filter(({ backingFile }) => backingFile.startsWith(root)) : [];
  } catch (error) {
    if (error instanceof LabError) return [];
    throw error;
  }
}

/** Detaches them. A device that is still in use is detached by the kernel at its last close. */
export async function detachLoopDevices(devices: readonly LoopDevice[]): Promise<void> {
  if (devices.length > 0) await tryRun(['losetup', '--detach', ...devices.map(({ device }) => device)]);
}
