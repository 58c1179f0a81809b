import { readFileSync } from 'node:fs';
import { getCACertificates, rootCertificates } from 'node:tls';
import { SallyportError } from '../../../shared/errors.ts';
import { type Environment, type HttpProxy, noProxyOf, proxyFor, proxyRuleOf } from './proxy.ts';

/** What settings say of the way out; it goes before what the environment says. */
export interface NetworkChoice {
  /** URL of an HTTP proxy without credentials, or `direct`: none, whatever the environment says. */
  readonly proxy?: string | undefined;
  /** Exceptions, as in `NO_PROXY`. */
  readonly noProxy?: string | undefined;
  /** File of CAs in PEM. */
  readonly caFile?: string | undefined;
}

/** Who named something. */
export type NetworkSource = 'settings' | 'environment';

/** How this machine gets out: which proxy leads there, and the CAs that it vouches by. */
export interface Network {
  /** The proxy for a target, if one is to be used. @throws SallyportError `proxy_invalid` */
  proxyFor(target: { readonly host: string; readonly port: number }): HttpProxy | undefined;
  /** Who named the proxy. */
  readonly proxyFrom: NetworkSource | undefined;
  /** CAs in PEM for the TLS of proxies and inspecting networks, besides the system's. */
  readonly extraCa: string | undefined;
  /** Who named them. */
  readonly caFrom: NetworkSource | undefined;
}

/**
 * Reads the way out: from settings, and where they say nothing from the environment: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, and
 * `SALLYPORT_CA_FILE` (else `SSL_CERT_FILE`), a file of CAs in PEM. What these CAs vouch for is only the outer way; the edge is known
 * by its pinned key alone.
 * @param credentials `user:password` for the proxy of the settings; a secret
 * @throws SallyportError `ca_file_unreadable` at hop `edge`
 */
export function readNetwork(env: Environment, chosen: NetworkChoice = {}, credentials?: string): Network {
  const fromEnvironment = proxyRuleOf(env);
  const noProxy = chosen.noProxy ?? noProxyOf(env);
  const rule = chosen.proxy === undefined ? fromEnvironment && { ...fromEnvironment, noProxy } : undefined;
  const own = chosen.proxy === undefined || chosen.proxy === 'direct' ? undefined : chosen.proxy;
  const ownRule = own === undefined ? undefined : { name: proxySetting, url: own, noProxy };
  const authorization =
    credentials === undefined ? undefined : `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
  const variable = ['SALLYPORT_CA_FILE', 'SSL_CERT_FILE'].find((one) => env[one]);
  const caFrom: NetworkSource | undefined =
    chosen.caFile !== undefined ? 'settings' : variable === undefined ? undefined : 'environment';
  return {
    proxyFor(target) {
      if (!ownRule) return proxyFor(target, rule);
      const proxy = proxyFor(target, ownRule);
      return proxy && authorization !== undefined ? { ...proxy, authorization } : proxy;
    },
    proxyFrom: chosen.proxy === undefined ? rule && 'environment' : 'settings',
    extraCa:
      chosen.caFile !== undefined
        ? readCa('The setting ca-file', chosen.caFile)
        : variable === undefined
          ? undefined
          : readCa(variable, env[variable] ?? ''),
    caFrom,
  };
}

/** How messages call the proxy of the settings. */
export const proxySetting = 'The setting proxy';

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
      hint: `Correct ${name.replace(/^The/, 'the')}, or unset it.`,
      cause,
    },
  );
}
