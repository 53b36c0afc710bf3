import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeTestCertificate } from '../../../cnpg-utils/test/support/test-certificates.ts';
import { backendMessage as message } from '../../test/ledger/backend-message.ts';
import { Execution, PreparedStatement } from './prepared-statement.ts';
import { Session } from './session.ts';

const ready = message('Z', 'I');
const plain = Buffer.concat([
  message('2'),
  message('D', Buffer.from('\0\x01\0\0\0\x02ab', 'latin1')),
  message('C', 'INSERT 0 1\0'),
  ready,
]);
const weak = message('N', 'SWARNING\0C01000\0Mcancelled\0RSyncRepWaitForLSN\0\0');
const error = (code: string): Buffer => message('E', `SERROR\0C${code}\0Mno\0\0`);

const PATIENCE_MS = 10_000;
const { cert, key } = makeTestCertificate(['server']);

let session: Session;
let peer: Socket;
const server = createServer();

async function connect(tls: boolean): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const greet = (socket: Socket): void => {
    peer = socket;
    socket.once('data', () => socket.write(Buffer.concat([message('R', '\0\0\0\0'), ready])));
  };
  server.once('connection', (socket) => {
    socket.setNoDelay();
    if (!tls) return greet(socket);
    socket.once('data', () => {
      socket.write('S');
      greet(new TLSSocket(socket, { isServer: true, cert, key }));
    });
  });
  const target = { resolveHost: async () => ({ host: '127.0.0.1', port }), user: 'u', database: 'd' };
  const { signal } = new AbortController();
  const options = { applicationName: 'a', connectTimeoutMs: PATIENCE_MS, signal };
  session = await Session.open(tls ? { ...target, ca: cert } : target, options);
}

afterEach(async () => {
  session.destroy('end of test');
  peer.destroy();
  server.close();
  await once(server, 'close');
});

const statement = new PreparedStatement('s', 'insert $1');

/** What the session makes of an answer that comes in these pieces. */
async function answered(...pieces: Buffer[]) {
  const reply = session.execute(statement, ['v'], PATIENCE_MS);
  await once(peer, 'data');
  for (const piece of pieces) {
    peer.write(piece);
    await turn();
    await turn();
  }
  return reply;
}

const accepted = { sent: true, rows: [['ab']], completed: 1, error: undefined, rejected: false, syncRepNotice: false };

describe.each([
  ['plain', false],
  ['TLS', true],
] as const)('over %s', (_, tls) => {
  beforeEach(async () => connect(tls));

  test('an answer says the same whole and in pieces, whatever came before', async () => {
    expect(await answered(Buffer.concat([message('1'), plain]))).toEqual(accepted);
    expect(await answered(plain)).toEqual(accepted);
    for (let at = 1; at < plain.length; at++) {
      expect(await answered(plain.subarray(0, at), plain.subarray(at)), `cut at ${at}`).toEqual(accepted);
      expect(await answered(plain)).toEqual(accepted);
    }
  });

  test('a warning of the wait for the standby is seen, and only on its own answer', async () => {
    await answered(Buffer.concat([message('1'), plain]));
    expect(await answered(Buffer.concat([weak, plain]))).toEqual({ ...accepted, syncRepNotice: true });
    expect(await answered(weak, plain)).toEqual({ ...accepted, syncRepNotice: true });
    expect(await answered(weak.subarray(0, 9), Buffer.concat([weak.subarray(9), plain]))).toEqual({
      ...accepted,
      syncRepNotice: true,
    });
    expect(await answered(plain)).toEqual(accepted);
  });

  test('an error is rejected only when the server was ready afterwards', async () => {
    await answered(Buffer.concat([message('1'), plain]));
    expect(await answered(Buffer.concat([message('2'), error('23505'), ready]))).toMatchObject({
      rejected: true,
      error: { code: '23505' },
    });
    expect(await answered(plain)).toEqual(accepted);
    const cut = answered(Buffer.concat([message('2'), error('57P01')]));
    await turn();
    setImmediate(() => peer.destroy());
    expect(await cut).toMatchObject({ sent: true, rejected: false, error: { code: '57P01' } });
    expect(await session.execute(statement, ['v'], PATIENCE_MS)).toMatchObject({ sent: false });
  });

  test('a whole answer does not pass through the driver', async () => {
    await answered(Buffer.concat([message('1'), plain]));
    using byDriver = vi.spyOn(Execution.prototype, 'handleDataRow');
    expect(await answered(plain)).toEqual(accepted);
    expect(byDriver).not.toHaveBeenCalled();
    expect(await answered(plain.subarray(0, 20), plain.subarray(20))).toEqual(accepted);
    expect(byDriver).toHaveBeenCalledOnce();
  });

  test('what looks like an answer inside of another message is none', async () => {
    await answered(Buffer.concat([message('1'), plain]));
    const inside = Buffer.from(plain);
    inside.write('xx', inside.indexOf('ab'));
    const status = message('S', inside);
    expect(await answered(status.subarray(0, 5), status.subarray(5), plain)).toEqual(accepted);
    expect(await answered(plain)).toEqual(accepted);
  });

  test('what is not answered in time is given up', async () => {
    const reply = await session.execute(statement, ['v'], 20);
    expect(reply).toMatchObject({ sent: true, rejected: false, completed: undefined });
    expect(reply.error?.message).toMatch('no answer within 20 ms');
  });
});
