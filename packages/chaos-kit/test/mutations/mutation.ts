import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { LedgerVerification } from '../../src/ledger/index.ts';
import { MUTATIONS } from './catalogue.ts';
import type { Mutation, MutationId, MutationRecord } from './catalogue.ts';

/** How often each is run: MUTATION_RUNS, once by default. Runs are appended to the file MUTATION_RECORDS, if it is given. */
const runs = Number(process.env['MUTATION_RUNS'] ?? '1');
const recordFile = process.env['MUTATION_RECORDS'];

/**
 * A test that breaks what the catalogue says and expects of the verification exactly what it says: the verdict, who finds it,
 * and that nobody else does. One that stays green fails.
 * @param body checks numbers itself and returns what the tester said; `seed` differs in each run
 */
export function mutation(id: MutationId, body: (seed: number) => Promise<LedgerVerification>): void {
  const entry: Mutation = MUTATIONS[id];
  const seeds = Array.from({ length: runs }, (_, i) => i + 1);
  test.each(seeds)(`${id}: ${entry.broken} (%i)`, async (seed) => {
    let said: Record<string, number> = {};
    let detected = false;
    try {
      const verification = await body(seed);
      said = saidBy(verification);
      const { verdict, reasons } = verification;
      const fails = verification.checks.filter(({ verdict }) => verdict === 'fail').map(({ checker }) => checker);
      const unforeseen = fails.filter((name) => !entry.found.includes(name) && !(entry.may ?? []).includes(name));
      expect({ verdict, unforeseen, reasons }).toMatchObject({ verdict: entry.verdict, unforeseen: [] });
      expect(Object.keys(said)).toEqual(expect.arrayContaining([...entry.found]));
      expect(reasons.join('\n')).toMatch(entry.reason ?? /(?:)/);
      detected = true;
    } finally {
      const record: MutationRecord = { id, detected, said };
      if (recordFile !== undefined) appendFileSync(recordFile, `${JSON.stringify(record)}\n`);
    }
  });
}

function saidBy({ checks }: LedgerVerification): Record<string, number> {
  const loud = checks.filter(
    ({ verdict, count }) => verdict === 'fail' || verdict === 'inconclusive' || (verdict === 'pass' && count > 0),
  );
  return Object.fromEntries(loud.map(({ checker, count }) => [checker, count]));
}
