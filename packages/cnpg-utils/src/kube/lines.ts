import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

/**
 * Splits a stream into lines. A last line that a lost connection cut short is left out: it cannot be told from a whole
 * one. Calls `onChunk` for each piece that arrives.
 */
export async function* readLines(stream: Readable, onChunk: () => void): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onChunk();
    rest += decoder.write(chunk);
    let start = 0;
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', start)) {
      const line = rest.slice(start, end);
      start = end + 1;
      if (line !== '') yield line;
    }
    rest = rest.slice(start);
  }
}
