import type { Duplex } from 'node:stream';
import type { Clock } from '../../../shared/clock.ts';
import type { RequestInput } from '../../../shared/contract.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { TunnelView } from '../../../shared/views.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { Settings, SettingsData } from '../../settings/settings.ts';
import type { Connector, ConnectorStatus, PeerInfo } from '../connectors/connector.ts';
import type { MessageConnector } from '../connectors/message-connector.ts';
import type { Network } from '../connectors/network.ts';
import type { SecuredInfo } from '../inner-tls/inner-tls.ts';
import type { Middle, Probe } from '../probe.ts';

/** What settings keep of the tunnel. */
export type TunnelSettings = SettingsData['tunnel'];

/** A way in to change to, with what it needs the first time. */
export type TunnelChoice = RequestInput<'tunnel.use'>;

/** A way that was chosen and proven as far as it can be before the one in use is left. */
export interface Chosen {
  /** Domain of every URL from now on. */
  readonly domain: string;
  /** What settings are to keep of this way. */
  readonly kept: Partial<Pick<TunnelSettings, 'edge' | 'forward' | 'openai' | 'anthropic'>>;
  /** A connector that was opened for proving, to go on with. */
  readonly proven?: MessageConnector;
}

/** One kind of way in: how it is chosen, how it is opened, and which URLs it gives. One file each, beside this one. */
export interface Way {
  /** Whether URLs name this machine's own port, so that it must be remembered. */
  readonly ownPort: boolean;
  /**
   * Takes what was given together with what is known from before. Nothing in use is touched, whatever happens.
   * @throws SallyportError where something is missing or does not work
   */
  choose(choice: TunnelChoice, before: TunnelSettings): Promise<Chosen>;
  /** Opens it as settings say. @throws SallyportError where the port or the secrets do not allow it */
  open(proven?: MessageConnector): Promise<WayIn>;
  /** Public port while it is not open. */
  port(): number;
  /** A shared server's URL. */
  urlOf(slug: string, port: number): string;
  /** Issuer of the authorization server, where it is not the origin of every URL. */
  issuer?(): string;
}

/** A way in that is open: its connector, and where the public door is. */
export interface WayIn {
  /** Domain of every URL. */
  readonly domain: string;
  /** Where agents knock: the edge's host and port. */
  readonly host: string;
  readonly port: number;
  readonly connector: Connector;
  /** How this machine gets to the public door. */
  readonly network?: Network;
  /** Whether a public authority could reach the domain through this way, so that it can sign for it. */
  readonly publicName: boolean;
  /** Names of the server certificate, where they are not those of the domain alone. */
  readonly certificateHosts?: readonly string[];
  /** Whether the authority of the domain carries name constraints; default yes. */
  readonly constrained?: boolean;
  /** How the middle is spoken of where a probe fails. */
  readonly middle?: Middle;
  /** Where the public door does not open to us: a connection to our own listener, as the connector would bring one. */
  dialHere?(): Promise<Duplex>;
  /** Told of each TLS hand-shake that succeeded. */
  onSecured?(peer: PeerInfo, agreed: SecuredInfo): void;
  /** Told of each request, with the host it asks for. */
  onRequest?(peer: PeerInfo, host: string | undefined): void;
  /** Told of each failed hand-shake or connection. @returns words to note in place of the usual ones */
  onFailure?(error: SallyportError, peer: PeerInfo | undefined): string | undefined;
  /** The tunnel's token was rotated: what is connected stays where it can, what connects anew takes this one. */
  renewToken?(token: string): void;
  /** How the way stands, where that is not how its connector does. */
  status?(): ConnectorStatus | undefined;
  /** What a probe that entered at this machine says of the whole way, where nobody can knock from outside. */
  judge?(probe: Probe): Probe;
  /** Dials at once, where that is more than the connector's doing. */
  retryNow?(): void;
  /** What people see of this way beyond the usual. */
  view?(): Partial<TunnelView>;
  /** Drains for up to `graceMs`, then ends everything. */
  close(graceMs?: number): Promise<void>;
}

/** What ways in are made of. */
export interface WayDeps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  /** How this machine gets out. @throws SallyportError `proxy_invalid`, `ca_file_unreadable` */
  readonly network: () => Promise<Network>;
  /** Something to log, for instance that a certificate could not be renewed. */
  readonly onNote: (message: string) => void;
}

/** The URL where servers are paths below one name. */
export function pathUrl(domain: string, port: number, slug: string): string {
  return `https://${domain}${port === 443 ? '' : `:${port}`}/${slug}/mcp`;
}

/**
 * Opens something at a loopback port. A default port that is busy gives way to a free one; a port that was chosen or is part of URLs
 * given out does not (`design.md` §7).
 * @throws SallyportError `port_in_use`
 */
export async function openAtPort<T>(
  open: (port: number) => Promise<T>,
  wanted: { readonly port: number; readonly chosen: boolean },
): Promise<T> {
  return await open(wanted.port).catch((error: unknown) => {
    const busy = error instanceof SallyportError && error.code === 'port_in_use';
    if (busy && !wanted.chosen) return open(0);
    throw error;
  });
}

/** Remembers the loopback port in use; `chosen` = from now on it may not move. */
export function rememberPort(settings: Settings, port: number, chosen: boolean): void {
  const { edge } = settings.get().ports;
  if (port === edge.port && (edge.chosen || !chosen)) return;
  settings.update((current) => ({
    ...current,
    ports: { ...current.ports, edge: { ...current.ports.edge, port, ...(chosen ? { chosen: true } : {}) } },
  }));
}
