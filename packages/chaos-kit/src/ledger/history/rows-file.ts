import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { HISTORY_FILES } from './format.ts';
import { HistoryError } from './history-error.ts';

/**
 * Layout of `rows.bin`, little-endian: magic, version and size of a row; the rows: writer i32, seq i32, flags u8 (bit 0: the
 * payload is not what was written); a JSON text of facts; a trailer: number of rows f64, CRC-32 of rows and facts u32, bytes
 * of the facts u32, end magic.
 */
const ROWS = {
  magic: 'CNPGROWS',
  version: 1,
  headerBytes: 16,
  rowBytes: 9,
  trailerBytes: 24,
  endMagic: 'CNPGROWE',
} as const;
const CHANGED = 1;
const BLOCK_ROWS = 7280;

const timelineFork = z.object({ timeline: z.number(), lsn: z.number(), reason: z.string() }).readonly();
const readFacts = z.object({
  /** The table that was read: it ties the rows to their run. */
  table: z.string(),
  server: z.string(),
  timeline: z.number(),
  unreachable: z.array(z.string()).readonly(),
  terminated: z.number(),
  /** Where each earlier timeline was left, oldest first. */
  forks: z.union([z.array(timelineFork).readonly(), z.object({ unknown: z.string() }).readonly()]),
});

/** Where a timeline was left for the next one: what it holds beyond `lsn` is not part of what came after. */
export type TimelineFork = z.infer<typeof timelineFork>;

/** The forks of the timeline that was read, or why they are not known. */
export type TimelineForks = ReadFacts['forks'];

/** What is known of a final read besides its rows. */
export type ReadFacts = Readonly<z.infer<typeof readFacts>>;

/**
 * Keeps the rows of a final read as they arrive. The file appears when it is complete, and replaces an earlier one. No call
 * throws: a full disk must not end the read.
 */
export class RowsWriter implements Disposable {
  /** Why the rows could not be kept. */
  problem: string | undefined;
  readonly #path: string;
  readonly #block = Buffer.alloc(BLOCK_ROWS * ROWS.rowBytes);
  #fd: number | undefined;
  #used = 0;
  #rows = 0;
  #crc = 0;

  constructor(dir: string) {
    this.#path = join(dir, HISTORY_FILES.rows);
    const header = Buffer.alloc(ROWS.headerBytes);
    header.write(ROWS.magic, 0, 'latin1');
    header.writeUInt16LE(ROWS.version, 8);
    header.writeUInt16LE(ROWS.rowBytes, 10);
    this.#attempt(() => {
      this.#fd = openSync(`${this.#path}.part`, 'w');
      this.#write(this.#fd, header);
    });
  }

  row(writer: number, seq: number, changed: boolean): void {
    if (this.#used === this.#block.length) this.#flush();
    this.#block.writeInt32LE(writer, this.#used);
    this.#block.writeInt32LE(seq, this.#used + 4);
    this.#block[this.#used + 8] = changed ? CHANGED : 0;
    this.#used += ROWS.rowBytes;
    this.#rows++;
  }

  /** Completes the file. */
  commit(facts: ReadFacts): void {
    this.#flush();
    const text = Buffer.from(JSON.stringify(facts));
    const trailer = Buffer.alloc(ROWS.trailerBytes);
    trailer.writeDoubleLE(this.#rows, 0);
    trailer.writeUInt32LE(crc32(text, this.#crc), 8);
    trailer.writeUInt32LE(text.length, 12);
    trailer.write(ROWS.endMagic, 16, 'latin1');
    this.#attempt((fd) => {
      this.#write(fd, text);
      this.#write(fd, trailer);
      fsyncSync(fd);
      this.#fd = undefined;
      closeSync(fd);
      renameSync(`${this.#path}.part`, this.#path);
    });
  }

  /** Removes what was not completed. */
  [Symbol.dispose](): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(`${this.#path}.part`, { force: true });
  }

  #flush(): void {
    const bytes = this.#block.subarray(0, this.#used);
    this.#used = 0;
    this.#crc = crc32(bytes, this.#crc);
    this.#attempt((fd) => this.#write(fd, bytes));
  }

  #write(fd: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) done += writeSync(fd, bytes, done);
  }

  #attempt(step: (fd: number) => void): void {
    if (this.problem !== undefined) return;
    try {
      step(this.#fd ?? -1);
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }
}

/**
 * Reads the rows of a final read. Returns `undefined` when none was kept.
 * @throws HistoryError when the file is foreign, cut or changed; rows that were handed over until then do not count.
 */
export function readRows(
  dir: string,
  onRow: (writer: number, seq: number, changed: boolean) => void,
): ReadFacts | undefined {
  const path = join(dir, HISTORY_FILES.rows);
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new HistoryError(path, undefined, cause instanceof Error ? cause.message : String(cause), { cause });
  }
  try {
    const { size } = fstatSync(fd);
    const read = (position: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      let got = 0;
      while (got < length) {
        const more = readSync(fd, bytes, got, length - got, position + got);
        if (more === 0)
          throw new HistoryError(path, position + got, `ends here; ${length - got} more bytes belong to it`);
        got += more;
      }
      return bytes;
    };
    const header = read(0, Math.min(size, ROWS.headerBytes));
    const magic = header.toString('latin1', 0, 8);
    if (magic !== ROWS.magic)
      throw new HistoryError(path, 0, `begins with ${JSON.stringify(magic)}; stored rows begin with "${ROWS.magic}"`);
    if (size < ROWS.headerBytes + ROWS.trailerBytes)
      throw new HistoryError(path, size, 'ends before its trailer: it was cut');
    if (header.readUInt16LE(8) !== ROWS.version) {
      throw new HistoryError(
        path,
        8,
        `has version ${header.readUInt16LE(8)}; this program reads version ${ROWS.version}`,
      );
    }
    const trailer = read(size - ROWS.trailerBytes, ROWS.trailerBytes);
    const rows = trailer.readDoubleLE(0);
    const factsBytes = trailer.readUInt32LE(12);
    const right = ROWS.headerBytes + rows * ROWS.rowBytes + factsBytes + ROWS.trailerBytes;
    if (trailer.toString('latin1', 16) !== ROWS.endMagic || right !== size) {
      throw new HistoryError(path, size - ROWS.trailerBytes, 'does not end with its trailer: it was cut or added to');
    }
    let crc = 0;
    for (let row = 0; row < rows; row += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, rows - row);
      const block = read(ROWS.headerBytes + row * ROWS.rowBytes, count * ROWS.rowBytes);
      crc = crc32(block, crc);
      for (let at = 0; at < block.length; at += ROWS.rowBytes) {
        onRow(block.readInt32LE(at), block.readInt32LE(at + 4), ((block[at + 8] ?? 0) & CHANGED) !== 0);
      }
    }
    const text = read(ROWS.headerBytes + rows * ROWS.rowBytes, factsBytes);
    if (crc32(text, crc) !== trailer.readUInt32LE(8)) {
      throw new HistoryError(
        path,
        size - ROWS.trailerBytes + 8,
        'the check sum does not match: it was changed after it was written',
      );
    }
    return readFacts.parse(JSON.parse(text.toString('utf8')));
  } finally {
    closeSync(fd);
  }
}
