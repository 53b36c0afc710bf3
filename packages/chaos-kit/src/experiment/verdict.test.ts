import { describe, expect, test } from 'vitest';
import { applyKnownDefect, combineFindings, type Finding, type FindingVerdict } from './verdict.ts';

const finding = (verdict: FindingVerdict): Finding => ({ verdict, source: 'test', reason: verdict });

describe('combineFindings', () => {
  test('nothing found is a pass', () => {
    expect(combineFindings([])).toBe('pass');
  });

  test.each<[FindingVerdict[], FindingVerdict]>([
    [['inconclusive'], 'inconclusive'],
    [['inconclusive', 'aborted'], 'aborted'],
    [['aborted', 'fail'], 'fail'],
    [['inconclusive', 'fail'], 'fail'],
    [['fail', 'inconclusive', 'aborted'], 'fail'],
    [['fail', 'unhealed', 'aborted'], 'unhealed'],
  ])('%j is %s, in either order', (verdicts, expected) => {
    expect(combineFindings(verdicts.map(finding))).toBe(expected);
    expect(combineFindings(verdicts.toReversed().map(finding))).toBe(expected);
  });
});

describe('applyKnownDefect', () => {
  const defect = { issue: 'https://example.org/1', reason: 'known' };

  test('without a defect nothing changes', () => {
    expect(applyKnownDefect('fail', undefined)).toBe('fail');
    expect(applyKnownDefect('pass', undefined)).toBe('pass');
  });

  test('with a defect a failure is expected and a pass is news', () => {
    expect(applyKnownDefect('fail', defect)).toBe('xfail');
    expect(applyKnownDefect('pass', defect)).toBe('xpass');
  });

  test('a run that proves nothing says nothing about the defect', () => {
    expect(applyKnownDefect('inconclusive', defect)).toBe('inconclusive');
    expect(applyKnownDefect('aborted', defect)).toBe('aborted');
    expect(applyKnownDefect('unhealed', defect)).toBe('unhealed');
  });
});
