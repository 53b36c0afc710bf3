import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { RunRecord } from '../run-record.ts';
import { BLANK, HISTORY_FILES, HISTORY_FORMAT, RecordBlock, decodeHeader } from './format.ts';
import type { HistoryHeader, HistoryRecord, HistoryState } from './format.ts';
import { HistoryError } from './history-error.ts';
import { readManifest } from './manifest.ts';
import type { RunManifest } from './manifest.ts';
import { readSideFile } from './side-file.ts';
import type { SideLine } from './side-file.ts';

/** A history, read back. */
export interface StoredRun {
  readonly dir: string;
  readonly manifest: RunManifest;
  readonly header: HistoryHeader;
  /** How the run ended, as far as it could say. */
  readonly state: HistoryState;
  /** Whole records that were read, and bytes at the end that were none. */
  readonly records: number;
  readonly cutBytes: number;
  /** What the run knew, equal to the record it had in memory; writes in flight at the end are pending. */
  readonly record: RunRecord;
}

const BLOCK_RECORDS = 16_384;

/**
 * Reads a history into a `RunRecord`. A torn end is cut: any beginning of a history is a history, of which less is known.
 * @throws HistoryError for files that are foreign, of another version, missing, or damaged before their end.
 */
export function readHistory(dir: string): StoredRun {
  const manifest = readManifest(dir);
  const lines = readSideFile(join(dir, HISTORY_FILES.strings));
  let replay: Replay | undefined;
  const scan = scanRecords(dir, {
    begin: (header) => (replay = new Replay(new RunRecord(header.writers), lines)),
    record: (it) => (replay === undefined ? 'cut' : replay.apply(it)),
  });
  if (replay === undefined) throw new HistoryError(dir, undefined, 'has no records');
  // every write of a run that ended by itself is in the file; otherwise some may have been sent whose records are lost
  if (scan.state !== 'closed') replay.reserve();
  if (scan.state === 'gave-up')
    replay.record.doubt('the history could not be written to its end: what came after is not known');
  const { seed } = scan.header;
  if (seed !== manifest.options.seed) {
    const file = join(dir, HISTORY_FILES.manifest);
    throw new HistoryError(
      file,
      undefined,
      `has seed ${manifest.options.seed}, but the records beside it have ${seed}: they are of different runs`,
    );
  }
  return { dir, manifest, record: replay.record, ...scan };
}

/** What to do with the parts of a file of records. */
export interface RecordVisitor {
  begin(header: HistoryHeader & { state: HistoryState }): void;
  /** The record object is used again for the next one. `cut` when it and all that follows cannot be used; a text when it cannot be right. */
  record(record: HistoryRecord): undefined | 'cut' | { readonly wrong: string };
}

