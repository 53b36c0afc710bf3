import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { RunLogWriter } from '../report/run-log.ts';
import type { RunConnection } from './connect-run.ts';
import { InterruptedError, stopRequest } from './interrupted-error.ts';
import { assertKnownTags } from './known-tags.ts';
import { assertNodeVersion } from './node-version.ts';
import { accessOf, projectOptionsKey, runContextKey } from './provided.ts';
import { removeOldHistories } from './old-histories.ts';
import { hurryMarkerPath, reportFolder, runLogName, stopMarkerPath } from './run-files.ts';
import { runSeed } from './seeds.ts';
import { describeUndo } from '../safety/journal/describe-undo.ts';
import { readJournal } from '../safety/journal/read-journal.ts';
import { startReaper } from '../safety/reaper/start-reaper.ts';
import { createRunFolder, readRun, removeRunFolder, stopFilePath } from '../safety/run-folder.ts';
import { identityOf } from '../safety/process-identity.ts';
import { SignalPolicy } from './signals.ts';
import { assertNoWatch } from './watch-mode.ts';

// Longest that healing may take once someone asked for nothing but healing, before the process ends all the same.
const hurryLimitMs = 60_000;
const stopPollMs = 250;

/** Thrown when the project was not made by `defineChaosProject()`. */
export class NotAChaosProjectError extends Error {
  override readonly name = 'NotAChaosProjectError';
  readonly code = 'NOT_A_CHAOS_PROJECT';
}

/**
 * Global setup of a chaos project: refuses what must not start, takes over the signals, finds or starts the cluster and
 * tells the workers where it is. Runs once, and only when chaos specs are about to run.
 *
 * @returns the teardown, which gives the signals back and says what is left running.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const options = project.config.provide?.[projectOptionsKey];
  if (!options) throw new NotAChaosProjectError(`project ${project.name} was not made by defineChaosProject()`);
  assertNodeVersion();
  assertNoWatch({ watch: project.vitest.config.watch, allowWatch: options.allowWatch, project: project.name });
  assertKnownTags(
    project.vitest.config.tagsFilter ?? [],
    (project.config.tags ?? []).map(({ name }) => name),
  );
  const seed = runSeed(project.vitest.config.sequence.seed);
  const runId = randomUUID();
  const runLogPath = join(project.vitest.createReport(reportFolder).root, runLogName);
  const markers = { hurry: hurryMarkerPath(runLogPath), stop: stopMarkerPath(runLogPath) };
  removeAll(Object.values(markers));
  removeOldHistories(dirname(runLogPath));
  const log = new RunLogWriter(runLogPath);
  const stopping = new AbortController();
  const signals = takeOverSignals(project, { log, stopping, markers });
  let connection: RunConnection | undefined;
  try {
    if (options.cluster === 'auto') {
      // Loaded only when it is needed: with the Kubernetes client comes half a second and 100 MB.
      const { connectRun } = await import('./connect-run.ts');
      connection = await connectRun({
        root: project.config.root,
        runId,
        engines: options.engines,
        signal: stopping.signal,
        say: (text) => project.vitest.logger.log(` chaos ${text}`),
      });
    }
  } catch (error) {
    signals.dispose();
    throw error;
  }
  const runFolder = createRunFolder({
    runId,
    root: project.config.root,
    runner: identityOf(),
    namespaces: connection?.namespaces ?? [],
    ...(connection ? { access: accessOf(connection.cluster) } : {}),
    ...(options.engines === undefined ? {} : { enginesModule: options.engines }),
  });
  const reaper = startReaper(runFolder);
  const stopFile = watchStopFile(stopFilePath(runFolder), () => signals.stop());
  log.write({
    type: 'run',
    run: {
      id: runId,
      seed,
      startedAt: new Date().toISOString(),
      node: process.version,
      ...(connection ? { cluster: connection.report } : {}),
    },
  });
  project.provide(runContextKey, {
    runId,
    seed,
    runLogPath,
    runFolder,
    ...(options.engines === undefined ? {} : { enginesModule: options.engines }),
    root: project.config.root,
    ...(connection ? { cluster: connection.cluster } : {}),
  });
  log.write({
    type: 'note',
    text: `npx chaos-kit stop ends this run, and so does the file ${stopFilePath(runFolder)}`,
  });
  return async () => {
    stopFile.close();
    signals.dispose();
    removeAll(Object.values(markers));
    await reaper.end();
    await connection?.close();
    endRunFolder(project, runFolder);
    if (connection?.cluster.isLab) {
      project.vitest.logger.log(
        ' The lab is left running, the next run starts in seconds. Stop it with: npx chaos-lab down\n',
      );
    }
  };
}

// What could not be healed was told by its experiment; here it is said where the rest of the story is.
function endRunFolder(project: TestProject, folder: string): void {
  const left = (readRun(folder)?.journals ?? []).flatMap((path) => readJournal(path).open);
  if (left.length === 0) return removeRunFolder(folder);
  const what = left.map((entry) => `   ${describeUndo(entry)}`).join('\n');
  project.vitest.logger.error(` chaos: not healed, see npx chaos-kit sweep (journals in ${folder}):\n${what}\n`);
}

// Polled: a watch would need the folder to be on a file system that has one.
function watchStopFile(path: string, onStop: () => void): { close: () => void } {
  const timer = setInterval(() => {
    if (!existsSync(path)) return;
    clearInterval(timer);
    onStop();
  }, stopPollMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

function takeOverSignals(
  project: TestProject,
  o: { log: RunLogWriter; stopping: AbortController; markers: { hurry: string; stop: string } },
): SignalPolicy & { stop: () => void } {
  const cancel = (by: string): void => {
    // Once only: a second cancel makes vitest kill the workers.
    if (o.stopping.signal.aborted) return;
    o.log.write({ type: 'interrupted', signal: by });
    writeFileSync(o.markers.stop, by);
    o.stopping.abort(new InterruptedError(by));
    project.vitest.cancelCurrentRun('keyboard-input').catch((error: unknown) => {
      if (error instanceof InterruptedError) return;
      project.vitest.logger.error(` chaos: the run could not be cancelled: ${String(error)}`);
    });
  };
  const policy = new SignalPolicy({
    onCancel: (signal) => {
      process.exitCode = 128 + constants.signals[signal];
      cancel(signal);
    },
    onHurry: (signal) => {
      writeFileSync(o.markers.hurry, signal);
      setTimeout(() => policy.force(signal), hurryLimitMs).unref();
    },
    onForce: (signal) => {
      project.vitest.logger.error(
        ` chaos: ${signal}: ending at once. Another process heals what is left in the cluster.`,
      );
    },
  });
  return Object.assign(policy, {
    stop: () => {
      process.exitCode = 1;
      cancel(stopRequest);
    },
  });
}

function removeAll(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { force: true });
}
