import './reflect-metadata.ts';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Topology } from './topology.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const validYears = 10;

/** A certificate and its private key, PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** What {@link certificatesOf} asks to be issued. */
export interface CertificateRequest {
  /** X.500 name, most general part last, e.g. `CN=admin,O=system:masters`. */
  subject: string;
  dns?: string[];
  ip?: string[];
}

/** Everything the lab's processes prove their identity with. PEM texts. */
export interface LabPki {
  ca: KeyPair;
  /** Signs service account tokens. */
  serviceAccount: { publicKey: string; privateKey: string };
  /** By the names of {@link certificatesOf}. */
  certificates: Record<string, KeyPair>;
}

/** The certificates of a lab by name, with their subjects and alternative names. */
export function certificatesOf(topology: Topology): Record<string, CertificateRequest> {
  const service = 'kubernetes.default.svc.cluster.local';
  const requests: Record<string, CertificateRequest> = {
    apiserver: {
      subject: 'CN=kube-apiserver',
      dns: [
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        service,
        'localhost',
        topology.controlPlane.container,
      ],
      ip: ['127.0.0.1', topology.apiServiceAddress, topology.controlPlane.address],
    },
    'apiserver-kubelet-client': { subject: 'CN=kube-apiserver-kubelet-client,O=system:masters' },
    'front-proxy-client': { subject: 'CN=front-proxy-client' },
    admin: { subject: 'CN=cnpg-chaos-admin,O=system:masters' },
    'kube-controller-manager': { subject: 'CN=system:kube-controller-manager' },
    'kube-scheduler': { subject: 'CN=system:kube-scheduler' },
    'kube-proxy': { subject: 'CN=system:kube-proxy' },
    'chaos-mesh': {
      subject: 'CN=chaos-mesh-controller-manager.chaos-mesh.svc',
      dns: ['chaos-mesh-controller-manager.chaos-mesh.svc'],
    },
  };
  for (const worker of topology.workers) {
    requests[worker.name] = {
      subject: `CN=system:node:${worker.name},O=system:nodes`,
      dns: [worker.name, worker.container],
      ip: [worker.address],
    };
  }
  return requests;
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

async function keyPair(): Promise<{ keys: webcrypto.CryptoKeyPair; pem: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return { keys, pem: pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)) };
}

/** Makes a new certificate authority and everything {@link certificatesOf} lists. Takes some 50 ms. */
export async function createPki(topology: Topology): Promise<LabPki> {
  x509.cryptoProvider.set(webcrypto);
  const notBefore = new Date(Date.now() - 3_600_000); // a clock fault may set a node's clock back
  const notAfter = new Date(notBefore);
  notAfter.setFullYear(notAfter.getFullYear() + validYears);
  const serialNumber = (): string => `00${randomBytes(15).toString('hex')}`;

  const authority = await keyPair();
  const issuer = `CN=${topology.lab}-ca`;
  const caCertificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: issuer,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys: authority.keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(authority.keys.publicKey),
    ],
  });

  const issue = async (request: CertificateRequest): Promise<KeyPair> => {
    const own = await keyPair();
    const names = [
      ...(request.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
      ...(request.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: request.subject,
      issuer,
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      publicKey: own.keys.publicKey,
      signingKey: authority.keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    return { cert: `${certificate.toString('pem')}\n`, key: own.pem };
  };

  const certificates: Record<string, KeyPair> = {};
  for (const [name, request] of Object.entries(certificatesOf(topology))) certificates[name] = await issue(request);
  const account = await keyPair();
  return {
    ca: { cert: `${caCertificate.toString('pem')}\n`, key: authority.pem },
    serviceAccount: {
      publicKey: pem('PUBLIC KEY', await webcrypto.subtle.exportKey('spki', account.keys.publicKey)),
      privateKey: account.pem,
    },
    certificates,
  };
}
