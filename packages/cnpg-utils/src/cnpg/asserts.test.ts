import { beforeEach, describe, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  assertAllPodsHave,
  assertFollowPromotion,
  assertSinglePrimary,
  assertStreaming,
  assertWritesRefused,
  ClusterAssertionError,
} from './asserts.ts';
import { listInstances } from './instances.ts';
import { PsqlError } from './psql.ts';

const ref = { namespace: 'team', name: 'db' };
const PODS = '/api/v1/namespaces/team/pods';
const CLUSTER = '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/db';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/team/endpointslices';

/** What PostgreSQL says in each pod: rows, or an error. */
let says: Record<string, object | Error>;
let server: FakeApiServer;
let kube: KubeClient;

function pod(name: string, role: string, annotations: Record<string, string> = {}) {
  const labels = { 'cnpg.io/podRole': 'instance', 'cnpg.io/instanceName': name, 'cnpg.io/instanceRole': role };
  const running = { name: 'postgres', image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} } };
  return {
    metadata: { name, namespace: 'team', uid: `uid-${name}`, labels, annotations },
    status: { phase: 'Running', podIP: `10.0.0.${name.at(-1) ?? ''}`, containerStatuses: [running] },
  };
}

function cluster(instances = 2) {
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { ...ref, uid: 'u' },
    spec: { instances },
    status: { currentPrimary: 'db-1', targetPrimary: 'db-1' },
  };
}

function serve(pods: object[], instances = pods.length): void {
  serveObjects(server, { [CLUSTER]: cluster(instances), [PODS]: pods, [SLICES]: [] });
}

eachWithServer((fresh) => ({ server, kube } = fresh));
beforeEach(() => {
  says = {};
  server.execHandler = (socket, request) => {
    const send = (channel: number, text: string) => {
      socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
    };
    const answer =
      says[request.path.split('/').at(-2) ?? ''] ?? new Error('FATAL:  the database system is starting up');
    if (answer instanceof Error) {
      send(2, answer.message);
      send(3, '{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"2"}]}}');
      return;
    }
    send(1, JSON.stringify([answer]));
    send(3, '{"status":"Success"}');
  };
  serve([pod('db-1', 'primary'), pod('db-2', 'replica')]);
});

const standby = (state = 'streaming') => ({
  name: 'db-2',
  state,
  syncState: 'quorum',
  flushLsn: null,
  replayLsn: null,
});
const primaryRow = (standbys: object[], timeline = 2) => ({
  recovering: false,
  timeline,
  synchronous_standby_names: '',
  standbys,
});

describe('every standby streams', () => {
  test('on the primary’s timeline', async () => {
    says = { 'db-1': primaryRow([standby()]), 'db-2': { status: 'streaming', timeline: 2 } };
    await expect(assertStreaming(kube, ref)).resolves.toBe(2);
    await expect(assertFollowPromotion(kube, ref, 1)).resolves.toBe(2);
    await expect(assertFollowPromotion(kube, ref, 2)).rejects.toThrow('timeline 2, before it was 2');
  });

  test.for<[why: string, standbys: object[], receiver: object, said: string]>([
    ['not connected', [], {}, 'db-2 is not connected to db-1'],
    ['catching up', [standby('catchup')], {}, 'db-2 is in state catchup'],
    [
      'on another timeline',
      [standby()],
      { status: 'streaming', timeline: 1 },
      'db-2 receives timeline 1, the primary is on 2',
    ],
  ])('but for one that is %s', async ([, standbys, receiver, said]) => {
    says = { 'db-1': primaryRow(standbys), 'db-2': receiver };
    const error: unknown = await assertStreaming(kube, ref).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClusterAssertionError);
    expect(String(error)).toContain(said);
  });

  test('is not true of a cluster without standbys, nor of one that does not answer', async () => {
    serve([pod('db-1', 'primary')]);
    says = { 'db-1': primaryRow([]) };
    await expect(assertStreaming(kube, ref)).rejects.toThrow('there are no standbys');
    says = {};
    await expect(assertStreaming(kube, ref)).rejects.toBeInstanceOf(PsqlError);
  });
});

describe('exactly one takes writes', () => {
  const row = (recovering: boolean) => ({
    recovering,
    checkpoint_timeline: 1,
    wal: recovering ? null : '00000001',
    received: null,
  });

  test.for<[why: string, states: Record<string, object>, said: string | undefined]>([
    ['one', { 'db-1': row(false), 'db-2': row(true) }, undefined],
    ['two', { 'db-1': row(false), 'db-2': row(false) }, 'taking writes: db-1, db-2'],
    ['none', { 'db-1': row(true), 'db-2': row(true) }, 'taking writes: none'],
    ['one, while another is silent', { 'db-1': row(false) }, 'db-2 did not answer'],
  ])('%s', async ([, states, said]) => {
    says = states;
    const outcome = await assertSinglePrimary(kube, ref).catch((error: unknown) => String(error));
    expect(outcome).toContain(said ?? 'db-1');
    expect(outcome.startsWith('ClusterAssertionError')).toBe(said !== undefined);
  });
});

test('a standby refuses writes as a standby does, and by nothing else', async () => {
  const [, replica] = await listInstances(kube, ref);
  if (replica === undefined) throw new Error('no replica');
  says = { 'db-2': new Error('ERROR:  cannot assign TransactionIds during recovery') };
  await expect(assertWritesRefused(kube, ref, replica)).resolves.toBeUndefined();
  says = { 'db-2': { pg_current_xact_id: '7' } };
  await expect(assertWritesRefused(kube, ref, replica)).rejects.toBeInstanceOf(ClusterAssertionError);
  says = {};
  await expect(assertWritesRefused(kube, ref, replica)).rejects.toBeInstanceOf(PsqlError);
});

test('all pods have it, and there are as many as there should be', async () => {
  serve([pod('db-1', 'primary', { a: '1' }), pod('db-2', 'replica', { a: '2' })]);
  await expect(assertAllPodsHave(kube, ref, { labels: { 'cnpg.io/podRole': 'instance' } })).resolves.toBeUndefined();
  await expect(assertAllPodsHave(kube, ref, { annotations: { a: '1' } })).rejects.toThrow('db-2 has not');
  serve([pod('db-1', 'primary', { a: '1' })], 2);
  await expect(assertAllPodsHave(kube, ref, { annotations: { a: '1' } })).rejects.toThrow(
    'there are 1 instance pods, 2 are wanted',
  );
});
