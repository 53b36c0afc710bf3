import type { ClusterUnderTest } from '@cnpg-chaos/chaos-kit';
import { connect, appCredentials, closeClient, execOk, POSTGRES_CONTAINER, psqlRows } from '@cnpg-chaos/cnpg-utils';
import { addressOf, type Delivered, type Probe, type Side, timed } from './probes.ts';

const datagrams = 20;
const unusedPort = 9;

/**
 * The network between two instances, seen from inside their pods: the replication stream that was open before, new TCP
 * connections both ways, and in each direction the share of datagrams that arrives, by the kernel's own counter of
 * datagrams to a port where nobody listens. Needs nothing but bash in the pods.
 *
 * @param primary must be the primary, `standby` one that streams from it
 */
export async function podNetworkProbe(cluster: ClusterUnderTest, primary: string, standby: string): Promise<Probe> {
  const { user, password, database, ca } = await appCredentials(cluster.kube, cluster);
  const host = await addressOf(cluster, primary);
  // Writes something to stream without waiting for a standby; from outside, so that the fault does not reach it.
  const options = { host, user, password, database, ca, applicationName: 'contract-probe', queryTimeoutMs: 5_000 };
  const writer = await connect({ ...options, settings: { synchronous_commit: 'local' } });
  const stream = async () => {
    const { rows } = await writer.query<{ lsn: string }>(
      "SELECT pg_logical_emit_message(false, 'contract', 'x')::text, pg_current_wal_insert_lsn()::text AS lsn",
    );
    await writer.query('SELECT txid_current()');
    const lsn = rows[0]?.lsn ?? '0/0';
    const sql = `SELECT pg_last_wal_receive_lsn() >= '${lsn}'::pg_lsn AS received`;
    for (let tries = 0; tries < 5; tries++) {
      const [row] = await psqlRows<{ received: boolean }>(
        cluster.kube,
        { namespace: cluster.namespace, name: standby },
        sql,
      );
      if (row?.received === true) return { works: true, what: 'the replication stream goes on' };
    }
    return { works: false, what: `${standby} does not receive what ${primary} writes` };
  };
  const look = async () => {
    const addresses = { [primary]: await addressOf(cluster, primary), [standby]: await addressOf(cluster, standby) };
    const to = (name: string) => addresses[name] ?? '';
    const before = await timed(stream);
    const [there, back] = await Promise.all([tcp(cluster, primary, to(standby)), tcp(cluster, standby, to(primary))]);
    const delivered: Delivered = {
      to: await arrived(cluster, primary, standby, to(standby)),
      from: await arrived(cluster, standby, primary, to(primary)),
    };
    const fresh: Side = {
      works: there.works && back.works,
      what: `${primary}→${standby} ${there.what}, ${standby}→${primary} ${back.what}`,
      tookMs: Math.max(there.tookMs, back.tookMs),
    };
    // One way or the other is not both: what works in one direction only works for no connection.
    return { before, fresh: there.works === back.works ? fresh : { ...fresh, works: false }, delivered };
  };
  return { look, reopen: () => Promise.resolve(), [Symbol.asyncDispose]: () => closeClient(writer) };
}

/** Opens a TCP connection from inside a pod. */
async function tcp(cluster: ClusterUnderTest, from: string, address: string): Promise<Side> {
  const script = `start=\${EPOCHREALTIME/./}; timeout 2 bash -c ': </dev/tcp/${address}/5432' 2>/dev/null; code=$?; echo "$code $(( \${EPOCHREALTIME/./} - start ))"`;
  const { stdout } = await inPod(cluster, from, script);
  const [code = '1', micros = '0'] = stdout.trim().split(' ');
  const tookMs = Number(micros) / 1000;
  const what = code === '0' ? 'connects' : code === '124' ? 'times out' : `is refused (${code})`;
  return { works: code === '0', what, tookMs };
}

/** Share of datagrams that arrive, 0 to 1. */
async function arrived(cluster: ClusterUnderTest, from: string, to: string, address: string): Promise<number> {
  const before = await strayDatagrams(cluster, to);
  await inPod(cluster, from, `for i in {1..${datagrams}}; do echo x >/dev/udp/${address}/${unusedPort}; done; exit 0`);
  // those that a latency holds back come later
  const deadline = performance.now() + 1_000;
  for (;;) {
    const share = ((await strayDatagrams(cluster, to)) - before) / datagrams;
    if (share >= 1 || performance.now() > deadline) return share;
  }
}

async function strayDatagrams(cluster: ClusterUnderTest, pod: string): Promise<number> {
  const { stdout } = await inPod(cluster, pod, 'cat /proc/net/snmp');
  const [names = [], values = []] = stdout
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('NoPorts')] ?? Number.NaN);
}

function inPod(cluster: ClusterUnderTest, pod: string, script: string) {
  const target = { namespace: cluster.namespace, pod, container: POSTGRES_CONTAINER };
  return execOk(cluster.kube, target, ['bash', '-c', script], { timeoutMs: 10_000 });
}
