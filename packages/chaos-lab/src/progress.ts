import { readFile } from 'node:fs/promises';

/** What a running step may say about itself. */
export interface StepHandle {
  /** Marks the step as answered from the cache: its line says so and shows no time. */
  cached(): void;
  /** Short text shown beside the title, for instance a size or what is being waited for. The last one stays. */
  detail(text: string): void;
}

/** Options of one step. */
export interface StepOptions {
  /** Path of the file that the step's commands write to. Its last lines are part of the error when the step fails. */
  log?: string;
}

/** Shows what is going on: one line per step. Steps may run side by side. */
export interface Progress {
  /**
   * Runs `run` as one line with its elapsed time.
   * @throws LabStepError naming the step, its log file and the log's last lines; the original error is its `cause`.
   */
  step<T>(title: string, run: (step: StepHandle) => Promise<T>, options?: StepOptions): Promise<T>;
  /** Prints one line of its own. */
  note(text: string): void;
}

/** What a `TerminalProgress` has shown so far. */
export interface ProgressSummary {
  /** Milliseconds since the object was created. */
  totalMs: number;
  /** Titles of the steps that the cache answered. */
  cached: string[];
  /** Titles and milliseconds of the steps that did work. */
  done: { title: string; elapsedMs: number }[];
}

/** Where lines go: the part of a `tty.WriteStream` that is needed. */
export interface ProgressOutput {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** Options of `TerminalProgress`. */
export interface TerminalProgressOptions {
  /** Default: standard error, so that standard output stays usable for results. */
  out?: ProgressOutput;
  /** Redraw running steps in place. Default: the output is a terminal and `CI` is not set. */
  live?: boolean;
  /** Without `live`: milliseconds after which a step that still runs is mentioned again. Default 60 000. */
  heartbeatMs?: number;
}

interface RunningStep {
  title: string;
  startedAt: number;
  detail: string;
  cached: boolean;
}

const redrawMs = 200;
const titleWidth = 44;
const clearLine = '\u001B[2K';
const cursorUp = '\u001B[1A';

/** `850 ms`, `12.3 s`, `3 min 05 s`. */
export function formatElapsed(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** Progress on a terminal (running steps are redrawn in place) or in a log (one line per finished step). */
export class TerminalProgress implements Progress {
  readonly #out: ProgressOutput;
  readonly #live: boolean;
  readonly #heartbeatMs: number;
  readonly #startedAt = performance.now();
  readonly #running = new Set<RunningStep>();
  readonly #summary: Pick<ProgressSummary, 'cached' | 'done'> = { cached: [], done: [] };
  #drawnLines = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TerminalProgressOptions = {}) {
    this.#out = options.out ?? process.stderr;
    this.#live = options.live ?? (this.#out.isTTY === true && !process.env['CI']);
    this.#heartbeatMs = options.heartbeatMs ?? 60_000;
  }

  async step<T>(title: string, run: (step: StepHandle) => Promise<T>, options: StepOptions = {}): Promise<T> {
    const step: RunningStep = { title, startedAt: performance.now(), detail: '', cached: false };
    this.#start(step);
    try {
      const result = await run({
        cached: () => (step.cached = true),
        detail: (text) => (step.detail = text),
      });
      this.#finish(step, step.cached ? '=' : '✓');
      return result;
    } catch (error) {
      this.#finish(step, '✗');
      if (error instanceof LabStepError) throw error;
      throw await LabStepError.of(title, error, options.log);
    }
  }

  note(text: string): void {
    this.#print(`  ${text}`);
  }

  /** What was shown so far. */
  summary(): ProgressSummary {
    return {
      totalMs: performance.now() - this.#startedAt,
      cached: [...this.#summary.cached],
      done: [...this.#summary.done],
    };
  }

  #start(step: RunningStep): void {
    this.#running.add(step);
    if (this.#live) this.#redraw();
    this.#timer ??= setInterval(
      () => (this.#live ? this.#redraw() : this.#heartbeat()),
      this.#live ? redrawMs : this.#heartbeatMs,
    ).unref();
  }

  #finish(step: RunningStep, mark: string): void {
    this.#running.delete(step);
    if (step.cached && mark === '=') this.#summary.cached.push(step.title);
    else if (mark === '✓')
      this.#summary.done.push({ title: step.title, elapsedMs: performance.now() - step.startedAt });
    this.#print(line(mark, step));
    if (this.#running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #heartbeat(): void {
    for (const step of this.#running) {
      if (performance.now() - step.startedAt >= this.#heartbeatMs) this.#out.write(`${line('…', step)}\n`);
    }
  }

  #print(text: string): void {
    this.#erase();
    this.#out.write(`${text}\n`);
    if (this.#live) this.#draw();
  }

  #redraw(): void {
    this.#erase();
    this.#draw();
  }

  #erase(): void {
    this.#out.write(`${cursorUp}${clearLine}`.repeat(this.#drawnLines));
    this.#drawnLines = 0;
  }

  #draw(): void {
    // A line longer than the terminal would wrap, and erasing would then leave parts of it behind.
    const columns = this.#out.columns ?? 80;
    for (const step of this.#running) this.#out.write(`${line('…', step).slice(0, columns - 1)}\n`);
    this.#drawnLines = this.#running.size;
  }
}

function line(mark: string, step: RunningStep): string {
  const time = mark === '=' ? 'cached' : formatElapsed(performance.now() - step.startedAt);
  return `${mark} ${step.title.padEnd(titleWidth)} ${time.padStart(12)}${step.detail ? `  ${step.detail}` : ''}`;
}

/** Shows nothing; failures are still `LabStepError`s. */
export const silentProgress: Progress = {
  async step(title, run, options = {}) {
    try {
      return await run({ cached: () => {}, detail: () => {} });
    } catch (error) {
      if (error instanceof LabStepError) throw error;
      throw await LabStepError.of(title, error, options.log);
    }
  },
  note() {},
};

const shownLogLines = 20;

/** A step of the lab failed. The message names the step, its log file and the last lines of that file. */
export class LabStepError extends Error {
  override readonly name = 'LabStepError';
  readonly code = 'LAB_STEP_FAILED';
  readonly step: string;
  readonly logFile: string | undefined;
  readonly lastLines: readonly string[];

  constructor(step: string, cause: unknown, logFile?: string, lastLines: readonly string[] = []) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const log = logFile ? `\n  log file: ${logFile}` : '';
    const tail = lastLines.length > 0 ? `\n  its last lines:\n${lastLines.map((l) => `    ${l}`).join('\n')}` : '';
    super(`step "${step}" failed: ${reason}${log}${tail}`, { cause });
    this.step = step;
    this.logFile = logFile;
    this.lastLines = lastLines;
  }

  /** Builds the error with the last lines of `logFile`; a log that cannot be read is left out. */
  static async of(step: string, cause: unknown, logFile?: string): Promise<LabStepError> {
    return new LabStepError(step, cause, logFile, logFile ? await lastLines(logFile) : []);
  }
}

async function lastLines(file: string): Promise<string[]> {
  try {
    const text = await readFile(file, 'utf8');
    return text.trimEnd().split('\n').slice(-shownLogLines);
  } catch {
    return [];
  }
}
