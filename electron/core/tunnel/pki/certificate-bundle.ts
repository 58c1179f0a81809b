import { X509Certificate } from 'node:crypto';

/** The certificates of a PEM text, in order. @throws Error where one of them cannot be read */
export function certificatesOf(bundle: string): X509Certificate[] {
  const found = bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return found.map((pem) => new X509Certificate(pem));
}
