import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { UndoEntry } from '../../engines/engine.ts';
import type { Journal } from '../../experiment/journal.ts';
import { overPath } from '../run-folder.ts';
import { JournalError } from './journal-error.ts';
import { encodeRecord, type JournalHeader, type JournalRecord } from './journal-record.ts';

/**
 * A journal on disk: it survives its process and, once `append` has resolved, a power cut. One file per experiment,
 * which is created by the first append; an experiment that breaks nothing leaves none. See `readJournal` for its reader.
 */
export class FileJournal implements Journal {
  readonly path: string;
  readonly #header: JournalHeader;
  readonly #entries = new Map<string, UndoEntry>();
  #file: Promise<FileHandle> | undefined;
  #last: Promise<void> = Promise.resolve();

  /** @param path inside of the folder of the run, which is created when it is missing */
  constructor(path: string, header: JournalHeader) {
    this.path = path;
    this.#header = header;
  }

  /** @throws JournalError when it cannot be written, or when the run is over and somebody else heals. */
  async append(entry: UndoEntry): Promise<void> {
    try {
      await this.#write({ type: 'undo', entry }, true);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new JournalError(`the journal ${this.path} cannot be written, so nothing is broken: ${text}`, { cause });
    }
    // asked after the write: whoever declares a run over reads its journals after that
    if (existsSync(overPath(dirname(this.path)))) {
      throw new JournalError(
        `run ${this.#header.runId} is over and its faults are being healed: nothing is broken any more`,
      );
    }
    this.#entries.set(entry.id, entry);
  }

  /** Never fails: an entry whose closing is lost is undone once more, which does no harm. */
  async close(entryId: string): Promise<void> {
    this.#entries.delete(entryId);
    await this.#write({ type: 'closed', entryId, by: 'worker', at: new Date().toISOString() }, false).catch(() => {});
  }

  open(): readonly UndoEntry[] {
    return [...this.#entries.values()];
  }

  /**
   * Says that the experiment has ended in order, so that what is still open is known to those who were to be told, and
   * closes the file. Never fails.
   */
  async end(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#write({ type: 'ended', at: new Date().toISOString() }, false).catch(() => {});
    await this.release().catch(() => {});
  }

  /** Closes the file. The journal may still be used; it is opened again then. */
  async release(): Promise<void> {
    await this.#last.catch(() => {});
    const file = await this.#file?.catch(() => undefined);
    this.#file = undefined;
    await file?.close();
  }

  // one after the other: the lines of faults that are injected side by side must not mix
  #write(record: JournalRecord, sync: boolean): Promise<void> {
    const write = async (): Promise<void> => {
      this.#file ??= this.#create();
      try {
        const file = await this.#file;
        await file.appendFile(encodeRecord(record));
        if (sync) await file.datasync();
      } catch (error) {
        this.#file = undefined;
        throw error;
      }
    };
    this.#last = this.#last.then(write, write);
    return this.#last;
  }

  async #create(): Promise<FileHandle> {
    const folder = dirname(this.path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(this.path, 'a', 0o600);
    const { size } = await file.stat();
    // a line of its own: what a former writer left may end in the middle
    await file.appendFile(`${size === 0 ? '' : '\n'}${encodeRecord({ type: 'header', header: this.#header })}`);
    await syncFolder(folder);
    return file;
  }
}

/** Makes the name of a new file survive a power cut, as `fsync` of the file does for its content. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
