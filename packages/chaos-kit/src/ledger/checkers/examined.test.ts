import { describe, expect, test } from 'vitest';
import { NO_SUPERUSER } from '../../observers/examination.ts';
import type { Observations } from '../../observers/observation-file.ts';
import type { Digest, ExaminationObservation, ProbeObservation } from '../../observers/observation.ts';
import { RunRecord } from '../run-record.ts';
import { amcheck } from './amcheck.ts';
import { checksums } from './checksums.ts';
import { replicaCompare } from './replica-compare.ts';

type Instance = ExaminationObservation['instances'][number];

const rows: Digest = [
  [0, 10, 0, 9, '77'],
  [1, 9, 0, 8, '-5'],
];

function instance(name: string, more: Partial<Instance> = {}): Instance {
  return {
    name,
    recovering: name !== 'p',
    comparison: { lsn: 100, sequential: rows, index: rows },
    amcheck: { objects: 2, complaints: [] },
    ...more,
  };
}

function seen(instances: readonly Instance[], probes: readonly ProbeObservation[] = []) {
  const examinations: ExaminationObservation[] =
    instances.length === 0 ? [] : [{ kind: 'examination', atMs: 0, position: 100, instances: [...instances] }];
  const observations: Observations = {
    reads: [],
    probes,
    blind: [],
    instances: [],
    cluster: [],
    faults: [],
    examinations,
    cutBytes: 0,
  };
  return { record: new RunRecord(1), observations };
}

describe('replica-compare', () => {
  const ask = (...instances: Instance[]) => replicaCompare.check(seen(instances));
  const differing = (name: string, sequential: Digest, index: Digest | { problem: string } = sequential) =>
    instance(name, { comparison: { lsn: 100, sequential, index } });

  test('equal instances', () => {
    expect(ask(instance('p'), instance('s'))).toMatchObject({
      verdict: 'pass',
      looked: '2 of 2 instances',
      sentences: [],
    });
  });

  test.each([
    ['a row less', [[0, 9, 0, 9, '70'], rows[1]], 's has 9 rows of writer 0 (0 to 9), p has 10 (0 to 9)'],
    ['other contents', [[0, 10, 0, 9, '78'], rows[1]], 's has other contents than p in the 10 rows of writer 0'],
    ['a writer less', [rows[0]], 's has no row of writer 1, p has 9'],
    ['a writer more', [...rows, [4, 1, 3, 3, '1']], 's has 1 row of writer 4, p has none'],
  ])('%s on a replica', (_, other, sentence) => {
    const found = ask(instance('p'), differing('s', other as Digest));
    expect(found).toMatchObject({ verdict: 'fail', count: 1 });
    expect(found.sentences[0]).toBe(sentence);
  });

  test('an index that leads to other rows than the table has', () => {
    const found = ask(differing('p', rows, [[0, 9, 0, 9, '70'], ...rows.slice(1)]), instance('s'));
    expect(found).toMatchObject({ verdict: 'fail', count: 1 });
    expect(found.sentences[0]).toBe('p by its index has 9 rows of writer 0 (0 to 9), its table has 10 (0 to 9)');
  });

  test('one that is behind leaves it open, one that cannot be asked is only told', () => {
    const problem = (text: string) => instance('s', { comparison: { problem: text } });
    expect(ask(instance('p'), problem('behind: by a lot'))).toMatchObject({ verdict: 'inconclusive', count: 1 });
    expect(ask(instance('p'), problem('ECONNREFUSED'))).toMatchObject({
      verdict: 'pass',
      looked: '1 of 2 instances',
      sentences: ['s could not be compared: ECONNREFUSED'],
    });
    expect(ask(problem('ECONNREFUSED'))).toMatchObject({ verdict: 'unknown' });
    expect(ask()).toMatchObject({ verdict: 'unknown', sentences: [] });
  });
});

describe('amcheck', () => {
  const ask = (...instances: Instance[]) => amcheck.check(seen(instances));

  test('passes on what was looked at and fails on any complaint', () => {
    expect(ask(instance('p'), instance('s'))).toMatchObject({
      verdict: 'pass',
      looked: '4 objects on 2 of 2 instances',
    });
    const bad = instance('s', { amcheck: { objects: 2, complaints: ['XX002 item order invariant violated'] } });
    expect(ask(instance('p'), bad)).toMatchObject({
      verdict: 'fail',
      count: 1,
      sentences: ['1 complaint of amcheck: s: XX002 item order invariant violated'],
    });
  });

  test('without a way in it has nothing to say', () => {
    const none = { amcheck: { problem: NO_SUPERUSER } };
    expect(ask(instance('p', none))).toMatchObject({ verdict: 'unknown', sentences: [] });
    expect(ask(instance('p', { amcheck: { problem: 'no extension' } }))).toMatchObject({
      verdict: 'unknown',
      sentences: ['p could not be looked at with amcheck: no extension'],
    });
  });
});

describe('checksums', () => {
  const probe = (name: string, checksumFailures: number | undefined, postmaster = 'noon'): ProbeObservation => ({
    kind: 'probe',
    instance: name,
    session: 1,
    startMs: 0,
    endMs: 1,
    server: name,
    postmaster,
    recovering: true,
    readOnly: true,
    lsn: 1,
    synchronousCommit: 'on',
    synchronousStandbyNames: '',
    ...(checksumFailures === undefined ? {} : { checksumFailures }),
  });
  const ask = (...probes: ProbeObservation[]) => checksums.check(seen([], probes));

  test('counts what a server finds during the run, not what it had found before', () => {
    expect(ask(probe('p', 3), probe('p', 3))).toMatchObject({ verdict: 'pass' });
    expect(ask(probe('p', 3), probe('p', 5))).toMatchObject({
      verdict: 'fail',
      count: 1,
      sentences: [expect.stringContaining('p found 2 pages with a wrong check sum'), expect.any(String)],
    });
  });

  test('a server that started anew began at zero', () => {
    expect(ask(probe('p', 3), probe('p', 1, 'one'))).toMatchObject({ verdict: 'fail', count: 1 });
  });

  test('says nothing where none are kept', () => {
    expect(ask(probe('p', undefined))).toMatchObject({
      verdict: 'unknown',
      looked: '0 instances with check sums of 1',
    });
  });

  test('an error of damage that anybody got', () => {
    const given = seen([instance('s', { comparison: { problem: 'XX001 invalid page in block 3' } })]);
    given.record.begin(0);
    const times = { writer: 0, seq: 0, dueMs: 0, sentMs: 0, endMs: 1 };
    given.record.unacknowledgedFor({ ...times, outcome: 'fail' }, 'fail: XX002 index corrupted');
    const found = checksums.check({ ...given, unread: 'it broke: XX001 invalid page in block 4' });
    expect(found).toMatchObject({ verdict: 'fail', count: 3 });
    expect(found.sentences).toContain('a server reported damage: s: XX001 invalid page in block 3');
  });
});
