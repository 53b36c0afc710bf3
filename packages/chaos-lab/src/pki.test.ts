import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { kubeconfigFor } from './kubeconfig.ts';
import { certificatesOf, createPki, type LabPki } from './pki.ts';
import { topologyOf } from './topology.ts';

const topology = topologyOf('cnpg-chaos', 0);
let pki: LabPki;
beforeAll(async () => {
  pki = await createPki(topology);
});

const certificate = (name: string): X509Certificate => new X509Certificate(pki.certificates[name]?.cert ?? '');

describe('the certificate', () => {
  test.each(Object.keys(certificatesOf(topology)))('%s is signed by the CA and fits its key', (name) => {
    const ca = new X509Certificate(pki.ca.cert);
    const own = certificate(name);
    expect(own.verify(ca.publicKey)).toBe(true);
    expect(own.checkIssued(ca)).toBe(true);
    expect(own.ca).toBe(false);
    expect(own.validToDate.getFullYear()).toBeGreaterThan(new Date().getFullYear() + 8);
  });

  test('of the API server answers to every name and address it is called by', () => {
    const own = certificate('apiserver');
    for (const host of ['kubernetes', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost']) {
      expect(own.checkHost(host)).toBe(host);
    }
    for (const address of ['127.0.0.1', '10.96.0.1', '172.31.0.10']) expect(own.checkIP(address)).toBe(address);
    expect(own.checkIP('172.31.0.11')).toBeUndefined();
  });

  test('of a worker names the node the way the Node authorizer wants it, and only this node', () => {
    const own = certificate('w2');
    expect(own.subject.split('\n').toSorted()).toEqual(['CN=system:node:w2', 'O=system:nodes']);
    expect(own.checkIP('172.31.0.12')).toBe('172.31.0.12');
    expect(own.checkIP('172.31.0.13')).toBeUndefined();
  });

  test('of the administrator is in system:masters', () => {
    expect(certificate('admin').subject).toContain('O=system:masters');
  });

  test('of another lab is not accepted', async () => {
    const other = await createPki(topology);
    const foreign = new X509Certificate(other.certificates['admin']?.cert ?? '');
    expect(foreign.verify(new X509Certificate(pki.ca.cert).publicKey)).toBe(false);
  });
});

describe('a kubeconfig', () => {
  test('holds server, CA and client identity', () => {
    const config: unknown = parse(kubeconfigFor(topology, pki, 'admin'));
    expect(config).toMatchObject({
      'current-context': 'cnpg-chaos',
      clusters: [{ cluster: { server: 'https://172.31.0.10:6443' } }],
      users: [{ user: { 'client-key-data': Buffer.from(pki.certificates['admin']?.key ?? '').toString('base64') } }],
    });
  });

  test('for an unknown identity is an error', () => {
    expect(() => kubeconfigFor(topology, pki, 'nobody')).toThrow("no certificate 'nobody'");
  });
});
