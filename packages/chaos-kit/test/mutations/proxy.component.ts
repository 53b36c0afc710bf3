import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { LedgerTarget } from '../../src/ledger/index.ts';
import { until } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import { LyingProxy, ready, withValue } from './lying-proxy.ts';
import type { ProxyConnection, Statement } from './lying-proxy.ts';
import { mutation } from './mutation.ts';
import { SOON, startLedger } from './scenes.ts';

const COPY_OUT = 0x48;
/** Beyond every number that is reserved. */
const FAR = 1_000_000;

/** Whether a statement is a write of the ledger. */
const isWrite = ({ values }: Statement): boolean =>
  values.length === 4 && /^\d+$/.test(values[0] ?? '') && values[3]?.length === 16;

describe('mutations: something between client and server', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  /** Without observers: the proxy is about writes. */
  const through = (proxy: LyingProxy): LedgerTarget => ({ ...cluster.target, resolveHost: async () => proxy.address });

  mutation('M16', async (seed) => {
    await using proxy = await LyingProxy.start(cluster.address);
    await using ledger = await startLedger(through(proxy), seed);
    const again = new Map<ProxyConnection, Buffer>();
    let written = 0;
    proxy.tricks = {
      onStatement(statement, connection) {
        if (written < 3 && isWrite(statement)) {
          written++;
          again.set(connection, withValue(statement, 1, String(FAR + written)));
        }
        return undefined;
      },
      onAnswer(bytes, { server, ...rest }) {
        const connection = [...again.keys()].find((it) => it.client === rest.client);
        const statement = connection === undefined ? undefined : again.get(connection);
        if (connection === undefined || statement === undefined) return bytes;
        // the answer is lost; the proxy does what it believes to be the same once more
        if (ready(bytes)) {
          again.delete(connection);
          server.write(statement);
        }
        return Buffer.alloc(0);
      },
    };
    await until('three writes of the proxy', async () => (written === 3 ? true : undefined));
    await ledger.waitForAcks(100, SOON);
    await ledger.stop();
    proxy.tricks = {};
    const result = await ledger.verify({ final: cluster.final });
    expect(result.counts).toMatchObject({ unexpected: 3, lost: 0, duplicated: 0 });
    expect(result.unexpected.map((row) => row.seq).toSorted((a, b) => a - b)).toEqual([FAR + 1, FAR + 2, FAR + 3]);
    return result;
  });

  mutation('M17', async (seed) => {
    await using proxy = await LyingProxy.start(cluster.address);
    await using ledger = await startLedger(through(proxy), seed);
    const answers = new Map<unknown, Buffer>();
    const asked = new Set<unknown>();
    let lies = 0;
    let lying = false;
    proxy.tricks = {
      onStatement(statement, { client }) {
        const answer = answers.get(client);
        if (!isWrite(statement)) return undefined;
        if (!lying || answer === undefined) {
          asked.add(client);
          return undefined;
        }
        lies++;
        client.write(answer);
        return Buffer.alloc(0);
      },
      onAnswer(bytes, { client }) {
        if (asked.delete(client) && ready(bytes)) answers.set(client, bytes);
        return bytes;
      },
    };
    await until('answers to repeat', async () => (answers.size === ledger.options.writers ? true : undefined));
    lying = true;
    await ledger.waitForAcks(40, SOON);
    lying = false;
    proxy.breakAll();
    await ledger.waitForAcks(100, SOON);
    await ledger.stop();
    const result = await ledger.verify({ final: cluster.final });
    expect(lies).toBeGreaterThanOrEqual(30);
    expect(result.counts).toMatchObject({ lost: lies, unexpected: 0, phantomFail: 0 });
    return result;
  });

  mutation('H4', async (seed) => {
    await using proxy = await LyingProxy.start(cluster.address);
    await using ledger = await startLedger(through(proxy), seed);
    let cuts = 0;
    proxy.tricks = {
      onAnswer(bytes, { client, server }) {
        if (bytes[0] !== COPY_OUT) return bytes;
        cuts++;
        client.end(bytes.subarray(0, Math.floor(bytes.length / 2)));
        server.destroy();
        return Buffer.alloc(0);
      },
    };
    const result = await ledger.verify({ final: cluster.final, timeoutMs: 1500 });
    expect(cuts).toBeGreaterThanOrEqual(1);
    expect(result.counts).toMatchObject({ lost: 0, rows: 0 });
    expect(result.readFrom).toBeUndefined();
    proxy.tricks = {};
    expect(await ledger.verify({ final: cluster.final })).toMatchObject({ verdict: 'pass' });
    return result;
  });
});
