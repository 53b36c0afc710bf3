import { expect, test } from 'vitest';
import { reviveDates } from './dates.ts';

test('dates deep in a built-in kind are revived, in lists and maps too', () => {
  const pod = {
    metadata: { creationTimestamp: '2026-01-02T03:04:05Z', annotations: { note: '2026-01-02T03:04:05Z' } },
    status: {
      startTime: '2026-01-02T03:04:05Z',
      conditions: [{ type: 'Ready', lastTransitionTime: '2026-01-02T03:04:06Z' }],
      containerStatuses: [{ state: { running: { startedAt: '2026-01-02T03:04:07Z' } } }],
    },
  };
  reviveDates('v1', 'Pod', pod);
  expect(pod).toMatchObject({
    metadata: { creationTimestamp: new Date('2026-01-02T03:04:05Z'), annotations: { note: '2026-01-02T03:04:05Z' } },
    status: {
      startTime: new Date('2026-01-02T03:04:05Z'),
      conditions: [{ lastTransitionTime: new Date('2026-01-02T03:04:06Z') }],
      containerStatuses: [{ state: { running: { startedAt: new Date('2026-01-02T03:04:07Z') } } }],
    },
  });
});

test('a custom kind gets it for its metadata only', () => {
  const cluster = {
    metadata: { creationTimestamp: '2026-01-02T03:04:05Z' },
    status: { currentPrimaryTimestamp: '2026-01-02T03:04:05.123456Z' },
  };
  reviveDates('postgresql.cnpg.io/v1', 'Cluster', cluster);
  expect(cluster).toEqual({
    metadata: { creationTimestamp: new Date('2026-01-02T03:04:05Z') },
    status: { currentPrimaryTimestamp: '2026-01-02T03:04:05.123456Z' },
  });
});

test.for([
  ['2026-01-02T03:04:05.123456Z', '2026-01-02T03:04:05.123456Z'],
  ['2026-01-02T03:04:05.1Z', '2026-01-02T03:04:05.100000Z'],
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000000Z'],
])('the microseconds of %s are written back as %s', ([text, written]) => {
  const lease = { spec: { renewTime: text } };
  reviveDates('coordination.k8s.io/v1', 'Lease', lease);
  expect(JSON.parse(JSON.stringify(lease))).toEqual({ spec: { renewTime: written } });
});

test('a time that was changed since is written as changed', () => {
  const lease: { spec: { renewTime: unknown } } = { spec: { renewTime: '2026-01-02T03:04:05.123456Z' } };
  reviveDates('coordination.k8s.io/v1', 'Lease', lease);
  (lease.spec.renewTime as Date).setUTCFullYear(2027);
  expect(JSON.stringify(lease)).toContain('2027-01-02T03:04:05.123000Z');
});

test('events of both groups are known', () => {
  for (const apiVersion of ['v1', 'events.k8s.io/v1']) {
    const event = { eventTime: '2026-01-02T03:04:05.123456Z' };
    reviveDates(apiVersion, 'Event', event);
    expect(event.eventTime).toBeInstanceOf(Date);
  }
});
