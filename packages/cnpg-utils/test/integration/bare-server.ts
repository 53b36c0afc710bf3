import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { KubeClient, waitFor } from '../../src/index.ts';
import { kubeconfigPath, labName } from './lab.ts';

const run = promisify(execFile);

const PORT = 16_443;
const PREFIX = '/cnpg-utils-bare';

/** An API server that has nothing but itself: neither CloudNativePG nor a controller that would finish anything. */
export interface BareServer extends AsyncDisposable {
  readonly kube: KubeClient;
}

/**
 * Starts a second API server beside that of the lab, with its certificates and its etcd, but with keys of its own there.
 * It ends with the block, and by itself when nobody is left to end it.
 */
export async function startBareServer(): Promise<BareServer> {
  const inNode = async (...command: string[]) =>
    (await run('docker', ['exec', `${labName}-control-plane`, ...command])).stdout;
  const pid = (await inNode('pgrep', '-o', '-x', 'kube-apiserver')).trim();
  const flags = (await inNode('cat', `/proc/${pid}/cmdline`))
    .split('\0')
    .slice(1)
    .filter((flag) => flag !== '' && !/^--(secure-port|etcd-prefix)=/.test(flag));
  const log = '/tmp/cnpg-utils-bare.log';
  const script = `echo $$ > /tmp/cnpg-utils-bare.pid; exec timeout 300 kube-apiserver "$@" > ${log} 2>&1`;
  const ours = [...flags, `--secure-port=${PORT}`, `--etcd-prefix=${PREFIX}`];
  await run('docker', ['exec', '-d', `${labName}-control-plane`, 'sh', '-c', script, 'sh', ...ours]);
  const kubeconfig = parse(await readFile(kubeconfigPath(), 'utf8')) as { clusters: { cluster: { server: string } }[] };
  for (const { cluster } of kubeconfig.clusters) {
    const url = new URL(cluster.server);
    url.port = String(PORT);
    cluster.server = url.href;
  }
  const kube = KubeClient.fromString(JSON.stringify(kubeconfig));
  const stop = async () => {
    await kube.close();
    await inNode('sh', '-c', 'kill $(cat /tmp/cnpg-utils-bare.pid); rm -f /tmp/cnpg-utils-bare.*');
    await inNode('etcdctl', 'del', '--prefix', `${PREFIX}/`);
  };
  try {
    await waitFor(
      'the API server without anything in it',
      async (signal) => {
        const place = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' };
        return await kube.find(place, { signal, timeoutMs: 2_000 });
      },
      { timeoutMs: 90_000, intervalMs: 500 },
    );
  } catch (error) {
    const said = await inNode('tail', '-n', '20', log).catch(String);
    await stop().catch(() => {});
    throw new Error(`no second API server: ${said}`, { cause: error });
  }
  return { kube, [Symbol.asyncDispose]: stop };
}
