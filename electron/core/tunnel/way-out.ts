import { isAbsolute } from 'node:path';
import type { RequestInput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { NetworkView } from '../../shared/views.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Settings, SettingsData } from '../settings/settings.ts';
import { type Network, readNetwork } from './connectors/network.ts';
import { type Environment, parseProxy } from './connectors/proxy.ts';

/** A change of the way out, as a person asks for it. */
export type WayOutChange = RequestInput<'tunnel.networkUse'>;

/** How this machine gets out: settings first, the environment where they say nothing. */
export interface WayOut {
  /** As it is to be used now. @throws SallyportError `proxy_invalid`, `ca_file_unreadable` */
  open(): Promise<Network>;
  view(): NetworkView;
  /**
   * Checks and keeps a change.
   * @returns how to take it back @throws SallyportError `proxy_invalid`, `proxy_has_credentials`, `proxy_needed`,
   *   `ca_file_unreadable`
   */
  change(change: WayOutChange): Promise<() => Promise<void>>;
}

/** Name of the secret `user:password` for the proxy that settings name. */
export const proxyCredentials = 'network:proxy-credentials';

/** Makes it. */
export function createWayOut(deps: {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly environment: Environment;
}): WayOut {
  const { settings, secrets, environment } = deps;
  const stored = (): NonNullable<SettingsData['network']> => settings.get().network ?? {};
  const store = (next: NonNullable<SettingsData['network']>): void => {
    settings.update(({ network: _was, ...rest }) => ({
      ...rest,
      ...(Object.keys(next).length > 0 ? { network: next } : {}),
    }));
  };
  const keep = async (credentials: string | undefined): Promise<void> => {
    if (credentials !== undefined) await secrets.set(proxyCredentials, credentials);
    else if (secrets.names(proxyCredentials).length > 0) await secrets.delete(proxyCredentials);
  };

  return {
    open: async () => readNetwork(environment, stored(), await secrets.get(proxyCredentials)),
    view: () => viewNetwork(environment, stored(), secrets.names(proxyCredentials).length > 0),
    async change({ proxy, credentials, noProxy, caFile }) {
      const before = stored();
      const credentialsBefore = await secrets.get(proxyCredentials);
      const next = {
        ...pick('proxy', proxy === undefined ? before.proxy : proxy === null ? undefined : checkProxy(proxy)),
        ...pick('noProxy', noProxy === undefined ? before.noProxy : (noProxy ?? undefined)),
        ...pick('caFile', caFile === undefined ? before.caFile : caFile === null ? undefined : checkCaFile(caFile)),
      };
      const kept = next.proxy === before.proxy ? credentialsBefore : undefined;
      const given = credentials ? `${credentials.user}:${credentials.password}` : undefined;
      if (given !== undefined && (next.proxy === undefined || next.proxy === 'direct')) {
        throw new SallyportError('proxy_needed', 'app', 'Credentials need the proxy that they are for.', {
          hint: 'Name it as well: sallyport tunnel network set --proxy http://HOST:PORT --proxy-user NAME',
        });
      }
      readNetwork(environment, next);
      await keep(credentials === undefined ? kept : given);
      store(next);
      return async () => {
        await keep(credentialsBefore);
        store(before);
      };
    },
  };
}

/** What people see of it; an address that cannot be read is shown as such and said by the doctor. */
export function viewNetwork(
  environment: Environment,
  chosen: NonNullable<SettingsData['network']>,
  hasCredentials: boolean,
): NetworkView {
  const from = chosen.proxy === undefined ? ('environment' as const) : ('settings' as const);
  const url =
    chosen.proxy ??
    ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'].map((name) => environment[name]).find((value) => value);
  const direct = chosen.proxy === 'direct';
  const list = chosen.noProxy ?? environment.no_proxy ?? environment.NO_PROXY;
  const path = chosen.caFile ?? ['SALLYPORT_CA_FILE', 'SSL_CERT_FILE'].map((name) => environment[name]).find(Boolean);
  return {
    ...(url && !direct ? { proxy: { from, ...addressOf(url, from === 'settings' && hasCredentials) } } : {}),
    direct,
    ...(list ? { noProxy: { list, from: chosen.noProxy === undefined ? 'environment' : 'settings' } } : {}),
    ...(path ? { caFile: { path, from: chosen.caFile === undefined ? 'environment' : 'settings' } } : {}),
  };
}

/** The address alone: what the environment names may hold credentials. */
function addressOf(url: string, sealed: boolean): { address: string; credentials: boolean } {
  try {
    const { host, port, secure, authorization } = parseProxy(url, 'proxy');
    const place = host.includes(':') ? `[${host}]` : host;
    return {
      address: `${secure ? 'https' : 'http'}://${place}:${port}`,
      credentials: sealed || authorization !== undefined,
    };
  } catch {
    return { address: 'unreadable', credentials: false };
  }
}

/** @throws SallyportError `proxy_invalid`, `proxy_has_credentials` */
function checkProxy(text: string): string {
  if (text === 'direct') return text;
  const { host, port, secure, authorization } = parseProxy(text, 'The setting proxy');
  if (authorization !== undefined) {
    throw new SallyportError('proxy_has_credentials', 'app', 'The proxy’s address holds credentials.', {
      hint: 'Leave them out of it and give them apart: sallyport tunnel network set --proxy-user NAME asks for the password.',
    });
  }
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @throws SallyportError `ca_file_unreadable` */
function checkCaFile(path: string): string {
  if (isAbsolute(path)) return path;
  throw new SallyportError('ca_file_unreadable', 'edge', 'The file of CAs needs a whole path.', {
    hint: 'Write it from the root: /etc/ssl/office.pem',
  });
}

function pick<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}
