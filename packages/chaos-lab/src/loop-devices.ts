import { LabError } from './errors.ts';
import { tryRun } from './run.ts';

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

/** True for a file of a lab volume, seen from inside a node or from the host, removed or not. */
export function isLabVolume(backingFile: string): boolean {
  return /\/volumes\/pvc-[^/]*\.img( \(deleted\))?$/.test(backingFile);
}

/** Loop devices of this host that stand on a lab volume. None when the host has no `losetup`. */
export async function labLoopDevices(): Promise<LoopDevice[]> {
  try {
    const { exitCode, stdout } = await tryRun(['losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE']);
    return exitCode === 0 ? parseLoopDevices(stdout).filter(({ backingFile }) => isLabVolume(backingFile)) : [];
  } catch (error) {
    if (error instanceof LabError) return [];
    throw error;
  }
}

/** Detaches them. A device that is still in use is detached by the kernel at its last close. */
export async function detachLoopDevices(devices: readonly LoopDevice[]): Promise<void> {
  if (devices.length > 0) await tryRun(['losetup', '--detach', ...devices.map(({ device }) => device)]);
}
