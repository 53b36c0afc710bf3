import { z } from 'zod';
import { ISOLATION_LEVELS } from '../isolation.ts';
import { readTransactionLog } from '../transaction-log.ts';
import type { ListAppendVerification } from '../transaction-verdict.ts';
import { AppendHistory } from './append-history.ts';
import { checkListAppend } from './check-list-append.ts';

const int = z.number().int();
const lineSchema = z.union([
  z.object({
    begin: int,
    process: int,
    ops: z.array(z.union([z.tuple([z.literal('append'), int, int]), z.tuple([z.literal('read'), int])])),
    final: z.boolean().optional(),
  }),
  z.object({
    end: int,
    as: z.enum(['ok', 'ok-weak', 'fail', 'info']),
    reads: z.array(z.tuple([int, z.array(int)])),
    why: z.string().optional(),
  }),
  z.object({ connected: int, server: z.string(), timeline: int.optional(), inRecovery: z.boolean() }),
]);

const optionsSchema = z.object({ isolation: z.enum(ISOLATION_LEVELS), expected: z.enum(ISOLATION_LEVELS) });

/** Reads a stored list-append run. @throws HistoryError */
export function readAppendHistory(file: string): { history: AppendHistory; options: z.infer<typeof optionsSchema> } {
  const history = new AppendHistory();
  const header = readTransactionLog(file, (raw) => {
    const line = lineSchema.parse(raw);
    if ('begin' in line) {
      const txn = history.begin(line.process, line.ops);
      if (txn !== line.begin) throw new RangeError(`transaction ${line.begin} where ${txn} is due: lines are missing`);
      if (line.final === true) history.final = txn;
    } else if ('end' in line) {
      history.complete(
        line.end,
        line.as,
        line.reads.map(([from, tail]) => ({ from, tail })),
      );
    } else {
      const { connected, server, timeline } = line;
      history.connected(
        connected,
        timeline === undefined ? `${server}, in recovery` : `${server} on timeline ${timeline}`,
      );
    }
  });
  // a read of everything that has no end says nothing
  if (history.final !== undefined && !history.acknowledged(history.final)) history.final = undefined;
  return { history, options: optionsSchema.parse(header.options) };
}

/** Checks a stored run again. @throws HistoryError when the file cannot be read as one */
export function verifyStoredListAppend(file: string): ListAppendVerification {
  const { history, options } = readAppendHistory(file);
  return checkListAppend(history, options);
}
