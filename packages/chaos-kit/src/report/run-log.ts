import { appendFileSync, existsSync, mkdirSync, openSync, closeSync, readSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { ExperimentReport, ReportPhase, RunReport, TimelineEntry } from './schema.ts';

/** Numbers of a running experiment, written about once a second. */
export interface ProgressSample {
  phase: ReportPhase;
  /** Since the start of the experiment. */
  elapsedMs: number;
  acknowledged?: number;
  unknown?: number;
  failed?: number;
  acksPerSecond?: number;
  /** Missing before the first acknowledgement. */
  msSinceLastAck?: number;
}

/** What is known about an experiment when it starts. Enough to report it as aborted if nothing more ever comes. */
export type ExperimentStart = Pick<
  ExperimentReport,
  'id' | 'name' | 'file' | 'tags' | 'profile' | 'engine' | 'seed' | 'startedAt' | 'cluster'
>;

/** One line of the run log. */
export type RunLogRecord =
  | { type: 'run'; run: Omit<RunReport, 'finishedAt' | 'durationMs' | 'interrupted'> }
  | { type: 'note'; text: string }
  /** What is being done while no experiment runs, for instance provisioning. */
  | { type: 'status'; text: string }
  | { type: 'interrupted'; signal: string }
  | { type: 'started'; experiment: ExperimentStart }
  | { type: 'event'; id: string; event: TimelineEntry }
  | { type: 'progress'; id: string; progress: ProgressSample }
  | { type: 'finished'; experiment: ExperimentReport };

/**
 * Appends records to the run log, one JSON object a line.
 *
 * The log is how workers tell the reporter what happens while it happens, and what is left when a worker dies:
 * each record is on its way to the file before `write` returns.
 */
export class RunLogWriter {
  readonly #path: string;
  #failed = false;

  /** @param path The log file. Its folder is made when it is missing. */
  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
  }

  /**
   * Appends one record. Lines are short, so the synchronous write takes some ten microseconds. Does not throw: a line that
   * cannot be written (a full disk) must not keep a fault from being healed.
   */
  write(record: RunLogRecord): void {
    try {
      appendFileSync(this.#path, `${JSON.stringify(record)}\n`);
    } catch (error) {
      if (this.#failed) return;
      this.#failed = true;
      process.emitWarning(`the run log ${this.#path} cannot be written: ${String(error)}`);
    }
  }
}

/** Follows a run log: each call of `read` gives the records that came since the last one. */
export class RunLogReader {
  readonly #path: string;
  readonly #decoder = new StringDecoder('utf8');
  #offset = 0;
  #rest = '';

  /** @param path The log file. It need not exist yet. */
  constructor(path: string) {
    this.#path = path;
  }

  /** New complete records. Half a last line waits for its end; a line that is no record is skipped. */
  read(): RunLogRecord[] {
    if (!existsSync(this.#path)) return [];
    const size = statSync(this.#path).size;
    if (size <= this.#offset) return [];
    const buffer = Buffer.alloc(size - this.#offset);
    const file = openSync(this.#path, 'r');
    try {
      this.#offset += readSync(file, buffer, 0, buffer.length, this.#offset);
    } finally {
      closeSync(file);
    }
    const lines = (this.#rest + this.#decoder.write(buffer)).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => parseRecord(line) ?? []);
  }
}

/** Removes a log of an earlier run, so that its records are not read as ours. */
export function removeRunLog(path: string): void {
  rmSync(path, { force: true });
}

function parseRecord(line: string): RunLogRecord | undefined {
  if (line === '') return undefined;
  try {
    // Written by RunLogWriter of the same version; a torn line is the only thing to expect here.
    return JSON.parse(line) as RunLogRecord;
  } catch {
    return undefined;
  }
}
