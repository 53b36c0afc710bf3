import { createHash } from 'node:crypto';
import { LabError } from './errors.ts';
import { kubeconfigFor } from './kubeconfig.ts';
import { fill, readManifest } from './package-files.ts';
import type { KeyPair, LabPki } from './pki.ts';
import type { Topology, TopologyNode } from './topology.ts';

/** A file that is put into a node container before its first start. */
export interface NodeFile {
  target: string;
  content: string;
  mode: number;
}

const script = 0o755;
const plain = 0o644;
const secret = 0o600;
const pkiDir = '/etc/kubernetes/pki';

/** Seconds of silence after which a node counts as lost; the default of kube-controller-manager 1.35. */
const nodeMonitorGracePeriod = '50s';

function service(name: string, lines: string[], environment: Record<string, string> = {}): NodeFile {
  const exports = Object.entries(environment).map(([key, value]) => `export ${key}=${value}`);
  return {
    target: `/etc/lab/services/${name}`,
    content: ['#!/bin/bash', ...exports, ...lines, ''].join('\n'),
    mode: script,
  };
}

const command = (argv: string[]): string => `exec ${argv.join(' \\\n  ')}`;

// A client that starts before the server is there loses seconds in its back-off. The wait is bounded:
// a node must also come up while the control plane is down.
const untilApiPort = (topology: Topology): string =>
  `for _ in {1..100}; do (: </dev/tcp/${topology.controlPlane.address}/6443) 2>/dev/null && break; sleep 0.1; done`;

function controlPlaneServices(topology: Topology): NodeFile[] {
  const kubeconfig = (name: string): string[] => [
    `--kubeconfig=/etc/kubernetes/${name}.conf`,
    `--authentication-kubeconfig=/etc/kubernetes/${name}.conf`,
    `--authorization-kubeconfig=/etc/kubernetes/${name}.conf`,
    '--leader-elect=false',
    '--profiling=false',
  ];
  // The controller manager ends at once while the API server still makes its first roles.
  const untilReady =
    'for _ in {1..60}; do kubectl --kubeconfig=/etc/kubernetes/admin.conf get --raw=/readyz >/dev/null 2>&1 && break; sleep 0.3; done';
  return [
    service(
      'etcd',
      [
        command([
          'etcd',
          '--name=lab',
          '--data-dir=/var/lib/etcd/data',
          '--unsafe-no-fsync',
          '--listen-client-urls=http://127.0.0.1:2379',
          '--advertise-client-urls=http://127.0.0.1:2379',
          '--listen-peer-urls=http://127.0.0.1:2380',
          '--initial-advertise-peer-urls=http://127.0.0.1:2380',
          '--initial-cluster=lab=http://127.0.0.1:2380',
          '--snapshot-count=5000',
          '--heartbeat-interval=500',
          '--election-timeout=2500',
          '--quota-backend-bytes=1073741824',
          '--log-level=warn',
        ]),
      ],
      { GOGC: '50', GOMEMLIMIT: '150MiB' },
    ),
    service(
      'kube-apiserver',
      [
        'for _ in {1..50}; do (: </dev/tcp/127.0.0.1/2379) 2>/dev/null && break; sleep 0.1; done',
        command([
          'kube-apiserver',
          '--etcd-servers=http://127.0.0.1:2379',
          `--advertise-address=${topology.controlPlane.address}`,
          '--secure-port=6443',
          `--client-ca-file=${pkiDir}/ca.crt`,
          `--tls-cert-file=${pkiDir}/apiserver.crt`,
          `--tls-private-key-file=${pkiDir}/apiserver.key`,
          `--kubelet-client-certificate=${pkiDir}/apiserver-kubelet-client.crt`,
          `--kubelet-client-key=${pkiDir}/apiserver-kubelet-client.key`,
          `--kubelet-certificate-authority=${pkiDir}/ca.crt`,
          '--kubelet-preferred-address-types=InternalIP',
          '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
          `--service-account-key-file=${pkiDir}/sa.pub`,
          `--service-account-signing-key-file=${pkiDir}/sa.key`,
          `--service-cluster-ip-range=${topology.serviceNetwork}`,
          '--authorization-mode=Node,RBAC',
          '--enable-admission-plugins=NodeRestriction',
          '--allow-privileged=true',
          // Webhooks are called at their pods: they answer as soon as those do, without kube-proxy's rules.
          '--enable-aggregator-routing=true',
          `--requestheader-client-ca-file=${pkiDir}/ca.crt`,
          '--requestheader-allowed-names=front-proxy-client',
          '--requestheader-username-headers=X-Remote-User',
          '--requestheader-group-headers=X-Remote-Group',
          '--requestheader-extra-headers-prefix=X-Remote-Extra-',
          `--proxy-client-cert-file=${pkiDir}/front-proxy-client.crt`,
          `--proxy-client-key-file=${pkiDir}/front-proxy-client.key`,
          '--profiling=false',
          '--event-ttl=2h',
        ]),
      ],
      { GOGC: '60', GOMEMLIMIT: '450MiB' },
    ),
    service(
      'kube-controller-manager',
      [
        untilReady,
        command([
          'kube-controller-manager',
          ...kubeconfig('kube-controller-manager'),
          // Pod networks are fixed per node and set by the lab, so nobody allocates them.
          '--allocate-node-cidrs=false',
          '--controllers=*,-node-ipam-controller,-horizontal-pod-autoscaler-controller,-bootstrap-signer-controller,-token-cleaner-controller,-cronjob-controller,-service-lb-controller,-node-route-controller,-cloud-node-lifecycle-controller',
          `--service-cluster-ip-range=${topology.serviceNetwork}`,
          `--root-ca-file=${pkiDir}/ca.crt`,
          `--service-account-private-key-file=${pkiDir}/sa.key`,
          `--cluster-signing-cert-file=${pkiDir}/ca.crt`,
          `--cluster-signing-key-file=${pkiDir}/ca.key`,
          '--use-service-account-credentials=true',
          `--node-monitor-grace-period=${nodeMonitorGracePeriod}`,
          '--kube-api-qps=100',
          '--kube-api-burst=200',
        ]),
      ],
      { GOGC: '60', GOMEMLIMIT: '200MiB' },
    ),
    service('kube-scheduler', [untilReady, command(['kube-scheduler', ...kubeconfig('kube-scheduler')])], {
      GOGC: '60',
      GOMEMLIMIT: '100MiB',
    }),
  ];
}

