import type { UndoEntry } from '../../engines/engine.ts';

/** `remove-chaos of primary-killed-1a2b3c4d`, for people. */
export function describeUndo({ kind, faultId }: UndoEntry): string {
  return `${kind} of ${faultId}`;
}
