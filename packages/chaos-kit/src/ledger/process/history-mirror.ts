import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { HISTORY_FILES, HISTORY_FORMAT } from '../history/format.ts';
import { HistoryWriteError } from '../history/history-error.ts';
import type { HistoryPart } from './messages.ts';

/** Sizes of the files of a history, in bytes. */
export type HistorySizes = Readonly<Record<HistoryPart, number>>;
/** Gets a part of a file; fewer bytes when the file has no more. */
export type FetchPart = (file: HistoryPart, offset: number, length: number) => Promise<Uint8Array>;

const PART_BYTES = 256 * 1024;

/**
 * A copy of a history that a process elsewhere writes. Its files only grow, so each is fetched from where the copy ends, and
 * a connection that was lost costs nothing but time.
 */
export class HistoryMirror implements Disposable {
  readonly #dir: string;
  readonly #fetch: FetchPart;
  readonly #files: Readonly<Record<HistoryPart, number>>;
  readonly #have: Record<HistoryPart, number> = { manifest: 0, strings: 0, records: 0 };
  #updating: Promise<void> = Promise.resolve();
  #closed = false;

  /** @throws HistoryWriteError when the directory cannot be written or holds a history already. */
  constructor(dir: string, fetch: FetchPart) {
    this.#dir = dir;
    this.#fetch = fetch;
    try {
      mkdirSync(dir, { recursive: true });
      const open = (part: HistoryPart): number => openSync(join(dir, HISTORY_FILES[part]), 'wx');
      this.#files = { records: open('records'), strings: open('strings'), manifest: open('manifest') };
    } catch (error) {
      throw new HistoryWriteError(dir, error);
    }
  }

  /** Fetches what the files have grown by, one call after the other. Rejects when it cannot be fetched or written. */
  update(sizes: HistorySizes): Promise<void> {
    this.#updating = this.#updating.catch(() => undefined).then(() => this.#update(sizes));
    return this.#updating;
  }

  /** Fetches the rest of a history that was ended. */
  async complete(sizes: HistorySizes): Promise<void> {
    await this.update(sizes);
    // the state in the header is the one thing that is rewritten
    this.#write('records', 0, await this.#fetch('records', 0, HISTORY_FORMAT.headerBytes));
    for (const fd of Object.values(this.#files)) fsyncSync(fd);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fd of Object.values(this.#files)) closeSync(fd);
  }

  async #update(sizes: HistorySizes): Promise<void> {
    if (sizes.manifest !== this.#have.manifest) {
      this.#have.manifest = 0;
      if (!this.#closed) ftruncateSync(this.#files.manifest);
      await this.#append('manifest', sizes.manifest);
    }
    // lines before the records that refer to them
    await this.#append('strings', sizes.strings);
    await this.#append('records', sizes.records);
  }

  async #append(part: HistoryPart, size: number): Promise<void> {
    while (this.#have[part] < size) {
      const offset = this.#have[part];
      const bytes = await this.#fetch(part, offset, Math.min(PART_BYTES, size - offset));
      if (bytes.length === 0) return;
      this.#write(part, offset, bytes);
      this.#have[part] = offset + bytes.length;
    }
  }

  #write(part: HistoryPart, offset: number, bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.#files[part], bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw new HistoryWriteError(join(this.#dir, HISTORY_FILES[part]), error);
    }
  }
}
