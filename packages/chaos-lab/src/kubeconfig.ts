import { stringify } from 'yaml';
import { LabError } from './errors.ts';
import type { LabPki } from './pki.ts';
import type { Topology } from './topology.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A self-contained kubeconfig for the certificate called `certificate` in the PKI. */
export function kubeconfigFor(topology: Topology, pki: LabPki, certificate: string): string {
  const pair = pki.certificates[certificate];
  if (!pair) throw new LabError('STATE', `the lab's PKI has no certificate '${certificate}'`);
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: topology.lab,
        cluster: { server: topology.server, 'certificate-authority-data': base64(pki.ca.cert) },
      },
    ],
    users: [
      {
        name: certificate,
        user: { 'client-certificate-data': base64(pair.cert), 'client-key-data': base64(pair.key) },
      },
    ],
    contexts: [{ name: topology.lab, context: { cluster: topology.lab, user: certificate } }],
    'current-context': topology.lab,
  });
}
