import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto';
import { SallyportError } from '../../../shared/errors.ts';

/** The one key and signature algorithm of every certificate that Sallyport signs (`security.md` S6). */
export const signatureAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A fresh P-256 key pair. The private key can be exported, because it has to be sealed for the disk. */
export async function generateKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(signatureAlgorithm, true, ['sign', 'verify']);
}

/** A private key as PKCS#8 PEM (RFC 7468), the form that goes into secrets and into Node's TLS. */
export async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  const base64 = Buffer.from(der).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${(base64.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/**
 * Reads a P-256 private key back from PEM.
 * @throws SallyportError `certificate_key_invalid` at hop `app`; the text is never in the message
 */
export async function importKeyPair(pem: string): Promise<webcrypto.CryptoKeyPair> {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
      throw new TypeError('not a P-256 key');
    }
  } catch (error) {
    throw new SallyportError('certificate_key_invalid', 'app', 'A stored private key is not a P-256 key in PEM.', {
      hint: 'Restore it from a backup; Sallyport makes no new one in its place.',
      cause: error,
    });
  }
  const { d: _private, ...publicJwk } = key.export({ format: 'jwk' });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', key.export({ format: 'der', type: 'pkcs8' }), signatureAlgorithm, true, [
      'sign',
    ]),
    webcrypto.subtle.importKey('jwk', publicJwk, signatureAlgorithm, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}
