import { selfSignedCertificate, type KeyPairPem } from '../../src/certificates.ts';

/** A certificate for the given DNS names and for 127.0.0.1, which is its own authority. */
export function makeTestCertificate(dnsNames: string[]): KeyPairPem {
  return selfSignedCertificate({ commonName: 'test server', dnsNames, addresses: ['127.0.0.1'] });
}
