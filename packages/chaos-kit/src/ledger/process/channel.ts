import type { Readable, Writable } from 'node:stream';

const HEAD_BYTES = 8;
/** A frame is never larger: bytes that say otherwise are no frame. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const NO_BYTES = Buffer.alloc(0);

/**
 * Messages over a pair of byte streams. A frame is: u32 length of the JSON text, u32 length of the bytes behind it, both
 * little-endian, the text, the bytes.
 */
export class Channel<In, Out> {
  readonly #output: Writable;
  readonly #parse: (message: unknown) => In;
  readonly #onMessage: (message: In, bytes: Buffer) => void;
  readonly #onEnd: (why: Error | undefined) => void;
  #received: Buffer = NO_BYTES;
  #ended = false;

  /** `onEnd` is called once, with the error if it was not an orderly end. */
  constructor(
    streams: { readonly input: Readable; readonly output: Writable },
    handlers: {
      readonly parse: (message: unknown) => In;
      readonly onMessage: (message: In, bytes: Buffer) => void;
      readonly onEnd: (why: Error | undefined) => void;
    },
  ) {
    this.#output = streams.output;
    this.#parse = handlers.parse;
    this.#onMessage = handlers.onMessage;
    this.#onEnd = handlers.onEnd;
    streams.input.on('data', (chunk: Buffer) => this.#take(chunk));
    streams.input.on('end', () => this.#end(undefined));
    streams.input.on('close', () => this.#end(undefined));
    streams.input.on('error', (error) => this.#end(error));
    streams.output.on('error', (error) => this.#end(error));
  }

  /** Sends a message; does nothing when the channel has ended. */
  send(message: Out, bytes: Uint8Array = NO_BYTES): void {
    if (this.#ended) return;
    const text = Buffer.from(JSON.stringify(message));
    const frame = Buffer.allocUnsafe(HEAD_BYTES + text.length + bytes.length);
    frame.writeUInt32LE(text.length, 0);
    frame.writeUInt32LE(bytes.length, 4);
    text.copy(frame, HEAD_BYTES);
    frame.set(bytes, HEAD_BYTES + text.length);
    this.#output.write(frame);
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    try {
      while (!this.#ended && this.#received.length >= HEAD_BYTES) {
        const textEnd = HEAD_BYTES + this.#received.readUInt32LE(0);
        const end = textEnd + this.#received.readUInt32LE(4);
        if (end > MAX_FRAME_BYTES)
          throw new Error(`a frame of ${end} bytes; at most ${MAX_FRAME_BYTES} would be right`);
        if (this.#received.length < end) return;
        const message: unknown = JSON.parse(this.#received.toString('utf8', HEAD_BYTES, textEnd));
        const bytes = this.#received.subarray(textEnd, end);
        this.#received = this.#received.subarray(end);
        this.#onMessage(this.#parse(message), bytes);
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #end(why: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(why);
  }
}
