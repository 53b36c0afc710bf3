import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { selfSignedCertificate } from './certificates.ts';

test('an authority may sign, is signed by itself, and is valid now', () => {
  const { cert, key } = selfSignedCertificate({ commonName: 'ours', authority: true, validDays: 2 });
  const parsed = new X509Certificate(cert);
  expect(parsed.subject).toBe('CN=ours');
  expect(parsed.ca).toBe(true);
  expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect(Date.parse(parsed.validFrom)).toBeLessThan(Date.now());
  expect(Date.parse(parsed.validTo) - Date.parse(parsed.validFrom)).toBe((2 * 24 + 1) * 3_600_000);
  // CloudNativePG refuses the newer form, PKCS #8.
  expect(key).toMatch(/^-----BEGIN EC PRIVATE KEY-----/);
});

test('a server’s certificate has its names and addresses', () => {
  const { cert } = selfSignedCertificate({ commonName: 's', dnsNames: ['db-rw', 'db'], addresses: ['10.0.0.1'] });
  const parsed = new X509Certificate(cert);
  expect(parsed.subjectAltName).toBe('DNS:db-rw, DNS:db, IP Address:10.0.0.1');
  expect(parsed.checkHost('db-rw')).toBe('db-rw');
  expect(parsed.checkHost('other')).toBeUndefined();
});

test('no two are alike, and a wrong address is named', () => {
  const serial = () => new X509Certificate(selfSignedCertificate({ commonName: 's' }).cert).serialNumber;
  expect(serial()).not.toBe(serial());
  expect(() => selfSignedCertificate({ commonName: 's', addresses: ['10.0.0.300'] })).toThrow('got "10.0.0.300"');
});
