// How fast the ledger writes and verifies, each beside its peer in the same run. Prints figures, asserts nothing.
// `--seconds <n>` per measurement (default 3), `--rounds <n>` (default 3), `--connections 1,8,32,64`, `--rows <n>` of the verification (default
// 10 000 000), `--only bare|pair|steady|verify`: throughput of one server, of a synchronous pair, and the others on one server.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HistoryWriter } from '../src/ledger/history/history-writer.ts';
import { readHistory } from '../src/ledger/history/replay.ts';
import { Ledger, verifyAgainst } from '../src/ledger/index.ts';
import type { LedgerOptions, LedgerVerification } from '../src/ledger/index.ts';
import { RunRecord } from '../src/ledger/run-record.ts';
import { createTableSql, insertSql } from '../src/ledger/table.ts';
import { BenchPostgres } from './postgres.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1,8,32,64' },
    rows: { type: 'string', default: '10000000' },
    only: { type: 'string' },
  },
});
const PARTS = ['bare', 'pair', 'steady', 'verify'];
if (values.only !== undefined && !PARTS.includes(values.only))
  throw new Error(`--only '${values.only}' is none of ${PARTS.join(', ')}`);
const seconds = Number(values.seconds);
const wanted = (part: string): boolean => values.only === undefined || values.only === part;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const median = (list: number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;

/** CPU time of a process so far, in s, and its resident memory, in MB. */
function usage(pid: number): { cpu: number; rss: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, rss: (pages * 4096) / 1e6 };
}

interface Rate {
  readonly perSecond: number;
  /** Cores that the client used. */
  readonly cores: number;
}

async function ledgerRate(server: BenchPostgres, tls: boolean, options: Omit<LedgerOptions, 'seed'>): Promise<Rate> {
  await using ledger = await Ledger.start(server.target(tls), { ...options, seed: 1, keepTable: 'never' });
  await sleep(1000);
  const from = { atMs: performance.now(), acked: ledger.progress.acked, ...usage(ledger.writerPid) };
  await sleep(seconds * 1000);
  const to = { atMs: performance.now(), acked: ledger.progress.acked, ...usage(ledger.writerPid) };
  const spent = (to.atMs - from.atMs) / 1000;
  return { perSecond: (to.acked - from.acked) / spent, cores: (to.cpu - from.cpu) / spent };
}

