import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { verifyStored } from '../../src/ledger/history/verify-stored.ts';
import { goldenRuns, quietChecks, quietObserved, quietUnread, writeGolden } from './golden-runs.ts';

const golden = fileURLToPath(new URL('./golden/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'golden-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Every file of a directory, as text that shows where two of them differ. */
function contents(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map((file) => [file, readFileSync(join(dir, file), 'latin1')]));
}

test('there is a directory for each run and no other', () => {
  expect(readdirSync(golden).toSorted()).toEqual(Object.keys(goldenRuns).toSorted());
});

describe.each(Object.entries(goldenRuns))('%s', (name, run) => {
  const dir = join(golden, name);

  test('has the verdict and the counts that it was made to have', () => {
    const { verification } = verifyStored(dir);
    const { verdict, integrity, counts, checks } = verification;
    expect({ verdict, integrity, counts }).toMatchObject({
      verdict: run.expect.verdict,
      integrity: run.expect.integrity,
      counts: run.expect.counts,
    });
    const quiet = run.end === 'no-read' ? quietUnread : run.observed === undefined ? quietChecks : quietObserved;
    const answers = Object.fromEntries(checks.map((check) => [check.checker, [check.verdict, check.count]]));
    expect(answers).toEqual({ ...quiet, ...run.expect.checks });
    // verifying does not change what is verified
    expect(verifyStored(dir).verification.counts).toEqual(counts);
  });

  test('says in words what it found, and only then', () => {
    const { reasons, notes } = verifyStored(dir).verification;
    expect(reasons.length > 0).toBe(run.expect.verdict !== 'pass');
    expect({ reasons, notes }).toMatchSnapshot();
  });

  test('is written byte by byte as it was', async () => {
    const path = join(scratch, name);
    await writeGolden(path, run);
    expect(contents(path)).toEqual(contents(dir));
  });
});
