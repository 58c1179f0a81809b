import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { SettingsData } from '../settings/settings.ts';
import { writeDurably } from '../state/durable-file.ts';
import type { Connector } from './connectors/connector.ts';
import { createEdgeConnector } from './connectors/edge-connector.ts';
import { joinEdge } from './connectors/enrol.ts';
import { createEmbeddedEdge } from './edge/embedded-edge.ts';
import type { Observe } from './edge/relay.ts';

/** A way in that is open: its connector, and where the public door is. */
export interface WayIn {
  readonly way: SettingsData['tunnel']['way'];
  /** Domain of every URL. */
  readonly domain: string;
  /** Where agents knock: the edge's host and port. */
  readonly host: string;
  readonly port: number;
  readonly connector: Connector;
  /** Drains for up to `graceMs`, then ends everything. */
  close(graceMs?: number): Promise<void>;
}

/** What ways in are made of. */
export interface WayInDeps {
  readonly clock: Clock;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
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
    connector: embedded.connector,
    close: (graceMs) => embedded.close(graceMs),
  };
}

/** What settings keep of an edge that was joined. */
type JoinedEdge = NonNullable<SettingsData['tunnel']['edge']>;

/**
 * Joins an edge with the line that `sallyport edge invite` printed, and keeps what it gave: the key in secrets, the
 * certificates in `<data>/pki`.
 * @throws SallyportError what {@link joinEdge} throws
 */
export async function joinWay(deps: WayInDeps, line: string): Promise<JoinedEdge> {
  const joined = await joinEdge(line.trim());
  await deps.secrets.set(keyName(joined.domain), joined.key);
  await writeDurably(files(deps, joined.domain).certificate, joined.certificate, 0o644);
  await writeDurably(files(deps, joined.domain).ca, joined.ca, 0o644);
  return { domain: joined.domain, host: joined.host, port: joined.port, caPin: joined.caPin };
}

/**
 * Dials the edge that was joined.
 * @throws SallyportError `edge_not_joined` at hop `edge` where what joining gave is not there any more
 */
export async function openEdge(deps: WayInDeps, joined: JoinedEdge | undefined): Promise<WayIn> {
  const domain = joined?.domain ?? '';
  const key = await deps.secrets.get(keyName(domain));
  const [certificate, ca] = await Promise.all(Object.values(files(deps, domain)).map(readIfThere));
  if (!joined || key === undefined || certificate === undefined || ca === undefined) {
    throw new SallyportError('edge_not_joined', 'edge', 'This installation has not joined an edge.', {
      hint: 'Ask for a new line with `sallyport edge invite`, then run `sallyport tunnel use edge`.',
    });
  }
  const { host, port, caPin } = joined;
  const address = { host, port, caPin };
  const connector = createEdgeConnector({ address, domain, certificate, key, ca, clock: deps.clock });
  return {
    way: 'edge',
    domain,
    host,
    port,
    connector,
    close: (graceMs) => connector.stop(graceMs),
  };
}

function keyName(domain: string): string {
  return `edge:${domain}:connector-key`;
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
