import type { UndoEntry } from '../engines/engine.ts';

/** The list of what to undo. An entry is in it before the act that makes it necessary. */
export interface Journal {
  /** Resolves when the entry would survive whatever the journal promises to survive. */
  append(entry: UndoEntry): Promise<void>;
  /** Called when the undo is known to have been carried out. */
  close(entryId: string): Promise<void>;
  /** Entries that are not closed, in the order in which they were appended. */
  open(): readonly UndoEntry[];
}

/** A journal that lives as long as its process. */
export class MemoryJournal implements Journal {
  readonly #entries = new Map<string, UndoEntry>();

  append(entry: UndoEntry): Promise<void> {
    this.#entries.set(entry.id, entry);
    return Promise.resolve();
  }

  close(entryId: string): Promise<void> {
    this.#entries.delete(entryId);
    return Promise.resolve();
  }

  open(): readonly UndoEntry[] {
    return [...this.#entries.values()];
  }
}
