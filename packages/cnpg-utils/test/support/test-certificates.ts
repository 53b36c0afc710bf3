import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A self-signed certificate, which is its own authority, and its key; PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
}

/** Makes a certificate for the given DNS names and for 127.0.0.1. Valid for a day, for the length of one test. */
export function makeTestCertificate(dnsNames: string[]): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(oid([2, 5, 4, 3]), der(0x0c, Buffer.from('test server')))));
  const algorithm = sequence(oid([1, 2, 840, 10045, 4, 3, 2]));
  const alternativeNames = sequence(
    ...dnsNames.map((dns) => der(0x82, Buffer.from(dns))),
    der(0x87, Buffer.of(127, 0, 0, 1)),
  );
  const extensions = sequence(
    sequence(oid([2, 5, 29, 17]), der(0x04, alternativeNames)),
    sequence(oid([2, 5, 29, 19]), der(0x04, sequence(der(0x01, Buffer.of(0xff))))),
  );
  const serial = randomBytes(8);
  serial[0] = 0x40;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    algorithm,
    name,
    sequence(time(-3_600_000), time(86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  const base64 = (certificate.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function set(...parts: Buffer[]): Buffer {
  return der(0x31, Buffer.concat(parts));
}

function time(fromNowMs: number): Buffer {
  const digits = new Date(Date.now() + fromNowMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(digits));
}

function oid([first = 0, second = 0, ...rest]: number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}
