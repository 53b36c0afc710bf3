import { describe, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { CnpgNotInstalledError, NotFoundError } from '../kube/errors.ts';
import { WrongKindError } from '../kube/yaml.ts';
import {
  ClusterNotFoundError,
  createCluster,
  deleteCluster,
  describeCluster,
  findCluster,
  getCluster,
  isClusterReady,
  waitForClusterReady,
} from './cluster.ts';
import { UnexpectedClusterError } from './schemas.ts';
import { phases } from './constants.ts';
import { appCredentials } from './secrets.ts';
import { currentPrimary, listInstances, NoPrimaryError } from './instances.ts';
import type { Cluster } from './types.ts';

const ref = { namespace: 'team', name: 'db' };
const CLUSTER = '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/db';
const PODS = '/api/v1/namespaces/team/pods';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function cluster(status: Cluster['status'] = {}): Cluster {
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { ...ref, uid: 'u' },
    spec: { instances: 3, storage: { size: '1Gi' } },
    status: {
      phase: phases.healthy,
      instances: 3,
      readyInstances: 3,
      currentPrimary: 'db-1',
      targetPrimary: 'db-1',
      ...status,
    },
  };
}

function pod(name: string, labels: Record<string, string> = {}) {
  return {
    metadata: {
      name,
      namespace: 'team',
      uid: `uid-${name}`,
      labels: { 'cnpg.io/podRole': 'instance', 'cnpg.io/instanceName': name, ...labels },
    },
    spec: { containers: [], nodeName: 'w1' },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        { name: 'postgres', image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
      ],
    },
  };
}

describe('ready', () => {
  test('healthy with all instances', () => {
    expect(isClusterReady(cluster())).toBe(true);
  });

  test.for<[Cluster['status']]>([
    [{ phase: phases.failover }],
    [{ readyInstances: 2 }],
    [{ instances: 4 }],
    [{ instances: 2, readyInstances: 2 }],
  ])('%o is not ready', ([status]) => {
    expect(isClusterReady(cluster(status))).toBe(false);
  });

  test('waiting tells phase and stuck pods', async () => {
    const stuck = { ...pod('db-2'), status: { phase: 'Pending' } };
    serveObjects(server, { [CLUSTER]: cluster({ phase: phases.creatingReplica, readyInstances: 1 }), [PODS]: [stuck] });
    await expect(firstState((wait) => waitForClusterReady(kube, ref, wait))).resolves.toBe(
      'Creating a new replica, 1 of 3 ready, primary db-1; pod db-2: Pending, not ready',
    );
  });

  test('a cluster that does not exist ends the wait at once', async () => {
    await expect(waitForClusterReady(kube, ref, { timeoutMs: 60_000 })).rejects.toBeInstanceOf(NotFoundError);
  });

  test('the state in one line', () => {
    expect(describeCluster(cluster({ phase: phases.failover, phaseReason: 'no pod', targetPrimary: 'pending' }))).toBe(
      'Failing over (no pod), 3 of 3 ready, primary db-1 → pending',
    );
    const { status: _, ...fresh } = cluster();
    expect(describeCluster(fresh)).toBe('no status yet');
  });
});

describe('reading', () => {
  test('a shape that we do not know names the field', async () => {
    serveObjects(server, { [CLUSTER]: { ...cluster(), status: { readyInstances: 'three' } } as never });
    await expect(getCluster(kube, ref)).rejects.toBeInstanceOf(UnexpectedClusterError);
    await expect(getCluster(kube, ref)).rejects.toThrow('status.readyInstances');
  });

  test('fields of a newer operator pass', async () => {
    serveObjects(server, { [CLUSTER]: cluster({ brandNew: { x: 1 } }) });
    await expect(getCluster(kube, ref)).resolves.toMatchObject({ status: { brandNew: { x: 1 } } });
  });

  test('find', async () => {
    await expect(findCluster(kube, ref)).resolves.toBeUndefined();
  });

  test('one that is not there names those that are', async () => {
    const other = { ...cluster(), metadata: { namespace: 'team', name: 'dp', uid: 'u' } };
    serveObjects(server, { '/apis/postgresql.cnpg.io/v1/clusters': [other] });
    const error: unknown = await getCluster(kube, ref).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClusterNotFoundError);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(String(error)).toContain('there is no Cluster db in namespace team; there are: team/dp');
    serveObjects(server, {});
    await expect(getCluster(kube, ref)).rejects.toThrow('others could not be listed');
  });

  test('a manifest without a namespace is refused', async () => {
    const { metadata: _, ...rest } = cluster();
    await expect(createCluster(kube, { ...rest, metadata: { name: 'db' } })).rejects.toThrow('metadata.namespace');
  });
});

