/**
 * Payload of a write, recomputable from (seed, writer, seq), so that a changed byte is seen without storing what was
 * written. Characters are of the URL-safe base64 alphabet, which COPY text never escapes and TOAST hardly compresses.
 */
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'latin1');
const CHARACTERS_PER_WORD = 4;

/** 32-bit finaliser of MurmurHash3. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function firstState(seed: number, writer: number, seq: number): number {
  return mix(mix(mix(seed + 0x9e3779b9) ^ (writer + 0x7f4a7c15)) ^ seq);
}

function nextState(state: number): number {
  return (state + 0x9e3779b9) | 0;
}

/** Writes the payload into a scratch buffer. */
function fill(target: Buffer, seed: number, writer: number, seq: number, length: number): void {
  let state = firstState(seed, writer, seq);
  for (let i = 0; i < length; i += CHARACTERS_PER_WORD) {
    state = nextState(state);
    let word = mix(state);
    const end = Math.min(i + CHARACTERS_PER_WORD, length);
    for (let j = i; j < end; j++) {
      target[j] = ALPHABET[word & 63] ?? 0;
      word >>>= 6;
    }
  }
}

/** Makes and checks the payloads of one run; `bytes` is the length of each, in characters of one byte. */
export class Payloads {
  readonly #seed: number;
  readonly #scratch: Buffer;

  constructor(seed: number, bytes: number) {
    this.#seed = seed | 0;
    this.#scratch = Buffer.alloc(bytes);
  }

  /** The payload of one write. */
  text(writer: number, seq: number): string {
    fill(this.#scratch, this.#seed, writer, seq, this.#scratch.length);
    return this.#scratch.toString('latin1');
  }

  /** Whether `bytes[start, end)` is exactly the payload of that write. */
  matches(writer: number, seq: number, bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== this.#scratch.length) return false;
    let state = firstState(this.#seed, writer, seq);
    for (let at = start; at < end;) {
      state = nextState(state);
      let word = mix(state);
      for (const stop = Math.min(at + CHARACTERS_PER_WORD, end); at < stop; at++) {
        if (bytes[at] !== ALPHABET[word & 63]) return false;
        word >>>= 6;
      }
    }
    return true;
  }
}
