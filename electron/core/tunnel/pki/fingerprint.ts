import { createHash, createPublicKey, X509Certificate } from 'node:crypto';

/** A certificate as PEM text, DER bytes, or what Node's TLS gives (`getPeerX509Certificate`). */
export type CertificateInput = string | Uint8Array | X509Certificate;

function certificateOf(input: CertificateInput): X509Certificate {
  return input instanceof X509Certificate ? input : new X509Certificate(input);
}

/** SHA-256 over the whole certificate (DER), lower-case hex without colons: what people compare. */
export function certificateFingerprint(input: CertificateInput): string {
  return createHash('sha256').update(certificateOf(input).raw).digest('hex');
}

/**
 * Pin of a certificate's public key: SHA-256 over its SubjectPublicKeyInfo (RFC 7469 §2.4), base64url without padding.
 * It outlives renewals that keep the key; the join line and the outside probe compare it.
 */
export function publicKeyPin(input: CertificateInput): string {
  const spki = certificateOf(input).publicKey.export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(spki).digest('base64url');
}

/** {@link publicKeyPin} of the public half of a private key in PEM; says whether key and certificate belong together. */
export function privateKeyPin(privateKeyPem: string): string {
  const spki = createPublicKey(privateKeyPem).export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(spki).digest('base64url');
}
