import { rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Channel } from './channel.ts';
import { parseToWriters } from './messages.ts';
import type { FromWriters, ToWriters } from './messages.ts';
import { endWith } from './stdio-host.ts';
import { WriterHost } from './writer-host.ts';

const SOCKET = 'control.sock';
/** How long the writers go on when nobody is attached, in ms: longer than any partition of a test. */
const ALONE_MS = 20 * 60_000;
/** How long an attaching process waits for the socket to appear, in ms. */
const APPEAR_MS = 20_000;
const RETRY_MS = 50;

/** Is the process of the writers until SIGTERM, or until nobody was attached for 20 minutes. */
export function serve(dir: string): void {
  const path = join(dir, SOCKET);
  rmSync(path, { force: true });
  let attached: { socket: Socket; channel: Channel<ToWriters, FromWriters> } | undefined;
  const host = new WriterHost((message, bytes) => attached?.channel.send(message, bytes));
  let alone = setTimeout(() => endWith(host), ALONE_MS);
  createServer((socket) => {
    // whoever comes later has lost the connection of before
    attached?.socket.destroy();
    clearTimeout(alone);
    const channel = new Channel<ToWriters, FromWriters>(
      { input: socket, output: socket },
      {
        parse: parseToWriters,
        onMessage: (message) => host.take(message),
        onEnd: () => {
          socket.destroy();
          if (attached?.socket !== socket) return;
          attached = undefined;
          alone = setTimeout(() => endWith(host), ALONE_MS);
        },
      },
    );
    attached = { socket, channel };
    host.greet();
  }).listen(path);
  process.on('SIGTERM', () => endWith(host));
}

/** Joins standard input and output to the socket of a process that serves in that directory. Ends when either side does. */
export function attach(dir: string): void {
  const deadlineMs = performance.now() + APPEAR_MS;
  const connect = (): void => {
    const socket = createConnection(join(dir, SOCKET));
    let joined = false;
    socket.once('connect', () => {
      joined = true;
      process.stdin.pipe(socket);
      socket.pipe(process.stdout);
    });
    socket.once('error', (error) => {
      if (!joined && performance.now() < deadlineMs) setTimeout(connect, RETRY_MS);
      else fail(error);
    });
    socket.once('close', () => joined && process.exit(0));
  };
  const fail = (error: Error): void => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  };
  process.stdin.once('end', () => process.exit(0));
  process.stdout.once('error', () => process.exit(0));
  connect();
}
