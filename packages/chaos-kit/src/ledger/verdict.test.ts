import { describe, expect, test } from 'vitest';
import { runCheckers } from './checkers/checker.ts';
import { CHECKERS } from './checkers/index.ts';
import type { ZeroLossClaim } from './durability.ts';
import { RunRecord } from './run-record.ts';
import { judge as combine } from './verdict.ts';
import type { LedgerCounts } from './verdict.ts';

const clean: LedgerCounts = {
  attempted: 10,
  acknowledged: 10,
  acknowledgedWeak: 0,
  failed: 0,
  unknown: 0,
  dropped: 0,
  rows: 10,
  present: 10,
  lost: 0,
  lostWeak: 0,
  unexpected: 0,
  duplicated: 0,
  corrupted: 0,
  phantomFail: 0,
  recovered: 0,
};
const allowed = { allowed: true, reason: '' };
const refused = { allowed: false, reason: 'fsync is "off"' };

/** Judges counts that a final read might have found. */
function judge(counts: LedgerCounts, claim: ZeroLossClaim, doubts: readonly string[] = []) {
  const record = new RunRecord(1);
  record.counts.ok = counts.acknowledged;
  const checks = runCheckers(CHECKERS, { record, counts, read: { timeline: 1, forks: [] } });
  return combine(counts.acknowledged, claim, doubts, checks);
}

describe('judge', () => {
  test('passes a clean run, also with writes that failed, stayed unknown, were recovered or dropped', () => {
    const untidy = { ...clean, failed: 3, unknown: 4, recovered: 2, dropped: 5 };
    expect(judge(untidy, allowed)).toEqual({ verdict: 'pass', integrity: 'pass', reasons: [] });
  });

  test.each(['unexpected', 'duplicated', 'corrupted', 'phantomFail'] as const)('one %s fails both verdicts', (kind) => {
    for (const claim of [allowed, refused]) {
      expect(judge({ ...clean, [kind]: 1 }, claim)).toMatchObject({ verdict: 'fail', integrity: 'fail' });
    }
  });

  test.each(['lost', 'lostWeak'] as const)('one %s fails the verdict and leaves the integrity', (kind) => {
    for (const claim of [allowed, refused]) {
      expect(judge({ ...clean, [kind]: 1 }, claim)).toMatchObject({ verdict: 'fail', integrity: 'pass' });
    }
  });

  test('no acknowledged write is inconclusive in both, but does not hide damage', () => {
    const none = { ...clean, acknowledged: 0 };
    expect(judge(none, refused)).toEqual({
      verdict: 'inconclusive',
      integrity: 'inconclusive',
      reasons: ['no write was acknowledged, so nothing was tested'],
    });
    expect(judge({ ...none, unexpected: 1 }, refused)).toMatchObject({ verdict: 'fail', integrity: 'fail' });
  });

  test('a claim that does not hold is inconclusive, and says why', () => {
    expect(judge(clean, refused)).toEqual({
      verdict: 'inconclusive',
      integrity: 'pass',
      reasons: ['zero loss cannot be claimed: fsync is "off"'],
    });
  });

  test('a doubt about the record is inconclusive in both, behind the findings', () => {
    expect(judge(clean, allowed, ['a writer broke'])).toMatchObject({
      verdict: 'inconclusive',
      integrity: 'inconclusive',
    });
    expect(judge({ ...clean, lost: 2 }, allowed, ['a writer broke']).reasons).toEqual([
      '2 acknowledged writes are lost',
      expect.stringContaining('look first for who deletes rows'),
      'a writer broke',
    ]);
  });
});
