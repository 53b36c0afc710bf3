import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import type { SessionFacts } from '../session.ts';
import { HistoryError } from './history-error.ts';

const facts = z.object({
  synchronousCommit: z.string(),
  synchronousStandbyNames: z.string(),
  fsync: z.string(),
  durabilityHash: z.number(),
  serverVersion: z.number(),
  inRecovery: z.boolean(),
  timeline: z.number().optional(),
  server: z.string(),
  systemIdentifier: z.string(),
  ownSessions: z.number(),
  // histories of before it was asked do without
  connectionLimit: z.number().optional(),
});

const line = z.discriminatedUnion('kind', [
  z.object({ id: z.number(), kind: z.literal('text'), text: z.string() }),
  z.object({ id: z.number(), kind: z.literal('origin'), server: z.string(), timeline: z.number() }),
  z.object({ id: z.number(), kind: z.literal('facts'), facts }),
]);

/** A line of `strings.jsonl`: what a record of fixed size has no room for. */
export type SideLine =
  | { readonly id: number; readonly kind: 'text'; readonly text: string }
  | { readonly id: number; readonly kind: 'origin'; readonly server: string; readonly timeline: number }
  | { readonly id: number; readonly kind: 'facts'; readonly facts: SessionFacts };

/**
 * Reads the side file. A last line without its newline was cut by a crash and is left out: the records that need it come
 * later. @throws HistoryError that names the line when it is not what it should be.
 */
export function readSideFile(path: string): readonly SideLine[] {
  using reader = new SideReader(path);
  reader.catchUp();
  return reader.lines;
}

/** Reads a side file while it grows. */
export class SideReader implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #lines: SideLine[] = [];
  #offset = 0;

  /** @throws HistoryError when the file cannot be opened. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, 'r');
    } catch (cause) {
      throw new HistoryError(path, undefined, cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /** Every whole line that was read; the array grows. */
  get lines(): readonly SideLine[] {
    return this.#lines;
  }

  /** Reads the whole lines that were added. @throws HistoryError */
  catchUp(): void {
    const size = fstatSync(this.#fd).size - this.#offset;
    if (size <= 0) return;
    const bytes = Buffer.alloc(size);
    const text = bytes.subarray(0, readSync(this.#fd, bytes, 0, size, this.#offset));
    let begin = 0;
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, begin)) {
      this.#lines.push(parseLine(text.toString('utf8', begin, end), this.#lines.length, this.#path));
      begin = end + 1;
    }
    this.#offset += begin;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const NEWLINE = 10;

function parseLine(text: string, id: number, path: string): SideLine {
  let parsed: SideLine | undefined;
  try {
    const { data } = line.safeParse(JSON.parse(text));
    if (data !== undefined) {
      // JSON leaves out what is undefined
      parsed = data.kind === 'facts' ? { ...data, facts: { ...data.facts, timeline: data.facts.timeline } } : data;
    }
  } catch {
    // reported below, like everything else that is no line
  }
  if (parsed?.id === id) return parsed;
  throw new HistoryError(
    path,
    undefined,
    `line ${id + 1} is ${text.slice(0, 80)}; expected an object with "id" ${id} and a known "kind"`,
  );
}
