import type { FromWriters, ToWriters } from './messages.ts';

/** Who hears from the process of the writers. */
export interface LinkHandlers {
  readonly onMessage: (message: FromWriters, bytes: Buffer) => void;
  /** It has ended, for this reason; nothing follows. */
  readonly onEnd: (why: string) => void;
}

/** A way to the process of the writers, wherever it runs. */
export interface WriterLink {
  /** Where the process keeps the history. */
  readonly historyDir: string;
  /** That directory is the one of this process too; otherwise its files have to be fetched. */
  readonly sharesDisk: boolean;
  /** How much longer than promised an answer may take, in ms, since a connection may have to come back first. Default 10 000. */
  readonly graceMs?: number | undefined;
  /** Sends a message; one that cannot be sent is dropped. */
  send(message: ToWriters): void;
  /** Ends the process, if it still runs, and removes what was made for it. Idempotent. */
  end(): Promise<void>;
}

/** Where the writers of a ledger run. */
export interface WriterPlace {
  /** Starts the process. Its first message is `hello`. Rejects when it cannot be started, or when the signal fires. */
  open(o: { readonly historyDir: string; readonly signal: AbortSignal }, handlers: LinkHandlers): Promise<WriterLink>;
}
