/**
 * Layout of `history.bin`, as docs/ledger-history.md describes it: a header of 64 bytes, then records of 40 bytes each, all
 * little-endian. Both are multiples of 8 so that typed arrays can be laid over them.
 */
export const HISTORY_FORMAT = { magic: 'CNPGLDGR', version: 1, headerBytes: 64, recordBytes: 40 } as const;

/** Files of a history directory. */
export const HISTORY_FILES = {
  records: 'history.bin',
  strings: 'strings.jsonl',
  manifest: 'run.json',
  rows: 'rows.bin',
} as const;

/** What a record says, by its code. Codes are never given a new meaning. */
export const RECORD_CODES = {
  invoke: 1,
  ok: 2,
  'ok-weak': 3,
  fail: 4,
  info: 5,
  reserve: 6,
  connected: 7,
  settings: 8,
  'connect-failed': 9,
  standbys: 10,
  origin: 11,
  tombstone: 12,
  dropped: 13,
  doubt: 14,
  stall: 15,
} as const;

/** Kind of a record. */
export type RecordKind = keyof typeof RECORD_CODES;

/** How a run ended: `running` also when its process was killed. */
export type HistoryState = 'running' | 'closed' | 'gave-up';
const STATES = ['running', 'closed', 'gave-up'] as const satisfies readonly HistoryState[];
const STATE_OFFSET = 12;

/** The one byte of the header that is rewritten, with its offset: it needs no new room on a full disk. */
export function stateByte(state: HistoryState): { bytes: Uint8Array; offset: number } {
  return { bytes: Uint8Array.of(STATES.indexOf(state)), offset: STATE_OFFSET };
}

/** The fixed facts of a history. */
export interface HistoryHeader {
  readonly seed: number;
  readonly writers: number;
  /** Begin of the run by the wall clock, in ms since 1970, and the same moment on `performance.now()`, in ms. */
  readonly startedAt: number;
  readonly startedAtMs: number;
}

/** Makes the header of a running history. */
export function encodeHeader(header: HistoryHeader): Buffer {
  const bytes = Buffer.alloc(HISTORY_FORMAT.headerBytes);
  bytes.write(HISTORY_FORMAT.magic, 0, 'latin1');
  bytes.writeUInt16LE(HISTORY_FORMAT.version, 8);
  bytes.writeUInt16LE(HISTORY_FORMAT.recordBytes, 10);
  bytes.writeDoubleLE(header.seed, 16);
  bytes.writeDoubleLE(header.startedAt, 24);
  bytes.writeDoubleLE(header.startedAtMs, 32);
  bytes.writeUInt16LE(header.writers, 40);
  bytes.writeUInt32LE(headerCheck(bytes), 60);
  return bytes;
}

/** What is wrong with a header: where, and what would be right. */
export interface HeaderProblem {
  readonly offset: number;
  readonly message: string;
}

/** Reads a header, or says what is wrong with it. */
export function decodeHeader(bytes: Buffer): (HistoryHeader & { state: HistoryState }) | HeaderProblem {
  const { magic, version, headerBytes, recordBytes } = HISTORY_FORMAT;
  const found = bytes.toString('latin1', 0, magic.length);
  if (found !== magic)
    return { offset: 0, message: `begins with ${JSON.stringify(found)}; a history begins with "${magic}"` };
  if (bytes.length < headerBytes)
    return { offset: bytes.length, message: `ends inside its header of ${headerBytes} bytes` };
  if (bytes.readUInt16LE(8) !== version) {
    return { offset: 8, message: `has version ${bytes.readUInt16LE(8)}; this program reads version ${version}` };
  }
  if (bytes.readUInt16LE(10) !== recordBytes) {
    return {
      offset: 10,
      message: `has records of ${bytes.readUInt16LE(10)} bytes; version ${version} has ${recordBytes}`,
    };
  }
  if (bytes.readUInt32LE(60) !== headerCheck(bytes)) {
    return { offset: 60, message: 'has a header whose check sum does not match: it was changed after it was written' };
  }
  const state = STATES[bytes.readUInt8(STATE_OFFSET)];
  if (state === undefined) {
    const right = STATES.map((name, code) => `${code} (${name})`).join(', ');
    return { offset: STATE_OFFSET, message: `has state ${bytes.readUInt8(STATE_OFFSET)}; it must be one of ${right}` };
  }
  return {
    state,
    seed: bytes.readDoubleLE(16),
    startedAt: bytes.readDoubleLE(24),
    startedAtMs: bytes.readDoubleLE(32),
    writers: bytes.readUInt16LE(40),
  };
}

/** Over all of the header but the state, which changes. */
function headerCheck(bytes: Buffer): number {
  let h = 0;
  for (let i = 0; i < 60; i += 4) {
    if (i === STATE_OFFSET) continue;
    h = Math.imul(h ^ bytes.readInt32LE(i), MULTIPLIER);
    h ^= h >>> 15;
  }
  return h >>> 0;
}

