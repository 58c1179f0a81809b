import { readFileSync } from 'node:fs';
import { getCACertificates, rootCertificates } from 'node:tls';
import { SallyportError } from '../../../shared/errors.ts';
import { type Environment, type HttpProxy, proxyFor } from './proxy.ts';

/** How this machine gets out: what its environment says of proxies and of the CAs that they vouch by. */
export interface Network {
  /** The proxy for a target, if one is to be used. @throws SallyportError `proxy_invalid` */
  proxyFor(target: { readonly host: string; readonly port: number }): HttpProxy | undefined;
  /** CAs in PEM for the TLS of proxies and inspecting networks, besides the system's. */
  readonly extraCa: string | undefined;
}

/**
 * Reads the environment: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, and `SALLYPORT_CA_FILE` (else `SSL_CERT_FILE`), a file of CAs in
 * PEM. What these CAs vouch for is only the outer way; the edge is known by its pinned key alone.
 * @throws SallyportError `ca_file_unreadable` at hop `edge`
 */
export function readNetwork(env: Environment): Network {
  const name = ['SALLYPORT_CA_FILE', 'SSL_CERT_FILE'].find((one) => env[one]);
  return {
    proxyFor: (target) => proxyFor(target, env),
    extraCa: name === undefined ? undefined : readCa(name, env[name] ?? ''),
  };
}

/** The CAs to trust where TLS is checked by name: the system's and the bundled ones, and those given in PEM. */
export function rootsWith(...more: readonly (string | undefined)[]): string[] {
  const given = more.filter((one) => one !== undefined);
  // Absent before Node 22.15 and in Electron's build; the bundled roots serve there.
  if (typeof getCACertificates !== 'function') return [...rootCertificates, ...given];
  return [...getCACertificates('default'), ...getCACertificates('system'), ...given];
}

function readCa(name: string, path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch (cause) {
    throw unreadable(name, path, cause);
  }
  throw unreadable(name, path);
}

function unreadable(name: string, path: string, cause?: unknown): SallyportError {
  return new SallyportError(
    'ca_file_unreadable',
    'edge',
    `${name} names ${path}, which holds no readable certificates.`,
    {
      hint: `Correct ${name}, or unset it.`,
      cause,
    },
  );
}
