/** What came back for one execution. */
export interface Executed {
  /** The first row, as text. */
  readonly row: (string | null)[];
  /** Rows affected, by the command tag. */
  readonly count: number;
}

const BIND_COMPLETE = 0x32;
const DATA_ROW = 0x44;
const COMMAND_COMPLETE = 0x43;
const READY_FOR_QUERY = 0x5a;
const IDLE = 0x49;
const BIND_COMPLETE_BYTES = 5;
const READY_BYTES = 6;

/**
 * Reads the answer to one execution when it is whole and nothing but BindComplete, one row, CommandComplete, and ReadyForQuery
 * of an idle session. `undefined` for everything else, which is left to the driver. Text is taken as ASCII.
 */
export function readPlainAnswer(bytes: Buffer): Executed | undefined {
  if (bytes[0] !== BIND_COMPLETE || bytes[BIND_COMPLETE_BYTES] !== DATA_ROW) return undefined;
  if (!endsWithReady(bytes) || bytes[bytes.length - 1] !== IDLE) return undefined;
  const rowEnd = endOf(bytes, BIND_COMPLETE_BYTES);
  if (bytes[rowEnd] !== COMMAND_COMPLETE || endOf(bytes, rowEnd) + READY_BYTES !== bytes.length) return undefined;
  // one string for all of them, since what it costs to make one hardly depends on its length
  const text = bytes.toString('latin1');
  const row: (string | null)[] = [];
  for (let at = BIND_COMPLETE_BYTES + 7; at < rowEnd;) {
    const length = bytes.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : text.slice(at, at + length));
    at += Math.max(0, length);
  }
  return { row, count: countOfTag(text.slice(rowEnd + 5, -READY_BYTES - 1)) };
}

/** Rows affected, which a command tag such as `INSERT 0 1` ends with. */
export function countOfTag(tag: string): number {
  return Number(tag.slice(tag.lastIndexOf(' ') + 1));
}

/** Whether the last bytes are those of ReadyForQuery. */
export function endsWithReady(bytes: Buffer): boolean {
  const at = bytes.length - READY_BYTES;
  return at >= 0 && bytes[at] === READY_FOR_QUERY && bytes.readUInt32BE(at + 1) === READY_BYTES - 1;
}

/** Where the message that begins at `at` ends. */
function endOf(bytes: Buffer, at: number): number {
  return at + 5 <= bytes.length ? at + 1 + bytes.readUInt32BE(at + 1) : Infinity;
}
