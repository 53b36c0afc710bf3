import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { verifyStored } from '../ledger/history/verify-stored.ts';
import type { StoredVerification } from '../ledger/history/verify-stored.ts';
import { verifyStoredTransactions } from '../ledger/transactions/verify-stored.ts';
import type { TransactionVerification } from '../ledger/transactions/transaction-verdict.ts';
import type { Command, CommandInput } from './command.ts';
import { UsageError } from './usage-error.ts';

const EXIT_CODES = { pass: 0, fail: 1, inconclusive: 3 } as const;

const ENDS = { closed: 'ended', running: 'not ended', 'gave-up': 'given up: it could not be written' } as const;

/** Judges a stored run again. */
export const verifyCommand: Command = {
  name: 'verify',
  usage: `  npx chaos-kit verify <dir> [--json]          judge a stored run of the write ledger again
  npx chaos-kit verify <file.jsonl> [--json]   check a stored run of bank or list-append again
                                               exit code 0 pass, 1 fail, 3 inconclusive, 2 not readable
      --server <url>     read the table first, for a run whose process was killed: postgres://user:password@host:port/database
                         ends the sessions of the run, so not while it is still going on
      --instance <url>   each instance of the cluster, as superuser: to end sessions there too, and to find the fork
      --ca <file>        certificate authority of these servers; without it connections are not encrypted`,
  options: {
    json: { type: 'boolean' },
    server: { type: 'string' },
    instance: { type: 'string', multiple: true },
    ca: { type: 'string' },
  },
  async run({ args, options, print }) {
    const [dir, ...more] = args;
    if (dir === undefined || more.length > 0) {
      throw new UsageError(`verify needs one directory with a stored run, not ${args.length}`);
    }
    const { server, instance } = options;
    if (server === undefined && instance !== undefined) {
      throw new UsageError('--instance needs a --server to read from');
    }
    if (statSync(resolve(dir), { throwIfNoEntry: false })?.isFile() === true) {
      if (server !== undefined) throw new UsageError(`--server is for a run of the ledger, ${dir} is a file`);
      const found = verifyStoredTransactions(resolve(dir));
      print(options['json'] === true ? `${JSON.stringify(found, undefined, 2)}\n` : describeTransactions(found));
      return EXIT_CODES[found.verdict];
    }
    const stored = server === undefined ? verifyStored(resolve(dir)) : await readAndVerify(resolve(dir), options);
    print(options['json'] === true ? `${JSON.stringify(plain(stored), undefined, 2)}\n` : describe(stored));
    return EXIT_CODES[stored.verification.verdict];
  },
};

/** The driver is loaded only for this. */
async function readAndVerify(dir: string, options: CommandInput['options']): Promise<StoredVerification> {
  const { server, instance, ca } = options;
  const { verifyAgainst } = await import('../ledger/history/verify-against.ts');
  const { instanceAt, parseServer } = await import('./server.ts');
  const caFile = typeof ca === 'string' ? ca : undefined;
  const instances = (Array.isArray(instance) ? instance : []).map((url) => instanceAt(String(url), caFile));
  return await verifyAgainst(dir, {
    target: parseServer(String(server), caFile),
    final: { instances: () => Promise.resolve(instances) },
  });
}

function plain({ run, verification }: StoredVerification) {
  const { dir, state, records, cutBytes, manifest } = run;
  return { dir, state, records, cutBytes, startedAt: manifest.startedAt, seed: manifest.options.seed, ...verification };
}

function describe({ run, verification }: StoredVerification): string {
  const { manifest, records, state } = run;
  const { verdict, integrity, reasons, counts, checks, readFrom, notes, origins } = verification;
  const lines = [
    `${verdict}${integrity === verdict ? '' : ` (loss aside: ${integrity})`}`,
    ...reasons.map((reason) => `  ${reason}`),
    '',
    `run of ${manifest.startedAt}, seed ${manifest.options.seed}, table ${manifest.options.table}, ${records} records, ${ENDS[state]}`,
    ...origins.map((it) => `  ${it.acknowledged} acknowledged by ${it.server} on timeline ${it.timeline}`),
    readFrom === undefined ? 'not read' : `read from ${readFrom.server} on timeline ${readFrom.timeline}`,
    '',
    ...Object.entries(counts).map(([name, count]) => `  ${spaced(name).padEnd(18)}${String(count).padStart(10)}`),
    '',
    ...checks.map(
      ({ checker, verdict: answer, count, looked }) =>
        `  ${checker.padEnd(18)}${`${answer}${count === 0 ? '' : ` ${count}`}`.padEnd(18)}${looked}`,
    ),
    ...notes.map((note) => `note: ${note}`),
  ];
  return `${lines.join('\n').replaceAll(/\n{3,}/g, '\n\n')}\n`;
}

function describeTransactions(found: TransactionVerification): string {
  const { workload, isolation, expected, verdict, reasons, notes, counts } = found;
  const held = expected === isolation ? '' : `, held to ${expected}`;
  const lines = [
    verdict,
    ...reasons.map((reason) => `  ${reason}`),
    '',
    `${workload} at ${isolation}${held}`,
    ...Object.entries(counts).map(([name, count]) => `  ${spaced(name).padEnd(18)}${String(count).padStart(10)}`),
    ...notes.map((note) => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** `acknowledgedWeak` → `acknowledged weak`. */
function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
