import { Channel } from './channel.ts';
import { parseToWriters } from './messages.ts';
import type { FromWriters, ToWriters } from './messages.ts';
import { WriterHost } from './writer-host.ts';

/** Time for ending the history when the other side is gone, in ms. */
const END_WITHIN_MS = 2000;

/** Is the process of the writers until standard input ends. */
export function talkOverStdio(): void {
  // a terminal interrupts all its processes: when to end is up to the one that started this one
  process.on('SIGINT', () => undefined);
  // read by the one that may be gone; what cannot be told must not end this before its history is ended
  process.stderr.on('error', () => undefined);
  const host = new WriterHost((message, bytes) => channel.send(message, bytes));
  const end = (): void => endWith(host);
  process.on('SIGTERM', end);
  const channel = new Channel<ToWriters, FromWriters>(
    { input: process.stdin, output: process.stdout },
    {
      parse: parseToWriters,
      onMessage: (message) => host.take(message),
      onEnd: (why) => {
        if (why !== undefined) process.stderr.write(`${why.message}\n`);
        end();
      },
    },
  );
  host.greet();
}

/** Ends the history in order, soon, and the process. */
export function endWith(host: WriterHost): void {
  setTimeout(() => process.exit(1), END_WITHIN_MS).unref();
  void host.orphaned().finally(() => process.exit(0));
}
