import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '../../../shared/errors.ts';
import { writeDurably } from '../../state/durable-file.ts';
import { type ClientCertificate, createConnectorIdentity } from '../connectors/connector-identity.ts';
import { createEdgeConnector } from '../connectors/edge-connector.ts';
import { createEdgeTrust } from '../connectors/edge-trust.ts';
import { joinEdge, renewAtEdge } from '../connectors/enrol.ts';
import type { Network } from '../connectors/network.ts';
import { publicKeyPin } from '../pki/fingerprint.ts';
import { pathUrl, type TunnelSettings, type Way, type WayDeps, type WayIn } from './way.ts';

type EdgeWayDeps = Pick<WayDeps, 'clock' | 'settings' | 'secrets' | 'folder' | 'network' | 'onNote'>;

/** A tunnel edge on a server, joined with the line that `sallyport edge invite` printed. */
export function createEdgeWay(deps: EdgeWayDeps): Way {
  const { settings } = deps;
  return {
    ownPort: false,
    async choose({ join: line }, before) {
      const edge = line === undefined ? before.edge : await joinWay(deps, line);
      if (edge) return { domain: edge.domain, kept: { edge } };
      throw new SallyportError('join_line_needed', 'edge', 'To use an edge, join it first.', {
        hint: 'Run `sallyport edge invite` on the edge and give its line to `sallyport tunnel use edge`.',
      });
    },
    open: () => openEdge(deps, settings.get().tunnel.edge),
    port: () => settings.get().tunnel.edge?.port ?? 443,
    urlOf: (slug, port) => pathUrl(settings.get().tunnel.domain, port, slug),
  };
}

/** What settings keep of an edge that was joined. */
type JoinedEdge = NonNullable<TunnelSettings['edge']>;

/**
 * Joins an edge with the line that `sallyport edge invite` printed, and keeps what it gave: the key in secrets, the
 * certificates in `<data>/pki`.
 * @throws SallyportError what {@link joinEdge} throws
 */
async function joinWay(deps: EdgeWayDeps, line: string): Promise<JoinedEdge> {
  const network = await deps.network();
  const joined = await joinEdge(line.trim(), outwards(network));
  await storeIdentity(deps, joined.domain, joined);
  await writeDurably(files(deps, joined.domain).ca, joined.ca, 0o644);
  return { domain: joined.domain, host: joined.host, port: joined.port, caPin: joined.caPin };
}

/**
 * Dials the edge that was joined.
 * @throws SallyportError `edge_not_joined` at hop `edge` where what joining gave is not there any more
 */
async function openEdge(deps: EdgeWayDeps, joined: JoinedEdge | undefined): Promise<WayIn> {
  const domain = joined?.domain ?? '';
  const [certificate, ca] = await Promise.all(Object.values(files(deps, domain)).map(readIfThere));
  const key =
    certificate === undefined ? undefined : await deps.secrets.get(keyName(domain, publicKeyPin(certificate)));
  if (!joined || key === undefined || certificate === undefined || ca === undefined) {
    throw new SallyportError('edge_not_joined', 'edge', 'This installation has not joined an edge.', {
      hint: 'Ask for a new line with `sallyport edge invite`, then run `sallyport tunnel use edge`.',
    });
  }
  const { host, port } = joined;
  const trust = createEdgeTrust({ settings: deps.settings, domain, path: files(deps, domain).ca, ca });
  const network = await deps.network();
  const renewal = (present: ClientCertificate) => ({
    address: trust.address(),
    ca: trust.ca(),
    present,
    ...outwards(network),
  });
  const identity = createConnectorIdentity({
    first: { certificate, key },
    clock: deps.clock,
    // An edge that cannot be asked now is asked again later; the connections say by themselves that it is away.
    due: () => trust.look(renewal(identity.current())).catch(() => false),
    renew: (present) => renewAtEdge({ ...renewal(present), ...trust.signs() }),
    store: (next) => storeIdentity(deps, domain, next),
    onRenewed: () => {
      deps.onNote('The edge renewed this machine’s certificate.');
      void connector.renewConnections();
    },
    onTrouble: (error) => deps.onNote(`The certificate for the edge could not be renewed: ${error.message}`),
  });
  const connector = createEdgeConnector({
    // Both are read at each attempt: an edge may change its authority.
    get address() {
      return trust.address();
    },
    get ca() {
      return trust.ca();
    },
    domain,
    identity: identity.current,
    clock: deps.clock,
    proxy: () => network.proxyFor(joined),
    ...(network.extraCa ? { carrierCa: network.extraCa } : {}),
  });
  return {
    domain,
    host,
    port,
    publicName: true,
    network,
    connector,
    close: (graceMs) => {
      identity.close();
      return connector.stop(graceMs);
    },
  };
}

/** Key before certificate, named by its pin: at every moment the certificate on disk has its key. */
async function storeIdentity(deps: EdgeWayDeps, domain: string, next: ClientCertificate): Promise<void> {
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

function files(deps: EdgeWayDeps, domain: string): { certificate: string; ca: string } {
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
