// The container behind @peculiar/x509 refuses to load without this polyfill, so it comes first.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { SallyportError } from '../../../shared/errors.ts';
import { certificateFingerprint, privateKeyPin, publicKeyPin } from './fingerprint.ts';
import { exportPrivateKey, generateKeyPair, importKeyPair, signatureAlgorithm } from './key-pair.ts';
import { nameConstraintsExtension } from './name-constraints.ts';

/** Life of an authority: 5 years of 365 days, in milliseconds. */
export const authorityLifetimeMs = 5 * 365 * 86_400_000;

/** Certificates start this long before they are made, in milliseconds, so that a peer's slow clock does not refuse them. */
export const backdateMs = 3_600_000;

/** A certificate authority that can sign: its certificate, and its private key kept inside. */
export interface Authority {
  /** The CA certificate as PEM: what a client trusts. */
  readonly pem: string;
  /** {@link certificateFingerprint} of it. */
  readonly fingerprint: string;
  /** {@link publicKeyPin} of it. */
  readonly pin: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The parsed certificate, for issuing. */
  readonly certificate: X509Certificate;
  /** The signing key, for issuing. */
  readonly signingKey: webcrypto.CryptoKey;
}

/** What a new authority is made of. */
export interface AuthorityOptions {
  /** Shown by whoever looks at a trust store; eight hex digits of its key are put behind it, so that no two are alike. */
  readonly commonName: string;
  /** The only DNS names it can sign for, each with everything below it (critical name constraints); without it, any. */
  readonly permittedDnsNames?: readonly string[];
  /** Wall-clock time in milliseconds. */
  readonly now: number;
  /** A key that exists already (PKCS#8 PEM, P-256), for a certificate that was lost while its key was not. */
  readonly keyPem?: string;
}

/**
 * Makes a certificate authority: ECDSA P-256 with SHA-256, 5 years, CA:TRUE with path length 0, key usage
 * keyCertSign and cRLSign, subject key identifier (RFC 5280 §4.2; OpenSSL's strict rules).
 * @returns the authority, and its private key as PKCS#8 PEM, which belongs in secrets
 */
export async function createAuthority(options: AuthorityOptions): Promise<{ authority: Authority; keyPem: string }> {
  const keys = options.keyPem === undefined ? await generateKeyPair() : await importKeyPair(options.keyPem);
  const keyPem = options.keyPem ?? (await exportPrivateKey(keys.privateKey));
  // A common name may have 64 characters (RFC 5280, ub-common-name); the suffix needs nine of them.
  const suffix = Buffer.from(privateKeyPin(keyPem), 'base64url').subarray(0, 4).toString('hex');
  const name = [{ CN: [`${options.commonName.slice(0, 55)} ${suffix}`] }];
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerialNumber(),
      name,
      ...validity(options.now, authorityLifetimeMs),
      signingAlgorithm: signatureAlgorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ...(options.permittedDnsNames ? [nameConstraintsExtension(options.permittedDnsNames)] : []),
      ],
    },
    webcrypto,
  );
  return { authority: describe(certificate, keys.privateKey), keyPem };
}

/**
 * Reads an authority back.
 * @throws SallyportError at hop `app`: `certificate_invalid` (no CA certificate), `certificate_key_invalid`,
 *   `certificate_key_mismatch` (the key belongs to another certificate)
 */
export async function loadAuthority(stored: { certificatePem: string; keyPem: string }): Promise<Authority> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(stored.certificatePem);
    if (!certificate.getExtension(BasicConstraintsExtension)?.ca) throw new TypeError('not a CA');
  } catch (error) {
    throw new SallyportError('certificate_invalid', 'app', 'A stored CA certificate cannot be read.', {
      hint: 'Restore it from a backup; Sallyport makes no new one in its place.',
      cause: error,
    });
  }
  const keys = await importKeyPair(stored.keyPem);
  const authority = describe(certificate, keys.privateKey);
  if (privateKeyPin(stored.keyPem) !== authority.pin) {
    throw new SallyportError('certificate_key_mismatch', 'app', 'A stored CA certificate and its key do not match.', {
      hint: 'Restore both from the same backup.',
    });
  }
  return authority;
}

/** A positive serial number of 127 random bits, hex (RFC 5280 §4.1.2.2 allows 20 bytes and no zero). */
export function randomSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

/** Validity from a little before `now` until `lifetimeMs` after it, never past `end`; whole seconds, as X.509 has them. */
export function validity(now: number, lifetimeMs: number, end = Number.POSITIVE_INFINITY) {
  const wholeSeconds = (at: number): Date => new Date(Math.floor(at / 1_000) * 1_000);
  return { notBefore: wholeSeconds(now - backdateMs), notAfter: wholeSeconds(Math.min(now + lifetimeMs, end)) };
}

function describe(certificate: X509Certificate, signingKey: webcrypto.CryptoKey): Authority {
  const pem = `${certificate.toString('pem').trimEnd()}\n`;
  return {
    pem,
    fingerprint: certificateFingerprint(pem),
    pin: publicKeyPin(pem),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    certificate,
    signingKey,
  };
}
