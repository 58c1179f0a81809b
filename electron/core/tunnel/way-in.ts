import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { TunnelView } from '../../shared/views.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { SettingsData } from '../settings/settings.ts';
import { writeDurably } from '../state/durable-file.ts';
import type { Connector, PeerInfo } from './connectors/connector.ts';
import { type ClientCertificate, createConnectorIdentity } from './connectors/connector-identity.ts';
import { createEdgeConnector } from './connectors/edge-connector.ts';
import { joinEdge, renewAtEdge } from './connectors/enrol.ts';
import { createForwardConnector } from './connectors/forward-connector.ts';
import { type Network, readNetwork } from './connectors/network.ts';
import type { Environment } from './connectors/proxy.ts';
import { createEmbeddedEdge } from './edge/embedded-edge.ts';
import type { Observe } from './edge/relay.ts';
import type { SecuredInfo } from './inner-tls/inner-tls.ts';
import { publicKeyPin } from './pki/fingerprint.ts';
import type { Middle } from './probe.ts';

/** A way in that is open: its connector, and where the public door is. */
export interface WayIn {
  readonly way: SettingsData['tunnel']['way'];
  /** Domain of every URL. */
  readonly domain: string;
  /** Where agents knock: the edge's host and port. */
  readonly host: string;
  readonly port: number;
  readonly connector: Connector;
  /** How this machine gets to the public door. */
  readonly network?: Network;
  /** Names of the server certificate, where they are not those of the domain alone. */
  readonly certificateHosts?: readonly string[];
  /** Whether the authority of the domain carries name constraints; default yes. */
  readonly constrained?: boolean;
  /** What the middle of this way can see, where it is not the usual. */
  readonly canSee?: readonly string[];
  /** Loopback port that the person's forwarder is pointed at, where that is the way. */
  readonly local?: number;
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
  /** Steps of setting it up. */
  checklist?(): NonNullable<TunnelView['checklist']>;
  /** Drains for up to `graceMs`, then ends everything. */
  close(graceMs?: number): Promise<void>;
}

/** What ways in are made of. */
export interface WayInDeps {
  readonly clock: Clock;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  /** Names proxies and CAs (`docs/cli.md`, Environment); default: none. */
  readonly environment?: Environment;
  /** Something to log, for instance that a certificate could not be renewed. */
  readonly onNote?: (message: string) => void;
}

/**
 * The default: an edge inside this app, on loopback. A default port that is busy gives way to a free one; a port that was
 * chosen or is part of URLs given out does not (`design.md` §7).
 * @param observe sees what passes the edge, for *Show me what the edge saw*
 * @throws SallyportError `port_in_use` at hop `edge`
 */
export async function openEmbedded(
  deps: WayInDeps,
  wanted: { port: number; chosen: boolean },
  observe: Observe,
): Promise<WayIn> {
  const open = (port: number) => createEmbeddedEdge({ port, clock: deps.clock, observe });
  const embedded = await open(wanted.port).catch((error: unknown) => {
    const busy = error instanceof SallyportError && error.code === 'port_in_use';
    if (busy && !wanted.chosen) return open(0);
    throw error;
  });
  return {
    way: 'embedded',
    domain: embedded.domain,
    host: '127.0.0.1',
    port: embedded.port,
    network: readNetwork({}),
    connector: embedded.connector,
    close: (graceMs) => embedded.close(graceMs),
  };
}

/**
 * The loopback port to which a forwarder of the person's brings the connections of its public name. The port rule is that of
 * {@link openEmbedded}.
 * @throws SallyportError `forward_name_needed`, `port_in_use` at hop `tunnel`; `proxy_invalid`, `ca_file_unreadable` at hop `edge`
 */
export async function openForward(
  deps: WayInDeps,
  forward: { readonly host: string; readonly port: number } | undefined,
  wanted: { port: number; chosen: boolean },
): Promise<WayIn> {
  if (!forward) throw forwardNameNeeded();
  const network = readNetwork(deps.environment ?? {});
  const open = (port: number) => createForwardConnector({ port, clock: deps.clock });
  const connector = await open(wanted.port).catch((error: unknown) => {
    const busy = error instanceof SallyportError && error.code === 'port_in_use';
    if (busy && !wanted.chosen) return open(0);
    throw error;
  });
  return {
    way: 'forward',
    domain: forward.host,
    ...forward,
    local: connector.port,
    network,
    connector,
    middle: {
      name: `The forwarder at ${forward.host}:${forward.port}`,
      behind: `Point it at 127.0.0.1:${connector.port}.`,
      reads: 'The forwarder ends TLS itself and can read: set it to pass TCP on as it is.',
    },
    canSee: ['the public name (SNI)', 'sizes and times', 'the agent’s address'],
    close: (graceMs) => connector.stop(graceMs),
  };
}

