import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { SallyportError } from '../../../shared/errors.ts';
import { type Authority, randomSerialNumber, validity } from './authority.ts';
import { certificateNames } from './certificate-names.ts';
import { readCertificateRequest } from './certificate-request.ts';
import { certificateFingerprint, publicKeyPin } from './fingerprint.ts';
import { exportPrivateKey, generateKeyPair, signatureAlgorithm } from './key-pair.ts';

/** Life of a server or client certificate: 90 days, in milliseconds. It never outlives its authority. */
export const leafLifetimeMs = 90 * 86_400_000;

/** Extended key usages that we issue (RFC 5280 §4.2.1.12); each certificate has exactly one. */
const extendedKeyUsage = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** A certificate that an authority signed. */
export interface IssuedCertificate {
  /** The certificate as PEM, without its authority's. */
  readonly pem: string;
  /** Serial number, lower-case hex; revocation goes by it. */
  readonly serialNumber: string;
  readonly fingerprint: string;
  /** Pin of its public key. */
  readonly pin: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What a server certificate is made of. */
export interface ServerCertificateOptions {
  readonly authority: Authority;
  /** DNS names (one may start with `*.`) and IP addresses, at least one. */
  readonly hosts: readonly string[];
  /** Wall-clock time in milliseconds. */
  readonly now: number;
}

/**
 * Makes a key pair and a server certificate for it, signed directly by the authority: P-256, 90 days, digitalSignature
 * (critical), serverAuth only, the names as subject alternative names.
 * @returns the certificate and its private key as PKCS#8 PEM
 * @throws SallyportError `bad_certificate_name`; `certificate_authority_expired`
 */
export async function issueServerCertificate(
  options: ServerCertificateOptions,
): Promise<IssuedCertificate & { keyPem: string }> {
  const names = certificateNames(options.hosts);
  const keys = await generateKeyPair();
  const issued = await issue({
    authority: options.authority,
    // Names stand in the alternative names alone: clients no longer look at the common name.
    commonName: 'Sallyport server',
    names: [
      ...names.dns.map((value) => ({ type: 'dns' as const, value })),
      ...names.ip.map((value) => ({ type: 'ip' as const, value })),
    ],
    publicKey: keys.publicKey,
    usage: 'server',
    now: options.now,
  });
  return { ...issued, keyPem: await exportPrivateKey(keys.privateKey) };
}

/** What a client certificate is made of. */
export interface ClientCertificateOptions {
  readonly authority: Authority;
  /** PKCS#10 request as PEM or DER. Only its public key is used, after its signature was checked. */
  readonly csr: string | Uint8Array;
  /** Who it is for, as the issuer names it; at most 64 characters. The request has no say in it. */
  readonly commonName: string;
  /** Wall-clock time in milliseconds. */
  readonly now: number;
  /** Default {@link leafLifetimeMs}. */
  readonly lifetimeMs?: number;
}

/**
 * Makes a client certificate for the key in a certificate request: digitalSignature (critical), clientAuth only, no
 * alternative names. Everything but the key is the issuer's (`security.md` S5).
 * @throws SallyportError `csr_invalid` at hop `edge`; `certificate_authority_expired`
 */
export async function issueClientCertificate(options: ClientCertificateOptions): Promise<IssuedCertificate> {
  return issue({
    authority: options.authority,
    commonName: options.commonName.slice(0, 64),
    names: [],
    publicKey: await readCertificateRequest(options.csr),
    usage: 'client',
    now: options.now,
    lifetimeMs: options.lifetimeMs ?? leafLifetimeMs,
  });
}

async function issue(what: {
  authority: Authority;
  commonName: string;
  names: JsonGeneralNames;
  publicKey: webcrypto.CryptoKey | PublicKey;
  usage: keyof typeof extendedKeyUsage;
  now: number;
  lifetimeMs?: number;
}): Promise<IssuedCertificate> {
  const { authority } = what;
  const times = validity(what.now, what.lifetimeMs ?? leafLifetimeMs, authority.notAfter.getTime());
  if (times.notAfter.getTime() <= what.now || what.now < authority.notBefore.getTime()) {
    throw new SallyportError(
      'certificate_authority_expired',
      'app',
      `The certificate authority is valid until ${authority.notAfter.toISOString()} and cannot sign now.`,
      { hint: 'Check the clock of this machine; if it is right, a new authority has to be made and trusted.' },
    );
  }
  const serialNumber = randomSerialNumber();
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber,
      subject: [{ CN: [what.commonName] }],
      issuer: authority.certificate.subjectName,
      ...times,
      signingAlgorithm: signatureAlgorithm,
      publicKey: what.publicKey,
      signingKey: authority.signingKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        // Critical, and not to be left out: BoringSSL refuses leaves without it.
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([extendedKeyUsage[what.usage]], false),
        await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey, false, webcrypto),
        await SubjectKeyIdentifierExtension.create(what.publicKey, false, webcrypto),
        ...(what.names.length > 0 ? [new SubjectAlternativeNameExtension(what.names, false)] : []),
      ],
    },
    webcrypto,
  );
  const pem = `${certificate.toString('pem').trimEnd()}\n`;
  return {
    pem,
    serialNumber,
    fingerprint: certificateFingerprint(pem),
    pin: publicKeyPin(pem),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  };
}
