import { appendFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Reporter, TestProject, TestSpecification, Vitest } from 'vitest/node';
import { buildReport, RunState } from '../report/build-report.ts';
import { formatCount, formatMs } from '../report/format.ts';
import { removeRunLog, RunLogReader } from '../report/run-log.ts';
import type { RunLogRecord } from '../report/run-log.ts';
import type { Report, TimelineEntry } from '../report/schema.ts';
import { renderStepSummary } from '../report/step-summary.ts';
import { renderSummary, renderVerdictLine } from '../report/terminal.ts';
import { LiveLine } from './live-line.ts';
import { projectOptionsKey } from './provided.ts';
import { reportFolder, runLogName } from './run-files.ts';

/** Options of {@link ChaosReporter}. */
export interface ChaosReporterOptions {
  /** Without a terminal: how often to say that an experiment is still running, in ms. @default 30000 */
  heartbeatMs?: number;
  /** Draw one live line instead of printing each event. @default whether stdout is a terminal and CI is not set */
  live?: boolean;
}

const pollMs = 250;

/**
 * Shows chaos experiments while they run, prints their summary at the end, and writes `report.json`.
 * Prints and writes nothing in a run without chaos specs.
 */
export class ChaosReporter implements Reporter {
  readonly #heartbeatMs: number;
  readonly #live: boolean;
  #vitest: Vitest | undefined;
  #session: { state: RunState; reader: RunLogReader; line?: LiveLine; timer: NodeJS.Timeout } | undefined;
  #lastPrintedAtMs = 0;

  constructor(options: ChaosReporterOptions = {}) {
    this.#heartbeatMs = options.heartbeatMs ?? 30_000;
    this.#live = options.live ?? (process.stdout.isTTY && !process.env['CI']);
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    this.#endSession();
    if (!this.#vitest || !specifications.some((specification) => isChaosProject(specification.project))) return;
    const logPath = join(this.#vitest.createReport(reportFolder).root, runLogName);
    removeRunLog(logPath);
    this.#session = {
      state: new RunState(),
      reader: new RunLogReader(logPath),
      timer: setInterval(() => this.#poll(), pollMs),
      ...(this.#live ? { line: new LiveLine(process.stdout, [process.stderr]) } : {}),
    };
    this.#session.timer.unref();
  }

  onTestCaseResult(): void {
    this.#poll();
  }

  async onTestRunEnd(): Promise<void> {
    const session = this.#session;
    const vitest = this.#vitest;
    if (!session || !vitest) return;
    this.#poll();
    this.#endSession();
    // Nothing was started: the filter left no chaos spec, or the global setup failed and vitest says so.
    if (session.state.experiments.size === 0) return;
    const report = buildReport(session.state, { finishedAt: new Date() });
    const folder = vitest.createReport(reportFolder);
    await folder.writeFile('report.json', `${JSON.stringify(report, undefined, 2)}\n`);
    const reportPath = relative(process.cwd(), join(folder.root, 'report.json'));
    const color = process.stdout.hasColors?.() ?? Boolean(process.env['FORCE_COLOR']);
    vitest.logger.log(renderSummary(report, { color, reportPath }));
    appendStepSummary(report);
  }

  #poll(): void {
    const session = this.#session;
    if (!session) return;
    for (const record of session.reader.read()) {
      session.state.apply(record);
      this.#print(record, session.state);
    }
    const text = progressLine(session.state);
    if (session.line) {
      if (text === undefined) session.line.clear();
      else session.line.update(text);
    } else if (text !== undefined && performance.now() - this.#lastPrintedAtMs >= this.#heartbeatMs) {
      this.#say(text);
    }
  }

  #print(record: RunLogRecord, state: RunState): void {
    switch (record.type) {
      case 'note':
        this.#say(record.text);
        break;
      case 'status':
        if (!this.#live) this.#say(record.text);
        break;
      case 'interrupted':
        this.#say(
          `${record.signal}: stopping. Faults are being healed; once more heals only, a third time ends at once`,
        );
        break;
      case 'started':
        if (!this.#live)
          this.#say(
            `▶ ${record.experiment.name} (profile ${record.experiment.profile}, seed ${record.experiment.seed})`,
          );
        break;
      case 'event':
        if (!this.#live && isWorthALine(state, record.id, record.event)) this.#say(describeEvent(record.event));
        break;
      case 'finished':
        this.#say(renderVerdictLine(record.experiment, { color: this.#live }));
        break;
      case 'run':
      case 'progress':
        break;
    }
  }

  #say(text: string): void {
    this.#lastPrintedAtMs = performance.now();
    this.#vitest?.logger.log(` chaos ${text}`);
  }

  #endSession(): void {
    const session = this.#session;
    if (!session) return;
    clearInterval(session.timer);
    session.line?.[Symbol.dispose]();
    this.#session = undefined;
  }
}

export default ChaosReporter;

function isChaosProject(project: TestProject): boolean {
  return project.config.provide?.[projectOptionsKey] !== undefined;
}

function progressLine(state: RunState): string | undefined {
  const current = state.current();
  const progress = current?.progress;
  if (!current) return state.status;
  if (!progress) return current.start.name;
  const parts = [
    `${progress.phase} ${formatMs(progress.elapsedMs)}`,
    progress.acksPerSecond === undefined ? '' : `${formatCount(progress.acksPerSecond)} acks/s`,
    progress.msSinceLastAck === undefined ? '' : `last ack ${formatMs(progress.msSinceLastAck)} ago`,
    progress.acknowledged === undefined ? '' : `${formatCount(progress.acknowledged)} acknowledged`,
    progress.unknown ? `${formatCount(progress.unknown)} unknown` : '',
  ];
  return [...parts.filter((part) => part !== ''), current.start.name].join(' · ');
}

function describeEvent(event: TimelineEntry): string {
  return `${formatMs(event.atMs).padStart(8)} ${event.phase}: ${event.what}`;
}

// In plain output each event is a line, but observers may report many of the same kind: those of one text are said once per phase.
function isWorthALine(state: RunState, id: string, event: TimelineEntry): boolean {
  const events = state.experiments.get(id)?.events ?? [];
  return events.filter((other) => other.what === event.what && other.phase === event.phase).length <= 1;
}

function appendStepSummary(report: Report): void {
  const path = process.env['GITHUB_STEP_SUMMARY'];
  if (!path) return;
  try {
    appendFileSync(path, renderStepSummary(report));
  } catch (error) {
    process.stderr.write(`chaos: no table in GITHUB_STEP_SUMMARY: ${String(error)}\n`);
  }
}
