import { missingRights } from '../access.ts';
import { EngineError, PartlyBlindError } from '../engine-error.ts';
import type { Engine, EngineContext, UndoEntry } from '../engine.ts';
import { endFaultSessions, endSessionsCommand, endSessionsKind } from './exhaust-connections.ts';
import { leftoverProcesses } from './leftover-processes.ts';
import { leftoverEdits, revertEdit, revertEditCommand, revertEditKind } from './object-edit.ts';
import { resumeReplay, resumeReplayCommand, resumeReplayKind } from './pause-replay.ts';
import { parseRight } from './rights.ts';
import { continuePostmaster, continuePostmasterCommand, continuePostmasterKind } from './signal-postmaster.ts';

interface Undo {
  carryOut(kube: EngineContext['kube'], entry: UndoEntry, signal: AbortSignal): Promise<string>;
  command(entry: UndoEntry): string;
}

const undos: Readonly<Record<string, Undo>> = {
  [revertEditKind]: { carryOut: revertEdit, command: revertEditCommand },
  [endSessionsKind]: { carryOut: endFaultSessions, command: endSessionsCommand },
  [continuePostmasterKind]: { carryOut: continuePostmaster, command: continuePostmasterCommand },
  [resumeReplayKind]: { carryOut: resumeReplay, command: resumeReplayCommand },
};

/** The engine that needs nothing but the Kubernetes API. Its needs are rights; see `parseRight`. */
export const kubernetesEngine: Engine = {
  name: 'kubernetes',
  preflight(context, signal, needs) {
    const rights = ['delete pods', ...needs].map((need) => parseRight(need, context));
    return missingRights(context.kube, rights, signal);
  },
  async undo(entry, { kube }, signal) {
    return undoOf(entry).carryOut(kube, entry, signal);
  },
  manualCommand: (entry) => undoOf(entry).command(entry),
  async leftovers(context, signal) {
    const looks = await Promise.allSettled([leftoverEdits(context, signal), leftoverProcesses(context, signal)]);
    const found = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
    const failed = looks.find((look) => look.status === 'rejected');
    if (failed !== undefined) throw new PartlyBlindError('kubernetes', found, failed.reason);
    return found;
  },
};

function undoOf(entry: UndoEntry): Undo {
  const undo = undos[entry.kind];
  if (undo === undefined) {
    const known = Object.keys(undos).join(', ');
    throw new EngineError(
      'kubernetes',
      `does not know the undo "${entry.kind}" (entry ${entry.id}); it knows ${known}`,
    );
  }
  return undo;
}