describe('instances', () => {
  test('are sorted by serial and know their role', async () => {
    const primary = pod('db-2', { 'cnpg.io/instanceRole': 'primary' });
    const old = pod('db-10', { 'cnpg.io/instanceRole': 'unhealthy' });
    serveObjects(server, { [PODS]: [old, primary, pod('db-1')] });
    const instances = await listInstances(kube, ref);
    expect(instances.map(({ name, role, isPrimary }) => [name, role, isPrimary])).toEqual([
      ['db-1', undefined, false],
      ['db-2', 'primary', true],
      ['db-10', 'unhealthy', false],
    ]);
    expect(instances[1]?.pod).toEqual({
      name: 'db-2',
      uid: 'uid-db-2',
      ip: '10.0.0.1',
      node: 'w1',
      phase: 'Running',
      ready: true,
      running: true,
      terminating: false,
      restarts: 0,
    });
    expect(server.requests[0]?.query.get('labelSelector')).toBe('cnpg.io/cluster=db,cnpg.io/podRole=instance');
  });

  test('the current primary is the one of the status, not of the label', async () => {
    serveObjects(server, {
      [CLUSTER]: cluster(),
      [PODS]: [pod('db-1'), pod('db-2', { 'cnpg.io/instanceRole': 'primary' })],
    });
    await expect(currentPrimary(kube, ref)).resolves.toMatchObject({ name: 'db-1' });
  });

  test('no primary', async () => {
    serveObjects(server, { [CLUSTER]: cluster({ currentPrimary: '' }), [PODS]: [] });
    await expect(currentPrimary(kube, ref)).rejects.toBeInstanceOf(NoPrimaryError);
    serveObjects(server, { [CLUSTER]: cluster(), [PODS]: [pod('db-3')] });
    await expect(currentPrimary(kube, ref)).rejects.toThrow('its current primary db-1 has no pod; instance pods: db-3');
  });
});

describe('deleting', () => {
  const CLAIMS = '/api/v1/namespaces/team/persistentvolumeclaims';
  const JOBS = '/apis/batch/v1/namespaces/team/jobs';

  test('a cluster that is gone already is fine', async () => {
    serveObjects(server, { [PODS]: [], [CLAIMS]: [], [JOBS]: [] });
    await expect(deleteCluster(kube, ref, { timeoutMs: 5_000 })).resolves.toBeUndefined();
  });

  test('what is left is named, volumes that will be deleted too', async () => {
    const claim = {
      metadata: { name: 'db-1', finalizers: ['kubernetes.io/pvc-protection', 'hold'] },
      spec: { volumeName: 'pv-1' },
    };
    const kept = { metadata: { name: 'db-2' }, spec: { volumeName: 'pv-2' } };
    serveObjects(server, {
      [PODS]: [pod('db-1')],
      [CLAIMS]: [claim, kept],
      [JOBS]: [],
      '/api/v1/persistentvolumes/pv-1': {
        metadata: { name: 'pv-1' },
        spec: { persistentVolumeReclaimPolicy: 'Delete' },
      } as never,
      '/api/v1/persistentvolumes/pv-2': {
        metadata: { name: 'pv-2' },
        spec: { persistentVolumeReclaimPolicy: 'Retain' },
      } as never,
    });
    await expect(firstState((wait) => deleteCluster(kube, ref, wait))).resolves.toBe(
      'left: Pod db-1, PersistentVolumeClaim db-1 (finalizers: hold), PersistentVolumeClaim db-2, PersistentVolume pv-1',
    );
  });
});

