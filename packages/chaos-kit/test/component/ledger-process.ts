// A process that runs a ledger, to be killed or to run out of disk: node ledger-process.ts <options as JSON>
// Prints the number of its process of writers, then how many writes were acknowledged every 20 ms, and at the end, if it gets there, the verification as JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Ledger } from '../../src/ledger/index.ts';

/** What the process is given. */
export interface LedgerProcessOptions {
  readonly host: string;
  readonly port: number;
  readonly historyDir: string;
  readonly seed: number;
  readonly rate: number | 'closed';
}

const { host, port, ...options } = JSON.parse(process.argv[2] ?? '') as LedgerProcessOptions;

async function admin(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host, port, user: 'postgres', database: 'app' });
  await client.connect();
  try {
    const result: pg.QueryResult<Record<string, unknown>> = await client.query(sql);
    return result.rows;
  } finally {
    await client.end();
  }
}

const target = { resolveHost: async () => ({ host, port }), user: 'app', password: 'secret', database: 'app', admin };
await using ledger = await Ledger.start(target, { ...options, writers: 4, keepTable: 'always' });
// it has run out of disk when nothing was acknowledged for a while; a busy machine pauses too
process.stdout.write(`${ledger.writerPid}\n`);
for (let last = -1, atMs = performance.now(); performance.now() - atMs < 2000; await sleep(20)) {
  if (ledger.progress.acked === last) continue;
  last = ledger.progress.acked;
  atMs = performance.now();
  process.stdout.write(`${last}\n`);
}
const final = { instances: async () => [{ name: 'p', admin }] };
process.stdout.write(`${JSON.stringify(await ledger.verify({ final }))}\n`);
