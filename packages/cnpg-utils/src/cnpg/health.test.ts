import { describe, expect, test } from 'vitest';
import { phases } from './constants.ts';
import { judgeFacts, judgeReplication, type HealthFacts } from './health.ts';
import type { Instance } from './instances.ts';
import type { ReplicationFacts, WalReceiver } from './replication.ts';

function instance(serial: number, role: 'primary' | 'replica', pod: Partial<Instance['pod']> = {}): Instance {
  const name = `db-${serial}`;
  return {
    name,
    role,
    isPrimary: role === 'primary',
    pod: {
      name,
      uid: `u${serial}`,
      ip: `10.0.0.${serial}`,
      phase: 'Running',
      ready: true,
      running: true,
      terminating: false,
      restarts: 0,
      ...pod,
    },
  };
}

const good: HealthFacts = {
  phase: phases.healthy,
  phaseReason: '',
  wantedInstances: 3,
  readyInstances: 3,
  currentPrimary: 'db-1',
  targetPrimary: 'db-1',
  timeline: 1,
  instances: [instance(1, 'primary'), instance(2, 'replica'), instance(3, 'replica')],
  readWriteEndpoints: [{ ip: '10.0.0.1', ready: true }],
  receivers: {},
};

describe('what Kubernetes and the operator say', () => {
  test('all is well', () => {
    expect(judgeFacts(good)).toEqual([]);
  });

  test.for<[Partial<HealthFacts>, string]>([
    [{ phase: 'Failing over', phaseReason: 'why' }, 'the phase is "Failing over" (why)'],
    [{ phase: '' }, 'the cluster has no phase yet'],
    [{ readyInstances: 2 }, '2 of 3 instances are ready'],
    [{ targetPrimary: 'pending' }, 'the current primary is db-1, the target primary is pending'],
    [{ instances: [instance(1, 'primary'), instance(2, 'replica')] }, 'there are 2 instance pods, 3 are wanted'],
    [
      { instances: [instance(1, 'primary'), instance(2, 'replica', { ready: false }), instance(3, 'replica')] },
      'instance db-2 is not ready (Running)',
    ],
    [
      { instances: [instance(1, 'primary', { terminating: true }), instance(2, 'replica'), instance(3, 'replica')] },
      'instance db-1 is being deleted',
    ],
    [
      { instances: [instance(1, 'primary'), instance(2, 'primary'), instance(3, 'replica')] },
      'the pods labelled primary are: db-1, db-2; expected: db-1',
    ],
    [{ readWriteEndpoints: [] }, 'the -rw service leads to nobody; expected: db-1 (10.0.0.1)'],
    [
      { readWriteEndpoints: [{ ip: '10.0.0.1', ready: false }] },
      'the -rw service leads to nobody; expected: db-1 (10.0.0.1)',
    ],
    [
      { readWriteEndpoints: [{ ip: '10.0.0.2', ready: true }] },
      'the -rw service leads to db-2 (10.0.0.2); expected: db-1 (10.0.0.1)',
    ],
  ])('%o', ([change, sentence]) => {
    expect(judgeFacts({ ...good, ...change })).toContain(sentence);
  });

  test('no primary in the status', () => {
    const { currentPrimary: _, ...without } = good;
    expect(judgeFacts(without)).toContain('the status names no current primary');
  });
});

describe('what the instances say about replication', () => {
  const row = { state: 'streaming', syncState: 'quorum', flushLsn: '0/1', replayLsn: '0/1', replayLagBytes: 0 };
  const replication: ReplicationFacts = {
    askedAt: 'db-1',
    recovering: false,
    timeline: 1,
    synchronousStandbyNames: '',
    standbys: [
      { name: 'db-2', ...row },
      { name: 'db-3', ...row },
    ],
  };
  const receiver = { status: 'streaming', timeline: 1 };
  const facts: HealthFacts = { ...good, replication, receivers: { 'db-2': receiver, 'db-3': receiver } };

  test('all is well', () => {
    expect(judgeReplication(facts)).toEqual([]);
  });

  test.for<[Partial<ReplicationFacts>, string]>([
    [{ standbys: [{ name: 'db-2', ...row }] }, 'standby db-3 is not connected to the primary'],
    [
      {
        standbys: [
          { name: 'db-2', ...row },
          { name: 'db-3', ...row, state: 'catchup' },
        ],
      },
      'standby db-3 is not streaming (catchup)',
    ],
    [{ recovering: true }, 'db-1 is in recovery although it is the current primary'],
    [{ timeline: 2 }, 'db-1 is on timeline 2, the status says 1'],
  ])('primary: %o', ([change, sentence]) => {
    expect(judgeReplication({ ...facts, replication: { ...replication, ...change } })).toContain(sentence);
  });

  test('the primary of a replica cluster is in recovery, and has to be', () => {
    const following = { ...facts, following: true };
    expect(judgeReplication({ ...following, replication: { ...replication, recovering: true } })).toEqual([]);
    expect(judgeReplication(following)).toEqual(['db-1 is not in recovery although the cluster follows another one']);
  });

  test.for<[WalReceiver, string]>([
    [{}, 'standby db-3 is not receiving (no WAL receiver)'],
    [{ status: 'waiting', timeline: 1 }, 'standby db-3 is not receiving (waiting)'],
    [{ status: 'streaming', timeline: 2 }, 'standby db-3 receives timeline 2, the primary is on timeline 1'],
    [{ status: 'streaming' }, 'standby db-3 receives timeline none, the primary is on timeline 1'],
  ])('standby: %o', ([change, sentence]) => {
    expect(judgeReplication({ ...facts, receivers: { 'db-2': receiver, 'db-3': change } })).toEqual([sentence]);
  });
});
