import { z } from 'zod';
import { ISOLATION_LEVELS } from '../isolation.ts';
import { readTransactionLog } from '../transaction-log.ts';
import { BankHistory } from './bank-history.ts';
import { checkBank } from './check-bank.ts';
import type { BankVerification } from './check-bank.ts';

const int = z.number().int();
const balances = z.array(z.tuple([int, int]));
const lineSchema = z.union([
  z.object({ begin: int, process: int, transfer: z.object({ debit: int, credit: int, amount: int }).optional() }),
  z.object({ end: int, as: z.enum(['ok', 'ok-weak', 'fail', 'info']), read: balances.optional() }),
  z.object({ connected: int, server: z.string(), timeline: int.optional() }),
  z.object({ balances, journal: z.array(z.tuple([int, int, int, int])) }),
]);

const optionsSchema = z.object({
  isolation: z.enum(ISOLATION_LEVELS),
  expected: z.enum(ISOLATION_LEVELS),
  accounts: int,
  balance: int,
  overdraft: z.boolean(),
  transfer: z.enum(['relative', 'absolute']),
});

/** Checks a stored bank run again. @throws HistoryError when the file cannot be read as one */
export function verifyStoredBank(file: string): BankVerification {
  const lines: z.infer<typeof lineSchema>[] = [];
  const header = readTransactionLog(file, (line) => void lines.push(lineSchema.parse(line)));
  const options = optionsSchema.parse(header.options);
  const history = new BankHistory(options);
  for (const line of lines) {
    if ('begin' in line) {
      const txn = history.begin(line.process, line.transfer);
      if (txn !== line.begin) throw new RangeError(`transaction ${line.begin} where ${txn} is due: lines are missing`);
    } else if ('end' in line) {
      history.complete(line.end, line.as, line.read === undefined ? undefined : new Map(line.read));
    } else if ('connected' in line) {
      const { connected, server, timeline } = line;
      history.connected(
        connected,
        timeline === undefined ? `${server}, in recovery` : `${server} on timeline ${timeline}`,
      );
    } else {
      history.end = {
        balances: new Map(line.balances),
        journal: line.journal.map(([txn, debit, credit, amount]) => ({ txn, debit, credit, amount })),
      };
    }
  }
  return checkBank(history, options);
}
