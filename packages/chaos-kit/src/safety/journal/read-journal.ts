import { appendFileSync, readFileSync } from 'node:fs';
import type { UndoEntry } from '../../engines/engine.ts';
import { decodeRecord, encodeRecord, type JournalHeader } from './journal-record.ts';

/** A journal as it is found on disk. */
export interface StoredJournal {
  readonly path: string;
  /** Missing: the file ends before its header was complete, so nothing was broken. */
  readonly header: JournalHeader | undefined;
  /** What is still to be undone, in the order in which it was appended. */
  readonly open: readonly UndoEntry[];
  /** Its experiment ended in order: what is still open could not be undone, and that was told. */
  readonly ended: boolean;
  /** Lines that are torn or damaged. One at the end is what a killed writer leaves; its act never happened. */
  readonly damaged: number;
}

/** Reads a journal. A file that is not there is an empty one. */
export function readJournal(path: string): StoredJournal {
  const entries = new Map<string, UndoEntry>();
  let header: JournalHeader | undefined;
  let damaged = 0;
  let ended = false;
  for (const line of textOf(path).split('\n')) {
    if (line === '') continue;
    const record = decodeRecord(line);
    if (record === undefined) {
      damaged += 1;
      continue;
    }
    switch (record.type) {
      case 'header':
        header = record.header;
        ended = false;
        break;
      case 'undo': {
        const { limitMs, ...entry } = record.entry;
        entries.set(entry.id, limitMs === undefined ? entry : { ...entry, limitMs });
        break;
      }
      case 'ended':
        ended = true;
        break;
      case 'closed':
        entries.delete(record.entryId);
        break;
    }
  }
  return { path, header, open: [...entries.values()], ended, damaged };
}

/** Notes in a journal that an entry was undone. The line begins anew, whatever the last writer left. */
export function closeEntry(path: string, entryId: string, by: string): void {
  appendFileSync(path, `\n${encodeRecord({ type: 'closed', entryId, by, at: new Date().toISOString() })}`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