describe('credentials', () => {
  const secret = (name: string, data: Record<string, string>) => ({
    metadata: { namespace: 'team', name },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  });
  const objects = {
    '/api/v1/namespaces/team/secrets/db-app': secret('db-app', {
      username: 'app',
      password: 'pässword',
      dbname: 'app',
      port: '5432',
    }),
    '/api/v1/namespaces/team/secrets/db-ca': secret('db-ca', { 'ca.crt': 'PEM' }),
    '/api/v1/namespaces/team/services/db-rw': { spec: { clusterIP: '10.96.0.7' } } as never,
  };

  test('come from the secrets, the address from the service', async () => {
    serveObjects(server, objects);
    await expect(appCredentials(kube, ref)).resolves.toEqual({
      user: 'app',
      password: 'pässword',
      database: 'app',
      host: '10.96.0.7',
      port: 5432,
      ca: 'PEM',
      serverName: 'db-rw',
    });
  });

  test('superuser, where there is one', async () => {
    const superuser = secret('db-superuser', { username: 'postgres', password: 'x' });
    serveObjects(server, { ...objects, '/api/v1/namespaces/team/secrets/db-superuser': superuser });
    await expect(appCredentials(kube, ref)).resolves.toMatchObject({ superuser: { user: 'postgres', password: 'x' } });
  });

  test('the authority is the one that the status names', async () => {
    const status = { certificates: { serverCASecret: 'ours' } };
    serveObjects(server, {
      ...objects,
      '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/db': { ...cluster(), status } as never,
      '/api/v1/namespaces/team/secrets/ours': secret('ours', { 'ca.crt': 'OURS' }),
    });
    await expect(appCredentials(kube, ref)).resolves.toMatchObject({ ca: 'OURS' });
  });

  test('a secret without a key is named, its values are not', async () => {
    serveObjects(server, { ...objects, '/api/v1/namespaces/team/secrets/db-ca': secret('db-ca', { other: 'hidden' }) });
    await expect(appCredentials(kube, ref)).rejects.toThrow('Secret team/db-ca has no key ca.crt; it has: other');
  });

  test('a headless service is refused', async () => {
    serveObjects(server, {
      ...objects,
      '/api/v1/namespaces/team/services/db-rw': { spec: { clusterIP: 'None' } } as never,
    });
    await expect(appCredentials(kube, ref)).rejects.toThrow('has no cluster IP');
  });
});

test('what is no Cluster of CloudNativePG is not made one', async () => {
  for (const wrong of [{ kind: 'Pooler' }, { apiVersion: 'cluster.x-k8s.io/v1beta1' }]) {
    await expect(createCluster(kube, { ...cluster(), ...wrong })).rejects.toBeInstanceOf(WrongKindError);
  }
  const pooler = { ...cluster(), kind: 'Pooler' };
  await expect(createCluster(kube, pooler)).rejects.toThrow(
    'team/db: expected a Cluster of postgresql.cnpg.io/v1, got a Pooler of postgresql.cnpg.io/v1',
  );
  expect(server.requests).toEqual([]);
});

describe('a server without CloudNativePG', () => {
  test('is told apart from a cluster that is not there', async () => {
    // The API server's answer for a path that it does not know.
    server.handler = (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    };
    for (const call of [
      () => getCluster(kube, ref),
      () => findCluster(kube, ref),
      () => createCluster(kube, cluster()),
      () => waitForClusterReady(kube, ref, { timeoutMs: 60_000 }),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(CnpgNotInstalledError);
      await expect(call()).rejects.toThrow('install CloudNativePG first');
    }
    server.handler = (_request, response) => {
      reply(response, 404, status(404, 'NotFound', 'namespaces "team" not found'));
    };
    await expect(createCluster(kube, cluster())).rejects.toBeInstanceOf(NotFoundError);
  });
});