/** One record, decoded. Which fields mean something depends on its kind. */
export interface HistoryRecord {
  kind: RecordKind;
  /** `performance.now()` of the runner, in ms. */
  atMs: number;
  /** WAL position. */
  lsn: number;
  /** Sequence number, or the number that a record is about. */
  seq: number;
  /** From sending to settling, and from being due to sending, in ms. */
  serviceMs: number;
  queueMs: number;
  /** Line of the side file, or the hash of durability settings. */
  ref: number;
  writer: number;
  origin: number;
}

/** A record with nothing in it. */
export const BLANK: Readonly<HistoryRecord> = {
  kind: 'invoke',
  atMs: 0,
  lsn: 0,
  seq: 0,
  serviceMs: 0,
  queueMs: 0,
  ref: 0,
  writer: 0,
  origin: 0,
};

const MULTIPLIER = 0x85ebca6b;
/** Kinds by their codes. */
const KINDS: (RecordKind | undefined)[] = [];
for (const [kind, code] of Object.entries(RECORD_CODES)) KINDS[code] = kind as RecordKind;
const WORDS = HISTORY_FORMAT.recordBytes / 4;
const HALVES = HISTORY_FORMAT.recordBytes / 2;
const DOUBLES = HISTORY_FORMAT.recordBytes / 8;

/**
 * A block of records under one buffer. Typed arrays instead of `DataView`: 40 bytes in a few dozen ns. They have the byte
 * order of the machine, which is little-endian on everything that Node 24 runs on but s390x, where making one throws.
 */
export class RecordBlock {
  readonly bytes: Uint8Array;
  readonly #f64: Float64Array;
  readonly #f32: Float32Array;
  readonly #i32: Int32Array;
  readonly #u16: Uint16Array;

  constructor(records: number) {
    const buffer = new ArrayBuffer(records * HISTORY_FORMAT.recordBytes);
    this.bytes = new Uint8Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#f32 = new Float32Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) throw new Error('histories need a little-endian machine');
  }

  /** Puts a record into a slot; `index` is its number in the file, which the check sum covers too. */
  put(
    slot: number,
    index: number,
    code: number,
    atMs: number,
    lsn: number,
    seq: number,
    serviceMs: number,
    queueMs: number,
    ref: number,
    writer: number,
    origin: number,
  ): void {
    const word = slot * WORDS;
    const half = slot * HALVES;
    this.#f64[slot * DOUBLES] = atMs;
    this.#i32[word + 2] = lsn;
    this.#i32[word + 3] = lsn / 2 ** 32;
    this.#i32[word + 4] = seq;
    this.#f32[word + 5] = serviceMs;
    this.#f32[word + 6] = queueMs;
    this.#i32[word + 7] = ref;
    this.#u16[half + 16] = writer;
    this.#u16[half + 17] = origin;
    this.#u16[half + 18] = code;
    this.#u16[half + 19] = this.#check(word, index, code);
  }

  /** Whether a slot holds a whole record of a known kind, written as number `index`. */
  valid(slot: number, index: number): boolean {
    const code = this.#u16[slot * HALVES + 18] ?? 0;
    return KINDS[code] !== undefined && this.#u16[slot * HALVES + 19] === this.#check(slot * WORDS, index, code);
  }

  /** Reads a slot into `into`. */
  get(slot: number, into: HistoryRecord): void {
    const word = slot * WORDS;
    const half = slot * HALVES;
    into.kind = KINDS[this.#u16[half + 18] ?? 0] ?? 'invoke';
    into.atMs = this.#f64[slot * DOUBLES] ?? 0;
    into.lsn = ((this.#i32[word + 3] ?? 0) >>> 0) * 2 ** 32 + ((this.#i32[word + 2] ?? 0) >>> 0);
    into.seq = (this.#i32[word + 4] ?? 0) >>> 0;
    into.serviceMs = this.#f32[word + 5] ?? 0;
    into.queueMs = this.#f32[word + 6] ?? 0;
    into.ref = this.#i32[word + 7] ?? 0;
    into.writer = this.#u16[half + 16] ?? 0;
    into.origin = this.#u16[half + 17] ?? 0;
  }

  /** 16 bits over the nine whole words, the kind and the number of the record. */
  #check(word: number, index: number, code: number): number {
    let h = Math.imul(index + code * 0x10001 + 1, MULTIPLIER);
    for (let i = word; i < word + 9; i++) {
      h = Math.imul(h ^ (this.#i32[i] ?? 0), MULTIPLIER);
      h ^= h >>> 15;
    }
    return (h ^ (h >>> 16)) & 0xffff;
  }
}
