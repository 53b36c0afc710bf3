import { resolve } from 'node:path';
import { eachRecord } from '../ledger/history/cat.ts';
import type { Command } from './command.ts';
import { UsageError } from './usage-error.ts';

/** Written in pieces of this size, so that a long history is neither slow nor held in memory. */
const PIECE = 64 * 1024;

/** Prints a history as JSON lines. */
export const ledgerCatCommand: Command = {
  name: 'ledger cat',
  usage: `  npx chaos-kit ledger cat <dir>               print the history of a stored run as JSON lines`,
  options: {},
  run({ args, print }) {
    const [dir, ...more] = args;
    if (dir === undefined || more.length > 0) {
      throw new UsageError(`ledger cat needs one directory with a stored run, not ${args.length}`);
    }
    let piece = '';
    eachRecord(resolve(dir), (record) => {
      piece += `${JSON.stringify(record)}\n`;
      if (piece.length < PIECE) return;
      print(piece);
      piece = '';
    });
    print(piece);
    return 0;
  },
};
