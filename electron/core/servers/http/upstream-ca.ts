import { X509Certificate } from 'node:crypto';
import { timestamp } from '../../../shared/clock.ts';
import type { ServerView } from '../../../shared/views.ts';

type Certificates = NonNullable<ServerView['ca']>;

/** Read once each: the view of a server is made anew whenever anything changes. */
const known = new Map<string, Certificates>();
const mostKnown = 64;

/** The certificates of a PEM text, as people see them. @throws Error where one cannot be read */
export function certificatesOf(pem: string): Certificates {
  const before = known.get(pem);
  if (before) return before;
  const certificates = certificateBlocks(pem).map((block) => {
    const certificate = new X509Certificate(block);
    return {
      subject: certificate.subject.replaceAll('\n', ', '),
      fingerprint: `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
      notAfter: timestamp({ now: () => certificate.validToDate.getTime() }),
    };
  });
  if (known.size >= mostKnown) known.clear();
  known.set(pem, certificates);
  return certificates;
}

/** The certificates in a file; whatever else lies in it, a private key for instance, is left out. */
export function certificateBlocks(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