/** Walks the records of a history in order. */
export function scanRecords(
  dir: string,
  visit: RecordVisitor,
): Pick<StoredRun, 'header' | 'state' | 'records' | 'cutBytes'> {
  const path = join(dir, HISTORY_FILES.records);
  const fd = open(path);
  try {
    const { headerBytes, recordBytes } = HISTORY_FORMAT;
    const { size } = fstatSync(fd);
    const head = Buffer.alloc(headerBytes);
    const header = decodeHeader(head.subarray(0, readSync(fd, head, 0, headerBytes, 0)));
    if ('message' in header) throw new HistoryError(path, header.offset, header.message);
    visit.begin(header);
    const whole = Math.floor((size - headerBytes) / recordBytes);
    const block = new RecordBlock(Math.max(1, Math.min(whole, BLOCK_RECORDS)));
    const record = { ...BLANK };
    let index = 0;
    walk: while (index < whole) {
      const count = load(fd, block, index, whole);
      for (let slot = 0; slot < count; slot++) {
        if (!block.valid(slot, index + slot)) {
          index += slot;
          assertNoneValid(fd, block, index, whole, path);
          break walk;
        }
        block.get(slot, record);
        const answer = visit.record(record);
        if (answer === 'cut') {
          index += slot;
          break walk;
        }
        if (answer !== undefined) throw new HistoryError(path, offsetOf(index + slot), answer.wrong);
      }
      index += count;
    }
    const { state, ...facts } = header;
    return { header: facts, state, records: index, cutBytes: size - offsetOf(index) };
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new HistoryError(path, undefined, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function offsetOf(index: number): number {
  return HISTORY_FORMAT.headerBytes + index * HISTORY_FORMAT.recordBytes;
}

function load(fd: number, block: RecordBlock, index: number, whole: number): number {
  const { recordBytes } = HISTORY_FORMAT;
  const wanted = Math.min(block.bytes.length / recordBytes, whole - index) * recordBytes;
  let got = 0;
  while (got < wanted) {
    const bytes = readSync(fd, block.bytes, got, wanted - got, offsetOf(index) + got);
    if (bytes === 0) break;
    got += bytes;
  }
  return Math.floor(got / recordBytes);
}

/** A bad record with nothing good behind it is the torn end of a crash; with good ones behind it, somebody changed it. */
function assertNoneValid(fd: number, block: RecordBlock, bad: number, whole: number, path: string): void {
  for (let index = bad + 1; index < whole;) {
    const count = load(fd, block, index, whole);
    for (let slot = 0; slot < count; slot++) {
      if (!block.valid(slot, index + slot)) continue;
      const message = `record ${bad} does not match its check sum, while record ${index + slot} does: the file was changed after it was written`;
      throw new HistoryError(path, offsetOf(bad), message);
    }
    if (count === 0) return;
    index += count;
  }
}

/** Applies records to a `RunRecord` by the very calls that made them. */
class Replay {
  readonly record: RunRecord;
  readonly #lines: readonly SideLine[];
  readonly #origins: { server: string; timeline: number }[] = [];
  readonly #reserved = new Map<number, number>();

  constructor(record: RunRecord, lines: readonly SideLine[]) {
    this.record = record;
    this.#lines = lines;
  }

  reserve(): void {
    for (const [writer, bound] of this.#reserved) this.record.states(writer).reserve(bound);
  }

  apply(it: HistoryRecord): ReturnType<RecordVisitor['record']> {
    const { record } = this;
    switch (it.kind) {
      case 'invoke': {
        const states = record.writers[it.writer];
        if (states?.length === it.seq) record.begin(it.writer);
        else
          return {
            wrong: `writer ${it.writer} sends ${it.seq}; it would have to be ${states?.length ?? 'a known writer'}`,
          };
        return undefined;
      }
      case 'ok':
      case 'ok-weak': {
        const by = this.#origins[it.origin];
        if (by === undefined) return { wrong: `origin ${it.origin} was not introduced` };
        const wrong = this.#notPending(it);
        if (wrong !== undefined) return { wrong };
        record.acknowledge({ ...completionOf(it), outcome: it.kind, lsn: it.lsn }, by.server, by.timeline, it.ref);
        return undefined;
      }
      case 'fail':
      case 'info': {
        const line = this.#lines[it.ref];
        if (line?.kind !== 'text') return this.#missing(it, line);
        const wrong = this.#notPending(it);
        if (wrong !== undefined) return { wrong };
        record.unacknowledgedFor({ ...completionOf(it), outcome: it.kind }, line.text);
        return undefined;
      }
      case 'reserve':
        if (record.writers[it.writer] === undefined) return { wrong: `writer ${it.writer} is unknown` };
        this.#reserved.set(it.writer, it.seq);
        return undefined;
      case 'connected':
      case 'settings': {
        const line = this.#lines[it.ref];
        if (line?.kind !== 'facts') return this.#missing(it, line);
        if (it.kind === 'settings') record.learnSettings(line.facts);
        else record.connected(it.writer, it.seq, line.facts, it.atMs);
        return undefined;
      }
      case 'connect-failed':
        record.connectFailed();
        return undefined;
      case 'standbys':
        record.observed({ atMs: it.atMs, streaming: it.seq, synchronous: it.origin });
        return undefined;
      case 'origin': {
        const line = this.#lines[it.ref];
        if (line?.kind !== 'origin') return this.#missing(it, line);
        this.#origins[it.origin] = line;
        return undefined;
      }
      case 'tombstone':
        record.nextTombstone();
        return undefined;
      case 'dropped':
        record.drop(it.seq);
        return undefined;
      case 'doubt': {
        const line = this.#lines[it.ref];
        if (line?.kind !== 'text') return this.#missing(it, line);
        record.doubt(line.text);
        return undefined;
      }
    }
  }

  #notPending({ writer, seq }: HistoryRecord): string | undefined {
    const state = this.record.writers[writer]?.state(seq);
    return state === 'pending'
      ? undefined
      : `settles write ${seq} of writer ${writer}, which is ${state ?? 'unknown'} and not under way`;
  }

  /** A crash of the host may leave a record without its line, at the end; a line of another kind was never meant. */
  #missing(it: HistoryRecord, line: SideLine | undefined): 'cut' | { wrong: string } {
    if (line === undefined) return 'cut';
    return {
      wrong: `${it.kind} refers to line ${it.ref + 1} of ${HISTORY_FILES.strings}, which is about ${line.kind}`,
    };
  }
}

function completionOf(it: HistoryRecord) {
  const sentMs = it.atMs - it.serviceMs;
  return { writer: it.writer, seq: it.seq, dueMs: sentMs - it.queueMs, sentMs, endMs: it.atMs };
}
