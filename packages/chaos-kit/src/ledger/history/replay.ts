import { join } from 'node:path';
import { Completions, completionSlot } from '../completions.ts';
import { RunRecord } from '../run-record.ts';
import { HISTORY_FILES } from './format.ts';
import type { HistoryHeader, HistoryRecord, HistoryState } from './format.ts';
import { HistoryError } from './history-error.ts';
import { readManifest } from './manifest.ts';
import type { RunManifest } from './manifest.ts';
import { RecordReader, readCompletion } from './record-reader.ts';
import type { Answer } from './record-reader.ts';
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

/**
 * Reads a history into a `RunRecord`. A torn end is cut: any beginning of a history is a history, of which less is known.
 * @throws HistoryError for files that are foreign, of another version, missing, or damaged before their end.
 */
export function readHistory(dir: string): StoredRun {
  using reading = HistoryReading.open(dir);
  for (;;) {
    const run = reading.advance(Infinity);
    if (run !== undefined) return run;
  }
}

/** A history that is read piece by piece, so that something else can go on meanwhile. */
export class HistoryReading implements Disposable {
  readonly dir: string;
  readonly manifest: RunManifest;
  readonly #reader: RecordReader;
  readonly #replay: Replay;

  private constructor(dir: string, manifest: RunManifest, reader: RecordReader, lines: readonly SideLine[]) {
    this.dir = dir;
    this.manifest = manifest;
    this.#reader = reader;
    const { batch } = manifest.options;
    const completions = new Completions(reader.pager(batch));
    this.#replay = new Replay(new RunRecord(reader.header.writers, undefined, { completions }), lines, batch);
  }

  /** @throws HistoryError, as `readHistory` does, for what can be seen without reading the records. */
  static open(dir: string): HistoryReading {
    const manifest = readManifest(dir);
    const lines = readSideFile(join(dir, HISTORY_FILES.strings));
    const { seed } = manifest.options;
    const reader = RecordReader.open(dir);
    if (seed === reader.header.seed) return new HistoryReading(dir, manifest, reader, lines);
    reader[Symbol.dispose]();
    throw new HistoryError(
      join(dir, HISTORY_FILES.manifest),
      undefined,
      `has seed ${seed}, but the records beside it have ${reader.header.seed}: they are of different runs`,
    );
  }

  /** Reads up to `most` records more; returns the run when that were all of them. @throws HistoryError */
  advance(most: number): StoredRun | undefined {
    const reader = this.#reader;
    const replay = this.#replay;
    if (reader.read((it) => replay.apply(it), most) === most) return undefined;
    reader.assertTornEnd();
    const { header, state } = reader;
    // every write of a run that ended by itself is in the file; otherwise some may have been sent whose records are lost
    if (state !== 'closed') replay.reserve();
    if (state === 'gave-up')
      replay.record.doubt('the history could not be written to its end: what came after is not known');
    const { dir, manifest } = this;
    return { dir, manifest, header, state, records: reader.index, cutBytes: reader.cutBytes, record: replay.record };
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }
}

/** Applies records to a `RunRecord` by the very calls that made them. */
export class Replay {
  readonly record: RunRecord;
  readonly #lines: readonly SideLine[];
  readonly #batch: number;
  readonly #origins: { server: string; timeline: number }[] = [];
  readonly #reserved = new Map<number, number>();
  readonly #completion = completionSlot();

  /** `lines` may grow while records are applied; `batch` is the number of writes per statement of the run. */
  constructor(record: RunRecord, lines: readonly SideLine[], batch: number) {
    this.record = record;
    this.#lines = lines;
    this.#batch = batch;
  }

  reserve(): void {
    for (const [writer, bound] of this.#reserved) this.record.states(writer).reserve(bound);
  }

  apply(it: HistoryRecord): Answer {
    const { record } = this;
    switch (it.kind) {
      case 'invoke': {
        const next = this.#known(it.writer) ? record.book(it.writer).length : undefined;
        if (next !== it.seq)
          return { wrong: `writer ${it.writer} sends ${it.seq}; it would have to be ${next ?? 'a known writer'}` };
        if (it.ref + 1 !== this.#batch)
          return { wrong: `writer ${it.writer} sends ${it.ref + 1} writes at once; in this run it is ${this.#batch}` };
        record.begin(it.writer, this.#batch);
        return undefined;
      }
      case 'ok':
      case 'ok-weak': {
        const by = this.#origins[it.origin];
        if (by === undefined) return { wrong: `origin ${it.origin} was not introduced` };
        const wrong = this.#notPending(it);
        if (wrong !== undefined) return { wrong };
        if (readCompletion(it, this.#batch, this.#completion))
          record.acknowledge(this.#completion, by.server, by.timeline, it.ref);
        return undefined;
      }
      case 'fail':
      case 'info': {
        const line = this.#lines[it.ref];
        if (line?.kind !== 'text') return this.#missing(it, line);
        const wrong = this.#notPending(it);
        if (wrong !== undefined) return { wrong };
        if (readCompletion(it, this.#batch, this.#completion)) record.unacknowledgedFor(this.#completion, line.text);
        return undefined;
      }
      case 'reserve':
        if (!this.#known(it.writer)) return { wrong: `writer ${it.writer} is unknown` };
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
      case 'stall':
        record.stalled(it.atMs - it.serviceMs, it.atMs);
        return undefined;
      case 'doubt': {
        const line = this.#lines[it.ref];
        if (line?.kind !== 'text') return this.#missing(it, line);
        record.doubt(line.text);
        return undefined;
      }
    }
  }

  #known(writer: number): boolean {
    return writer < this.record.writerCount;
  }

  #notPending({ writer, seq }: HistoryRecord): string | undefined {
    if (this.#known(writer) && this.record.book(writer).pendingFrom(seq) > 0) return undefined;
    const state = this.record.writers[writer]?.state(seq) ?? 'unknown';
    return `settles write ${seq} of writer ${writer}, which is ${state} and not under way`;
  }

  /** A crash of the host may leave a record without its line, at the end; a line of another kind was never meant. */
  #missing(it: HistoryRecord, line: SideLine | undefined): Answer {
    if (line === undefined) return 'cut';
    return {
      wrong: `${it.kind} refers to line ${it.ref + 1} of ${HISTORY_FILES.strings}, which is about ${line.kind}`,
    };
  }
}
