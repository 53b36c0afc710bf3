import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Channel } from './channel.ts';
import type { LinkHandlers, WriterLink } from './link.ts';
import { parseFromWriters } from './messages.ts';
import type { FromWriters, ToWriters } from './messages.ts';

/** One connection to a process that goes on without it. */
export interface Attachment {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves at its end, never rejects. */
  readonly ended: Promise<unknown>;
  close(): void;
}

/** How to reach a process of writers elsewhere. */
export interface RemoteWriters {
  /** Where it keeps its history. */
  readonly historyDir: string;
  /** Rejects while it cannot be reached. */
  attach(signal: AbortSignal): Promise<Attachment>;
  /** Why the process is gone for good; `undefined` when it is not, or cannot be asked. */
  over(signal: AbortSignal): Promise<string | undefined>;
  /** Ends the process and removes what was made for it. */
  remove(): Promise<void>;
}

const RETRY_MS = 500;
const ASK_TIMEOUT_MS = 5000;
/** There is a sign of life every second: a connection that is silent for this long, in ms, is broken. */
const SILENT_MS = 5000;

/** A link that is made anew whenever it breaks, for as long as the process lives. */
export class ReattachingLink implements WriterLink {
  readonly sharesDisk = false;
  readonly graceMs = 60_000;
  readonly historyDir: string;
  readonly #writers: RemoteWriters;
  readonly #handlers: LinkHandlers;
  readonly #over = new AbortController();
  #attachment: Attachment | undefined;
  #channel: Channel<FromWriters, ToWriters> | undefined;
  #ending: Promise<void> | undefined;

  constructor(writers: RemoteWriters, handlers: LinkHandlers) {
    this.#writers = writers;
    this.#handlers = handlers;
    this.historyDir = writers.historyDir;
    void this.#keepAttached(this.#over.signal);
  }

  send(message: ToWriters): void {
    this.#channel?.send(message);
  }

  async end(): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #end(): Promise<void> {
    this.#over.abort();
    this.#attachment?.close();
    await this.#writers.remove();
    this.#handlers.onEnd('it was removed');
  }

  async #keepAttached(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // a failure may be the very partition that the test makes
      await this.#attach(signal).catch(() => undefined);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
      const why = await this.#writers.over(limit).catch(() => undefined);
      if (why !== undefined && !signal.aborted) return this.#handlers.onEnd(why);
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection, from its begin to its end. */
  async #attach(signal: AbortSignal): Promise<void> {
    const attachment = await this.#writers.attach(signal);
    this.#attachment = attachment;
    const silence = setTimeout(() => attachment.close(), SILENT_MS);
    this.#channel = new Channel<FromWriters, ToWriters>(
      { input: attachment.stdout, output: attachment.stdin },
      {
        parse: parseFromWriters,
        onMessage: (message, bytes) => {
          silence.refresh();
          this.#handlers.onMessage(message, bytes);
        },
        onEnd: () => attachment.close(),
      },
    );
    if (signal.aborted) attachment.close();
    await attachment.ended;
    clearTimeout(silence);
    this.#channel = undefined;
  }
}
