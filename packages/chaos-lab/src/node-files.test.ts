import { beforeAll, describe, expect, test } from 'vitest';
import { nodeFiles, nodeKey, type NodeFile } from './node-files.ts';
import { createPki, type LabPki } from './pki.ts';
import { topologyOf } from './topology.ts';

const topology = topologyOf('cnpg-chaos', 0);
let pki: LabPki;
beforeAll(async () => {
  pki = await createPki(topology);
});

async function filesOf(name: string, pauseImage = 'lab/pause:1'): Promise<Map<string, NodeFile>> {
  const node = topology.nodes.find((one) => one.name === name) ?? topology.controlPlane;
  const files = await nodeFiles({ topology, node, pki, pauseImage });
  return new Map(files.map((file) => [file.target, file]));
}

describe('files of a node', () => {
  test('of a worker: its own identity and network, no key of the cluster', async () => {
    const files = await filesOf('w2');
    expect(files.get('/etc/cni/net.d/10-lab.conflist')?.content).toContain('10.244.2.0/24');
    expect(files.get('/etc/lab/node.env')?.content).toContain(
      "LAB_ROUTES='10.244.1.0/24=172.31.0.11 10.244.3.0/24=172.31.0.13'",
    );
    expect(files.get('/etc/lab/node.env')?.content).toContain("LAB_SERVICES='containerd kubelet kube-proxy'");
    expect(files.has('/etc/kubernetes/pki/ca.key')).toBe(false);
    expect(files.has('/etc/kubernetes/admin.conf')).toBe(false);
  });

  test('of the control plane: routes to all pod networks and all four services besides the proxy', async () => {
    const env = (await filesOf('control-plane')).get('/etc/lab/node.env')?.content;
    expect(env).toContain('10.244.3.0/24=172.31.0.13');
    expect(env).toContain("LAB_SERVICES='etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy'");
  });

  test.each(['control-plane', 'w1'])(
    'of %s: private keys are readable by root only, no placeholder is left',
    async (name) => {
      const files = [...(await filesOf(name)).values()];
      const secrets = files.filter(({ content }) => /PRIVATE KEY|client-key-data/.test(content));
      expect(secrets.length).toBeGreaterThan(2);
      expect(secrets.filter(({ mode }) => mode !== 0o600)).toEqual([]);
      expect(files.filter(({ content }) => content.includes('{{'))).toEqual([]);
    },
  );
});

describe('the key of a node', () => {
  const key = async (nodeImage: string, pause?: string): Promise<string> =>
    nodeKey({ nodeImage, files: [...(await filesOf('w1', pause)).values()], containerSpec: '' });

  test('stays while nothing changes, in whatever order files come', async () => {
    const files = [...(await filesOf('w1')).values()];
    expect(nodeKey({ nodeImage: 'a', files, containerSpec: '' })).toBe(
      nodeKey({ nodeImage: 'a', files: files.toReversed(), containerSpec: '' }),
    );
    expect(await key('a')).toBe(await key('a'));
  });

  test('changes with the image, a file and the container itself', async () => {
    const base = await key('a');
    expect(await key('b')).not.toBe(base);
    expect(await key('a', 'lab/pause:2')).not.toBe(base);
    const files = [...(await filesOf('w1')).values()];
    expect(nodeKey({ nodeImage: 'a', files, containerSpec: 'other' })).not.toBe(base);
  });
});
