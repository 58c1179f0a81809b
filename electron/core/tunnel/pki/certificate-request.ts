import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator, type PublicKey } from '@peculiar/x509';
import { SallyportError } from '../../../shared/errors.ts';
import { exportPrivateKey, generateKeyPair, importKeyPair, signatureAlgorithm } from './key-pair.ts';

/** Largest certificate request taken, in bytes; one with a P-256 key has about 400. */
export const maxCertificateRequestBytes = 8_192;

/**
 * Makes a PKCS#10 certificate request (RFC 2986). It asks for no name: whoever signs it sets every name.
 * @param keyPem a P-256 key to use again, for a renewal; without it a new one is made
 * @returns the request and the private key as PKCS#8 PEM; the key belongs in secrets and never leaves the machine
 */
export async function createCsr(keyPem?: string): Promise<{ csrPem: string; keyPem: string }> {
  const keys = keyPem === undefined ? await generateKeyPair() : await importKeyPair(keyPem);
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name: [{ CN: ['Sallyport'] }], keys, signingAlgorithm: signatureAlgorithm },
    webcrypto,
  );
  return {
    csrPem: `${request.toString('pem').trimEnd()}\n`,
    keyPem: keyPem ?? (await exportPrivateKey(keys.privateKey)),
  };
}

/**
 * Takes the public key out of a certificate request after checking that whoever made it holds the private key.
 * @throws SallyportError `csr_invalid` at hop `edge`: too large, no PKCS#10, not P-256, or a wrong signature
 */
export async function readCertificateRequest(csr: string | Uint8Array): Promise<PublicKey> {
  const refuse = (why: string, cause?: unknown): SallyportError =>
    new SallyportError('csr_invalid', 'edge', `The certificate request was refused: ${why}.`, {
      hint: 'Send a PKCS#10 request with a P-256 key, signed with that key.',
      cause,
    });
  if (csr.length > maxCertificateRequestBytes) throw refuse(`it is larger than ${maxCertificateRequestBytes} bytes`);
  let request: Pkcs10CertificateRequest;
  let good: boolean;
  try {
    request = new Pkcs10CertificateRequest(csr);
    const algorithm: { name: string; namedCurve?: string } = request.publicKey.algorithm;
    if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') throw refuse('its key is not P-256');
    good = await request.verify(webcrypto);
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    throw refuse('it cannot be read', error);
  }
  if (!good) throw refuse('its signature is wrong');
  return request.publicKey;
}
