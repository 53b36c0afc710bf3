// How fast the list-append checker is. Prints figures, asserts nothing. `--transactions <n>` (default 1 000 000).
// The histories are those of a simulated store, which keeps its level; the time of simulating is not counted.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { checkListAppend } from '../src/ledger/transactions/list-append/check-list-append.ts';
import { ISOLATION_LEVELS } from '../src/ledger/transactions/isolation.ts';
import { simulate } from '../test/transactions/simulated-store.ts';

const { values } = parseArgs({ options: { transactions: { type: 'string', default: '1000000' } } });
const transactions = Number(values.transactions);
if (!Number.isSafeInteger(transactions) || transactions < 1000)
  throw new Error(`--transactions '${values.transactions}' is no number from 1000`);

process.stdout.write(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}\n`);
for (const level of ISOLATION_LEVELS.toReversed()) {
  const history = simulate({ level, transactions, seed: 1 });
  const before = process.cpuUsage();
  const { verdict, durationMs, counts, findings } = checkListAppend(history, { isolation: level });
  const { user, system } = process.cpuUsage(before);
  const shown = findings.map(({ type }) => type).join(', ');
  const what = `check ${transactions} transactions, ${level}: ${counts.ok} committed, ${verdict}${shown === '' ? '' : `, shows ${shown}`}`;
  const memory = `${(process.memoryUsage().rss / 1024 / 1024).toFixed(0)} MiB`;
  const limit = transactions === 1_000_000 ? ' ≤ 10 s' : '';
  // on a busy machine the time on the processor says more
  const cpu = `${((user + system) / 1e6).toFixed(2)} s CPU`;
  process.stdout.write(
    `${(durationMs / 1000).toFixed(2).padStart(6)} s${limit}, ${cpu}  ${memory.padStart(9)}  ${what}\n`,
  );
}
