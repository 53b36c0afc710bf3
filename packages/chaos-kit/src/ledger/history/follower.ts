import { join } from 'node:path';
import { Completions } from '../completions.ts';
import { RunRecord } from '../run-record.ts';
import { HISTORY_FILES } from './format.ts';
import { RecordReader } from './record-reader.ts';
import { Replay } from './replay.ts';
import { SideReader } from './side-file.ts';

/** Acknowledgements of the last second are counted in as many steps. */
const RATE_STEPS = 10;
const RATE_STEP_MS = 100;

/**
 * Follows the history of a run that another process writes. Its record has totals and reads completions again from the
 * file, so it needs no memory for single writes.
 */
export class HistoryFollower implements Disposable {
  readonly record: RunRecord;
  readonly #reader: RecordReader;
  readonly #side: SideReader;
  readonly #replay: Replay;
  readonly #acks = new Float64Array(RATE_STEPS);
  readonly #ackSteps = new Float64Array(RATE_STEPS);
  #done = false;

  /** @throws HistoryError when there is no history yet. */
  constructor(dir: string, batch: number) {
    this.#reader = RecordReader.open(dir);
    this.#side = new SideReader(join(dir, HISTORY_FILES.strings));
    const completions = new Completions(this.#reader.pager(batch));
    this.record = new RunRecord(this.#reader.header.writers, undefined, { writes: false, completions });
    this.#replay = new Replay(this.record, this.#side.lines, batch);
  }

  /** Reads what has been added. @throws HistoryError */
  catchUp(): void {
    if (this.#done) return;
    // a line is written before the record that needs it, so it is read after that record is there
    const { record } = this;
    let before = record.acknowledged;
    do {
      this.#side.catchUp();
    } while (
      this.#reader.read((it) => {
        const answer = this.#replay.apply(it);
        const { acknowledged } = record;
        if (acknowledged > before) this.#countAcks(it.atMs, acknowledged - before);
        before = acknowledged;
        return answer;
      }) > 0
    );
  }

  /** Acknowledged in the second before a time, in steps of 100 ms. */
  acksPerSecond(nowMs: number): number {
    const last = Math.floor(nowMs / RATE_STEP_MS);
    let acks = 0;
    for (let i = 0; i < RATE_STEPS; i++) {
      const step = this.#ackSteps[i] ?? 0;
      if (step > last - RATE_STEPS && step <= last) acks += this.#acks[i] ?? 0;
    }
    return acks;
  }

  /** The record stays as it is. */
  [Symbol.dispose](): void {
    if (this.#done) return;
    this.#done = true;
    this.#reader[Symbol.dispose]();
    this.#side[Symbol.dispose]();
  }

  #countAcks(atMs: number, acks: number): void {
    const step = Math.floor(atMs / RATE_STEP_MS);
    const slot = ((step % RATE_STEPS) + RATE_STEPS) % RATE_STEPS;
    if (this.#ackSteps[slot] !== step) {
      this.#ackSteps[slot] = step;
      this.#acks[slot] = 0;
    }
    this.#acks[slot] = (this.#acks[slot] ?? 0) + acks;
  }
}
