import { isIP } from 'node:net';
import { SallyportError } from '../../../shared/errors.ts';

/** Names that a certificate is for, or that an authority may sign. */
export interface CertificateNames {
  /** DNS names, lower case, ASCII; a server certificate may carry one `*.` in front. */
  readonly dns: readonly string[];
  /** IPv4 and IPv6 addresses without prefix length. */
  readonly ip: readonly string[];
}

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Whether `name` is a DNS host name in lower-case ASCII of at most 253 characters (RFC 1123; no wildcard). */
export function isDnsName(name: string): boolean {
  return name.length <= 253 && isIP(name) === 0 && name.split('.').every((part) => label.test(part));
}

/**
 * Sorts host names and addresses into {@link CertificateNames}, lower-cased, each once.
 * @throws SallyportError `bad_certificate_name` naming the first that is neither
 */
export function certificateNames(hosts: Iterable<string>): CertificateNames {
  const dns = new Set<string>();
  const ip = new Set<string>();
  for (const host of hosts) {
    const name = host.toLowerCase();
    if (isIP(name)) ip.add(name);
    else if (isDnsName(name.startsWith('*.') ? name.slice(2) : name)) dns.add(name);
    else {
      throw new SallyportError('bad_certificate_name', 'app', `${JSON.stringify(host)} is no host name or address.`, {
        hint: 'Use a DNS name in ASCII letters, or an IP address.',
      });
    }
  }
  return { dns: [...dns], ip: [...ip] };
}