/** Nobody said yet which name the forwarder brings. */
export function forwardNameNeeded(): SallyportError {
  return new SallyportError('forward_name_needed', 'tunnel', 'A forwarder needs the public name that it brings.', {
    hint: 'Give it: sallyport tunnel use forward --name HOST [--port 443].',
  });
}

/** What settings keep of an edge that was joined. */
type JoinedEdge = NonNullable<SettingsData['tunnel']['edge']>;

/**
 * Joins an edge with the line that `sallyport edge invite` printed, and keeps what it gave: the key in secrets, the
 * certificates in `<data>/pki`.
 * @throws SallyportError what {@link joinEdge} throws
 */
export async function joinWay(deps: WayInDeps, line: string): Promise<JoinedEdge> {
  const network = readNetwork(deps.environment ?? {});
  const joined = await joinEdge(line.trim(), outwards(network));
  await storeIdentity(deps, joined.domain, joined);
  await writeDurably(files(deps, joined.domain).ca, joined.ca, 0o644);
  return { domain: joined.domain, host: joined.host, port: joined.port, caPin: joined.caPin };
}

/**
 * Dials the edge that was joined.
 * @throws SallyportError `edge_not_joined` at hop `edge` where what joining gave is not there any more
 */
export async function openEdge(deps: WayInDeps, joined: JoinedEdge | undefined): Promise<WayIn> {
  const domain = joined?.domain ?? '';
  const [certificate, ca] = await Promise.all(Object.values(files(deps, domain)).map(readIfThere));
  const key =
    certificate === undefined ? undefined : await deps.secrets.get(keyName(domain, publicKeyPin(certificate)));
  if (!joined || key === undefined || certificate === undefined || ca === undefined) {
    throw new SallyportError('edge_not_joined', 'edge', 'This installation has not joined an edge.', {
      hint: 'Ask for a new line with `sallyport edge invite`, then run `sallyport tunnel use edge`.',
    });
  }
  const { host, port, caPin } = joined;
  const address = { host, port, caPin };
  const network = readNetwork(deps.environment ?? {});
  const identity = createConnectorIdentity({
    first: { certificate, key },
    clock: deps.clock,
    renew: (present) => renewAtEdge({ address, ca, present, ...outwards(network) }),
    store: (next) => storeIdentity(deps, domain, next),
    onRenewed: () => {
      deps.onNote?.('The edge renewed this machine’s certificate.');
      void connector.renewConnections();
    },
    onTrouble: (error) => deps.onNote?.(`The certificate for the edge could not be renewed: ${error.message}`),
  });
  const connector = createEdgeConnector({
    address,
    domain,
    identity: identity.current,
    ca,
    clock: deps.clock,
    proxy: () => network.proxyFor(address),
    ...(network.extraCa ? { carrierCa: network.extraCa } : {}),
  });
  return {
    way: 'edge',
    domain,
    host,
    port,
    network,
    connector,
    close: (graceMs) => {
      identity.close();
      return connector.stop(graceMs);
    },
  };
}

/** Key before certificate, named by its pin: at every moment the certificate on disk has its key. */
async function storeIdentity(deps: WayInDeps, domain: string, next: ClientCertificate): Promise<void> {
  const name = keyName(domain, publicKeyPin(next.certificate));
  await deps.secrets.set(name, next.key);
  await writeDurably(files(deps, domain).certificate, next.certificate, 0o644);
  for (const other of deps.secrets.names(keyName(domain, ''))) {
    // A key that is not needed any more and stays a while longer does no harm.
    if (other !== name) await deps.secrets.delete(other).catch(() => {});
  }
}

function outwards(network: Network): { proxyFor: Network['proxyFor']; carrierCa?: string } {
  return { proxyFor: network.proxyFor, ...(network.extraCa ? { carrierCa: network.extraCa } : {}) };
}

function keyName(domain: string, pin: string): string {
  return `edge:${domain}:connector-key:${pin}`;
}

function files(deps: WayInDeps, domain: string): { certificate: string; ca: string } {
  return {
    certificate: join(deps.folder, `${domain}.connector.pem`),
    ca: join(deps.folder, `${domain}.edge-ca.pem`),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