function workerServices(topology: Topology, node: TopologyNode): NodeFile[] {
  return [
    service('containerd', [command(['containerd', '--config=/etc/containerd/config.toml'])], {
      GOGC: '60',
      GOMEMLIMIT: '150MiB',
    }),
    service(
      'kubelet',
      [
        'for _ in {1..100}; do [ -S /run/containerd/containerd.sock ] && break; sleep 0.1; done',
        untilApiPort(topology),
        command([
          'kubelet',
          '--config=/etc/lab/kubelet.yaml',
          '--kubeconfig=/etc/kubernetes/kubelet.conf',
          `--hostname-override=${node.name}`,
          `--node-ip=${node.address}`,
          `--node-labels=topology.kubernetes.io/zone=${node.zone},topology.kubernetes.io/region=lab`,
          '--housekeeping-interval=30s',
        ]),
      ],
      { GOGC: '60', GOMEMLIMIT: '150MiB' },
    ),
  ];
}

/** Options of {@link nodeFiles}. */
export interface NodeFilesInput {
  topology: Topology;
  node: TopologyNode;
  pki: LabPki;
  /** Image of the pod sandbox. */
  pauseImage: string;
}

/** Every file that the lab puts into the container of one node. */
export async function nodeFiles({ topology, node, pki, pauseImage }: NodeFilesInput): Promise<NodeFile[]> {
  const worker = node.role === 'worker';
  const values = {
    PAUSE_IMAGE: pauseImage,
    DNS_ADDRESS: topology.dnsAddress,
    POD_NETWORK: topology.podNetwork,
    POD_CIDR: node.podCidr ?? '',
    // kube-proxy waits half a minute for the Node it runs on, and the control plane is none: there it looks at a worker's.
    PROXY_NODE: worker ? node.name : (topology.workers[0]?.name ?? ''),
  };
  const template = async (source: string, target: string): Promise<NodeFile> => ({
    target,
    content: fill(await readManifest(`node/${source}`), values),
    mode: plain,
  });
  const tool = async (name: string): Promise<NodeFile> => ({
    target: `/usr/local/lib/lab/${name}`,
    content: await readManifest(`node/${name}`),
    mode: script,
  });
  const pair = (name: string, source: KeyPair | undefined): NodeFile[] => {
    if (!source) throw new LabError('STATE', `the lab's PKI has no certificate '${name}'`);
    return [
      { target: `${pkiDir}/${name}.crt`, content: source.cert, mode: plain },
      { target: `${pkiDir}/${name}.key`, content: source.key, mode: secret },
    ];
  };
  const kubeconfig = (name: string, certificate: string): NodeFile => ({
    target: `/etc/kubernetes/${name}.conf`,
    content: kubeconfigFor(topology, pki, certificate),
    mode: secret,
  });
  const kubeProxy = service(
    'kube-proxy',
    [untilApiPort(topology), command(['kube-proxy', '--config=/etc/lab/kube-proxy.yaml'])],
    { GOGC: '60', GOMEMLIMIT: '80MiB' },
  );
  const services = [...(worker ? workerServices(topology, node) : controlPlaneServices(topology)), kubeProxy];
  const routes = topology.workers
    .filter((other) => other.name !== node.name)
    .map((other) => `${other.podCidr}=${other.address}`);

  return [
    await tool('entry'),
    await tool('service'),
    await tool('volume'),
    {
      target: '/etc/lab/node.env',
      content: [
        `LAB_ROLE=${node.role}`,
        `LAB_NODE=${node.name}`,
        `LAB_ROUTES='${routes.join(' ')}'`,
        `LAB_POD_NETWORK=${topology.podNetwork}`,
        `LAB_VOLUME_ROOT=${topology.volumeRoot}`,
        `LAB_SERVICES='${services.map((file) => file.target.slice('/etc/lab/services/'.length)).join(' ')}'`,
        `LAB_LOG_LIMIT=${8 * 1024 * 1024}`,
        '',
      ].join('\n'),
      mode: plain,
    },
    ...services,
    kubeconfig('kube-proxy', 'kube-proxy'),
    await template('kube-proxy.yaml', '/etc/lab/kube-proxy.yaml'),
    { target: `${pkiDir}/ca.crt`, content: pki.ca.cert, mode: plain },
    ...(worker
      ? [
          ...pair('node', pki.certificates[node.name]),
          kubeconfig('kubelet', node.name),
          await template('kubelet.yaml', '/etc/lab/kubelet.yaml'),
          await template('containerd.toml', '/etc/containerd/config.toml'),
          await template('cni.conflist', '/etc/cni/net.d/10-lab.conflist'),
          { target: '/etc/lab/resolv.conf', content: '', mode: plain },
        ]
      : [
          { target: `${pkiDir}/ca.key`, content: pki.ca.key, mode: secret },
          { target: `${pkiDir}/sa.key`, content: pki.serviceAccount.privateKey, mode: secret },
          { target: `${pkiDir}/sa.pub`, content: pki.serviceAccount.publicKey, mode: plain },
          ...['apiserver', 'apiserver-kubelet-client', 'front-proxy-client'].flatMap((name) =>
            pair(name, pki.certificates[name]),
          ),
          kubeconfig('admin', 'admin'),
          kubeconfig('kube-controller-manager', 'kube-controller-manager'),
          kubeconfig('kube-scheduler', 'kube-scheduler'),
        ]),
  ];
}

/** Hash over what a node container is made of. Two equal keys mean that the container need not be made anew. */
export function nodeKey(input: { nodeImage: string; files: readonly NodeFile[]; containerSpec: string }): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([input.nodeImage, input.containerSpec]));
  for (const file of [...input.files].sort((a, b) => (a.target < b.target ? -1 : 1))) {
    hash.update(JSON.stringify([file.target, file.mode, file.content]));
  }
  return hash.digest('hex').slice(0, 16);
}
