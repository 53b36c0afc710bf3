// npm run mutations: breaks the system or the tester as the catalogue says, several times each, and writes how often that was
// found into docs/mutations.json and docs/mutations.md. Exit code 1 when one was not found.
//   npm run mutations                   every entry on plain PostgreSQL, 3 times (--runs <n>; --only M1,H6)
//   npm run mutations -- chaos          those on Kubernetes, in the lab
//   npm run mutations -- clean [n]      the other side: n (200) failovers of a correct cluster, which must raise no alarm
//                                       (--continue: in addition to those of the last time)
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTATIONS } from '../packages/chaos-kit/test/mutations/catalogue.ts';
import { mutationTable } from './mutation-table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dataFile = `${root}docs/mutations.json`;
const chaosReport = `${root}.vitest/chaos-kit/report.json`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '3' }, only: { type: 'string' }, continue: { type: 'boolean' } },
});
const [side = 'component', count = '200'] = positionals;
const recordFile = `${root}.vitest/mutations-${side}.jsonl`;
const runs = wholeNumber('--runs', values.runs);
const wanted = values.only?.split(',') ?? [];
const unknown = wanted.filter((id) => !Object.hasOwn(MUTATIONS, id));
if (unknown.length > 0) {
  console.error(`--only names ${unknown.join(', ')}; the entries are ${Object.keys(MUTATIONS).join(', ')}`);
  process.exit(2);
}

function wholeNumber(name, text) {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 10_000) {
    console.error(`${name} is '${text}'; it must be a whole number from 1 to 10000`);
    process.exit(2);
  }
  return n;
}

function vitest(args, env) {
  return new Promise((resolve) => {
    const child = spawn('npx', ['vitest', 'run', ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: 'inherit',
    });
    child.on('close', resolve);
  });
}

function records() {
  if (!existsSync(recordFile)) return [];
  return readFileSync(recordFile, 'utf8').split('\n').filter(Boolean).map(JSON.parse);
}

/** Adds up runs by entry: how many, how many found, and the range of what each checker counted. */
function addUp(found) {
  const sums = {};
  for (const { id, detected, said } of found) {
    const sum = (sums[id] ??= { runs: 0, detected: 0, said: {} });
    sum.runs++;
    if (detected) sum.detected++;
    for (const [checker, n] of Object.entries(said)) {
      const [low, high] = sum.said[checker] ?? [n, n];
      sum.said[checker] = [Math.min(low, n), Math.max(high, n)];
    }
  }
  return sums;
}

/** Runs of specs tagged `mutation`: a spec is named by its entry, and its verdict was the one it demands or not. */
function chaosRecords() {
  const { experiments } = JSON.parse(readFileSync(chaosReport, 'utf8'));
  return experiments
    .filter(({ tags }) => tags.includes('mutation'))
    .flatMap(({ name, expected, ledger, findings }) => {
      const id = /\b([MH]\d+)\b/.exec(name)?.[1];
      if (id === undefined) return [];
      const checks = (ledger?.checks ?? []).filter(({ verdict }) => verdict === 'fail' || verdict === 'inconclusive');
      const said = checks.map(({ checker, count: n }) => [checker, n]);
      // an assertion of the spec that fails makes a failure too, but not the one that is demanded
      const detected = expected?.met === true && findings.every(({ source }) => source !== 'spec');
      return [{ id, detected, said: Object.fromEntries(said) }];
    });
}

async function run() {
  mkdirSync(`${root}.vitest`, { recursive: true });
  if (values.continue !== true) rmSync(recordFile, { force: true });
  const folder = 'packages/chaos-kit/test/mutations/';
  const stored = existsSync(dataFile) ? JSON.parse(readFileSync(dataFile, 'utf8')) : { entries: {} };
  const measuredAt = new Date().toISOString().slice(0, 10);
  let code;
  if (side === 'clean') {
    const started = performance.now();
    const n = wholeNumber('the number of runs', count);
    code = await vitest(['--project', 'component', `${folder}clean-runs`], {
      CLEAN_RUNS: String(n),
      CLEAN_RECORDS: recordFile,
    });
    const all = records();
    const sum = (key) => all.reduce((total, record) => total + record[key], 0);
    stored.clean = {
      runs: all.length,
      alarms: all.filter(({ alarms }) => alarms.length > 0).length,
      acknowledged: sum('acknowledged'),
      unknown: sum('unknown'),
      transactions: sum('transactions'),
      minutes:
        Math.round((performance.now() - started) / 60_000) + (values.continue === true ? stored.clean.minutes : 0),
      measuredAt,
    };
  } else {
    const only = wanted.length === 0 ? [] : ['-t', `\\b(${wanted.join('|')}):`];
    if (side === 'chaos') {
      code = await vitest(['--project', 'chaos', '--tags-filter=mutation', `--repeats=${runs - 1}`, ...only], {});
    } else if (side === 'component') {
      const env = { MUTATION_RUNS: String(runs), MUTATION_RECORDS: recordFile, CLEAN_RUNS: '1' };
      code = await vitest(['--project', 'component', folder, ...only], env);
    } else {
      console.error(`'${side}' is neither chaos nor clean`);
      process.exit(2);
    }
    const sums = addUp(side === 'chaos' ? chaosRecords() : records());
    const measured = side === 'chaos' ? (stored.kubernetes ??= {}) : stored.entries;
    for (const [id, sum] of Object.entries(sums)) measured[id] = { ...sum, measuredAt };
  }
  stored.entries = inOrder(stored.entries);
  stored.kubernetes = inOrder(stored.kubernetes ?? {});
  writeFileSync(dataFile, `${JSON.stringify(stored, undefined, 2)}\n`);
  writeFileSync(`${root}docs/mutations.md`, mutationTable(stored));
  process.exit(code ?? 1);
}

function inOrder(entries) {
  return Object.fromEntries(Object.entries(entries).toSorted(([a], [b]) => rank(a) - rank(b)));
}

/** M1 … M17, then H1 … H9. */
function rank(id) {
  return (id.startsWith('M') ? 0 : 100) + Number(id.slice(1));
}

await run();
