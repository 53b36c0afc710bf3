import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { HistoryError } from '../ledger/history/history-error.ts';
import { monotonicAheadMs } from '../ledger/process/clock-offset.ts';
import { OBSERVATIONS_VERSION, parseObservation } from './observation.ts';
import type {
  BeginObservation,
  BlindObservation,
  ClusterObservation,
  ExaminationObservation,
  FaultObservation,
  InstancesObservation,
  Observation,
  ProbeObservation,
  ReadObservation,
} from './observation.ts';

/** Name of the file in the directory of a history. */
export const OBSERVATIONS_FILE = 'observations.jsonl';

/** Who takes observations. */
export interface ObservationSink {
  write(observation: Observation): void;
}

/** Everything that observers saw of a run, each kind in the order in which it was written. */
export interface Observations {
  readonly reads: readonly ReadObservation[];
  readonly probes: readonly ProbeObservation[];
  readonly blind: readonly BlindObservation[];
  readonly instances: readonly InstancesObservation[];
  readonly cluster: readonly ClusterObservation[];
  readonly faults: readonly FaultObservation[];
  readonly examinations: readonly ExaminationObservation[];
  /** Bytes at the end that are no whole line. */
  readonly cutBytes: number;
}

/** Where times come from; for files that must come out the same every time. */
export interface ObservationClock {
  readonly startedAt: number;
  readonly startedAtMs: number;
  readonly bootMs: number;
}

/** Appends observations, a line each, as they happen. No call throws: after the first error nothing more is written. */
export class ObservationWriter implements ObservationSink, Disposable {
  /** Why it could not be written any further. */
  problem: string | undefined;
  #fd: number | undefined;

  /** Opens the file of a run, which may be there already: observing goes on after a pause. */
  constructor(dir: string, clock: ObservationClock = thisProcess()) {
    this.#attempt(() => {
      this.#fd = openSync(join(dir, OBSERVATIONS_FILE), 'a');
    });
    this.write({ kind: 'begin', version: OBSERVATIONS_VERSION, ...clock });
  }

  write(observation: Observation): void {
    const bytes = Buffer.from(`${JSON.stringify(observation)}\n`);
    this.#attempt(() => {
      if (this.#fd === undefined) return;
      let done = 0;
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
    });
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #attempt(step: () => void): void {
    if (this.problem !== undefined) return;
    try {
      step();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }
}

/** What is kept of a fault. */
export type FaultFacts = Omit<FaultObservation, 'kind'>;

/** Adds what was broken on purpose to the observations of a run that has ended. */
export function noteFaults(dir: string, faults: readonly FaultFacts[]): void {
  if (faults.length === 0) return;
  using writer = new ObservationWriter(dir);
  for (const fault of faults) writer.write({ kind: 'fault', ...fault });
}

function thisProcess(): ObservationClock {
  const startedAtMs = performance.now();
  return { startedAt: Date.now(), startedAtMs, bootMs: startedAtMs + monotonicAheadMs() };
}

/**
 * Reads what observers saw; `undefined` when none ran. A last line without its end was cut by a crash and is left out.
 * @throws HistoryError that names the line when it is not what it should be.
 */
export function readObservations(dir: string): Observations | undefined {
  const path = join(dir, OBSERVATIONS_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new HistoryError(path, undefined, cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const all: Observation[] = [];
  let offset = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', offset)) {
    const observation = parseObservation(text.slice(offset, end));
    if ('wrong' in observation)
      throw new HistoryError(path, undefined, `line ${all.length + 1} is no observation: ${observation.wrong}`);
    if (all.length === 0 && observation.kind !== 'begin')
      throw new HistoryError(path, undefined, `line 1 is about "${observation.kind}"; it must be about "begin"`);
    all.push(observation);
    offset = end + 1;
  }
  return { ...sorted(all), cutBytes: Buffer.byteLength(text.slice(offset)) };
}

/** Puts observations of one process into their kinds. A later process is on another clock: its times are moved to the first one's. */
function sorted(all: readonly Observation[]): Omit<Observations, 'cutBytes'> {
  const found = {
    reads: [] as ReadObservation[],
    probes: [] as ProbeObservation[],
    blind: [] as BlindObservation[],
    instances: [] as InstancesObservation[],
    cluster: [] as ClusterObservation[],
    faults: [] as FaultObservation[],
    examinations: [] as ExaminationObservation[],
  };
  let first: BeginObservation | undefined;
  let by = 0;
  for (const it of all) {
    switch (it.kind) {
      case 'begin':
        first ??= it;
        by = it.bootMs - it.startedAtMs - (first.bootMs - first.startedAtMs);
        break;
      case 'read':
        found.reads.push({ ...it, openedMs: it.openedMs + by, startMs: it.startMs + by, endMs: it.endMs + by });
        break;
      case 'probe':
        found.probes.push({ ...it, startMs: it.startMs + by, endMs: it.endMs + by });
        break;
      case 'blind':
        found.blind.push({ ...it, fromMs: it.fromMs + by, toMs: it.toMs + by });
        break;
      case 'instances':
        found.instances.push({ ...it, atMs: it.atMs + by });
        break;
      case 'cluster':
        found.cluster.push({ ...it, atMs: it.atMs + by });
        break;
      case 'examination':
        found.examinations.push({ ...it, atMs: it.atMs + by });
        break;
      case 'fault': {
        const { effectAtMs } = it;
        const moved = { ...it, atMs: it.atMs + by };
        // each verification tells them again
        if (!found.faults.some((known) => known.what === it.what && Math.abs(known.atMs - moved.atMs) < 0.5))
          found.faults.push(effectAtMs === undefined ? moved : { ...moved, effectAtMs: effectAtMs + by });
        break;
      }
    }
  }
  return found;
}