async function pgbenchRate(server: BenchPostgres, tls: boolean, connections: number): Promise<number> {
  await server.psql('set client_min_messages = error; drop table if exists bench');
  await server.psql(`set role app; ${createTableSql('bench')}`);
  const parameters = [':client_id', ':seq', '1', ':payload'];
  const statement = insertSql('bench').replaceAll(/\$(\d)/g, (_all, n: string) => parameters[Number(n) - 1] ?? '');
  const script = `cat > /tmp/bench.sql <<'END'
\\set seq :seq + 1
${statement};
END
pgbench -n -M prepared -c ${connections} -j ${Math.min(2, connections)} -T ${seconds} -D seq=0 -D payload=0123456789abcdef -f /tmp/bench.sql "$DB" 2>&1`;
  const output = await server.tool(script, tls);
  const tps = /^tps = ([\d.]+) \(without/m.exec(output)?.[1];
  if (tps === undefined) throw new Error(`pgbench said: ${output}`);
  return Number(tps);
}

async function throughput(server: BenchPostgres, what: string): Promise<void> {
  const rounds = Number(values.rounds);
  const settings = ['fsync', 'synchronous_commit', 'synchronous_standby_names'];
  const inForce = settings.map((name) => `'${name} = ' || current_setting('${name}')`);
  say(`\nthroughput of ${what} (${await server.psql(`select concat_ws(', ', ${inForce.join()})`)})`);
  say(`pgbench -M prepared and the ledger take turns, ${rounds} times ${seconds} s each`);
  // the best of each is what the other users of a busy machine disturbed least
  say('                   best of each                           median of each');
  say('connections  TLS  pgbench/s  ledger/s  share (wanted ≥ 90 %)  share  cores  µs of CPU per write');
  for (const tls of [false, true]) {
    for (const connections of values.connections.split(',').map(Number)) {
      const peer: number[] = [];
      const own: Rate[] = [];
      for (let i = 0; i < rounds; i++) {
        peer.push(await pgbenchRate(server, tls, connections));
        own.push(await ledgerRate(server, tls, { workload: 'stress', writers: connections }));
      }
      const rates = own.map((it) => it.perSecond);
      const cores = median(own.map((it) => it.cores));
      const percent = (ours: number, theirs: number): string => `${((100 * ours) / theirs).toFixed(0)} %`;
      const columns: [string, number][] = [
        [String(connections), 11],
        [tls ? 'yes' : 'no', 4],
        [Math.max(...peer).toFixed(0), 10],
        [Math.max(...rates).toFixed(0), 9],
        [percent(Math.max(...rates), Math.max(...peer)), 22],
        [percent(median(rates), median(peer)), 6],
        [cores.toFixed(2), 6],
        [((1e6 * cores) / median(rates)).toFixed(0), 20],
      ];
      say(columns.map(([text, width]) => text.padStart(width)).join(' '));
    }
  }
}

async function steady(server: BenchPostgres): Promise<void> {
  say('\nopen loop, CPU of the client (wanted ≤ 1 core at 10 000/s)');
  for (const rate of [1000, 10_000]) {
    const { perSecond, cores } = await ledgerRate(server, false, { writers: 32, rate });
    say(`${rate}/s asked, ${perSecond.toFixed(0)}/s acknowledged, ${cores.toFixed(2)} cores`);
  }
}

async function verification(server: BenchPostgres, rows: number): Promise<void> {
  say(`\nverification of ${rows} rows`);
  const options = { workload: 'volume', batch: 500, seed: 1, keepTable: 'never' } as const;
  await using ledger = await Ledger.start(server.target(false), options);
  const { table } = ledger.options;
  const { rss: before } = usage(ledger.writerPid);
  const startMs = performance.now();
  while (ledger.progress.acked < rows) await sleep(10);
  const { rss: after } = usage(ledger.writerPid);
  await ledger.stop();
  const loadS = (performance.now() - startMs) / 1000;
  say(
    `${ledger.progress.acked} rows written in ${loadS.toFixed(1)} s; memory of the writers ${before.toFixed(0)} → ${after.toFixed(0)} MB`,
  );
  await server.psql(`vacuum (freeze) ${table}`);
  const copies: number[] = [];
  for (let i = 0; i < 3; i++) {
    const fromMs = performance.now();
    const copy = `copy (select writer, seq, payload from ${table}) to stdout`;
    await server.tool(`psql -XAtq "$DB" -c "${copy}" > /dev/null`, false);
    copies.push((performance.now() - fromMs) / 1000);
  }
  say(`COPY TO STDOUT ${copies.map((it) => it.toFixed(2)).join(', ')} s`);
  const final = { instances: async () => [{ name: 'p', admin: (sql: string) => server.admin(sql) }] };
  const judged = async (what: string, verify: () => Promise<LedgerVerification>): Promise<void> => {
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss() / 1e6)), 20);
    const fromMs = performance.now();
    const { verdict, integrity, counts, reasons } = await verify();
    if (integrity === 'fail') say(reasons.slice(0, 3).join('\n'));
    const took = (performance.now() - fromMs) / 1000;
    clearInterval(watch);
    const ratio = (took / Math.min(...copies)).toFixed(2);
    say(
      `${what}: ${took.toFixed(2)} s = ${ratio} × the best COPY (wanted ≤ 1.3), ${peak.toFixed(0)} MB resident (wanted ≤ 400); ${verdict}/${integrity}, ${counts.present} present, ${counts.lost} lost`,
    );
  };
  await judged('verify', () => ledger.verify({ final, timeoutMs: 300_000 }));
  const dir = mkdtempSync(join(tmpdir(), 'ledger-bench-'));
  try {
    await singleWrites(dir, ledger);
    const target = server.target(false);
    await judged('verify, had each row been a statement of its own', async () => {
      return (await verifyAgainst(dir, { target, final, timeoutMs: 300_000 })).verification;
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A history of the same rows as it would be with one row per statement: forty times as many bytes as rows. */
async function singleWrites(dir: string, ledger: Ledger): Promise<void> {
  const { record, manifest } = readHistory(ledger.historyDir);
  const { writers } = manifest.options;
  // as old as the other: tombstones are numbered by age
  const clock = { startedAt: Date.parse(manifest.startedAt), node: process.version, now: () => performance.now() };
  const history = HistoryWriter.create(dir, { options: { ...manifest.options, batch: 1 }, clock });
  const single = new RunRecord(writers, history, { writes: false, completions: 'none' });
  const [session] = record.durability().sessions;
  const [origin] = record.origins;
  if (session === undefined || origin === undefined) throw new Error('nothing was written');
  const { systemIdentifier = '' } = record;
  const facts = { ...session, durabilityHash: 1, systemIdentifier, ownSessions: 1 };
  single.connected(0, 1, facts, 0);
  const most = Math.max(...record.writers.map((states) => states.length));
  for (let seq = 0; seq < most; seq++) {
    for (let writer = 0; writer < writers; writer++) {
      if (seq >= record.states(writer).length) continue;
      single.begin(writer);
      const times = { dueMs: seq, sentMs: seq, endMs: seq + 1 };
      single.acknowledge({ writer, seq, outcome: 'ok', ...times, lsn: 1 }, origin.server, origin.timeline, 1);
    }
    if (seq % 64 === 63) await turn();
  }
  await history.close();
}

say(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}`);
if (wanted('pair')) {
  await using pair = await BenchPostgres.start({ standby: true });
  await throughput(pair, 'a durable pair, as in production: a primary and a synchronous standby');
}
await using server = await BenchPostgres.start();
if (wanted('bare')) await throughput(server, 'a bare server, which leaves the client the least time: no standby');
if (wanted('steady')) await steady(server);
if (wanted('verify')) await verification(server, Number(values.rows));
