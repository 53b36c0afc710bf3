import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A certificate and its private key, both PEM. */
export interface KeyPairPem {
  cert: string;
  /** In the form `EC PRIVATE KEY`, the only one that CloudNativePG reads. */
  key: string;
}

/** What a certificate is for. */
export interface CertificateRequest {
  commonName: string;
  /** Whether it may sign others. @default false */
  authority?: boolean;
  /** Names of the server, for one that is no authority. */
  dnsNames?: readonly string[];
  /** IPv4 addresses of the server. */
  addresses?: readonly string[];
  /** @default 1 */
  validDays?: number;
}

/**
 * Makes a key (ECDSA, P-256) and a certificate that it signs itself. For tests: it is valid from an hour ago, so that
 * clocks may differ a little.
 *
 * @throws RangeError for an address that is no IPv4 one
 */
export function selfSignedCertificate(request: CertificateRequest): KeyPairPem {
  const { commonName, authority = false, dnsNames = [], addresses = [], validDays = 1 } = request;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(oid([2, 5, 4, 3]), der(0x0c, Buffer.from(commonName)))));
  const ecdsaWithSha256 = sequence(oid([1, 2, 840, 10045, 4, 3, 2]));
  const names = [
    ...dnsNames.map((dns) => der(0x82, Buffer.from(dns))),
    ...addresses.map((address) => der(0x87, ipv4(address))),
  ];
  const extensions = [
    // subjectAltName
    ...(names.length === 0 ? [] : [sequence(oid([2, 5, 29, 17]), der(0x04, sequence(...names)))]),
    // basicConstraints. A self-signed server certificate is its own authority for those who are told to trust it.
    sequence(oid([2, 5, 29, 19]), TRUE, der(0x04, sequence(TRUE))),
    // keyUsage: keyCertSign and cRLSign
    ...(authority ? [sequence(oid([2, 5, 29, 15]), TRUE, der(0x04, der(0x03, Buffer.of(1, 0x06))))] : []),
  ];
  const serial = randomBytes(8);
  serial[0] = 0x40;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(time(-3_600_000), time(validDays * 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  const base64 = (certificate.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
  };
}

const TRUE = der(0x01, Buffer.of(0xff));

function ipv4(address: string): Buffer {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new RangeError(`address: got ${JSON.stringify(address)}, expected an IPv4 address`);
  }
  return Buffer.from(parts);
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
