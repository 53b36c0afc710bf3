import { fit } from '../report/format.ts';

/** The part of a terminal stream that a {@link LiveLine} needs. */
export type TerminalStream = Pick<NodeJS.WriteStream, 'write'> & { readonly columns?: number };

const clearLine = '\r\u001B[2K';

/**
 * One line at the bottom of a terminal that is redrawn in place, while other output scrolls above it.
 *
 * Whatever else writes to the streams is let through with the line taken away first and put back afterwards.
 * A write that does not end its own line keeps the live line away until one does.
 */
export class LiveLine implements Disposable {
  readonly #stream: TerminalStream;
  readonly #restore: (() => void)[] = [];
  readonly #write: (chunk: string) => boolean;
  #text = '';
  #drawn = false;
  #atLineStart = true;

  /**
   * @param stream Where the line is drawn.
   * @param others Streams that end up on the same terminal, for instance stderr.
   */
  constructor(stream: TerminalStream, others: readonly TerminalStream[] = []) {
    this.#stream = stream;
    this.#write = stream.write.bind(stream);
    for (const each of new Set([stream, ...others])) this.#intercept(each);
  }

  /** Shows `text`, cut to the width of the terminal, instead of what was there. */
  update(text: string): void {
    this.#text = text;
    this.#draw();
  }

  /** Takes the line away until the next `update`. */
  clear(): void {
    this.#erase();
    this.#text = '';
  }

  [Symbol.dispose](): void {
    this.clear();
    for (const restore of this.#restore.splice(0)) restore();
  }

  #draw(): void {
    if (this.#text === '' || !this.#atLineStart) return;
    this.#write(clearLine + fit(this.#text, (this.#stream.columns || 80) - 1));
    this.#drawn = true;
  }

  #erase(): void {
    if (this.#drawn) this.#write(clearLine);
    this.#drawn = false;
  }

  #intercept(stream: TerminalStream): void {
    const own = Object.getOwnPropertyDescriptor(stream, 'write');
    const write = stream.write.bind(stream);
    // All overloads of `write` at once: everything but the chunk is passed on as it came.
    const intercepted = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      this.#erase();
      const accepted = Reflect.apply(write, stream, [chunk, ...rest]) as boolean;
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      if (text !== '') this.#atLineStart = text.endsWith('\n');
      this.#draw();
      return accepted;
    };
    stream.write = intercepted;
    this.#restore.push(() => {
      // Someone may have wrapped the stream after us; taking ours away would take theirs away as well.
      if (Object.getOwnPropertyDescriptor(stream, 'write')?.value !== intercepted) return;
      if (own) Object.defineProperty(stream, 'write', own);
      else Reflect.deleteProperty(stream, 'write');
    });
  }
}
