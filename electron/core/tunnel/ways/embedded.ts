import type { SettingsData } from '../../settings/settings.ts';
import { readNetwork } from '../connectors/network.ts';
import { createEmbeddedEdge, embeddedDomain } from '../edge/embedded-edge.ts';
import type { Observe } from '../edge/relay.ts';
import { openAtPort, pathUrl, rememberPort, type Way, type WayDeps, type WayIn } from './way.ts';

/** What the embedded edge takes besides. */
export interface EmbeddedWayDeps extends Pick<WayDeps, 'clock' | 'settings'> {
  /** Sees what passes the edge, for *Show me what the edge saw*. */
  readonly observe: Observe;
}

/** The default: an edge inside this app, on loopback. */
export function createEmbeddedWay(deps: EmbeddedWayDeps): Way {
  const { settings } = deps;
  return {
    ownPort: true,
    choose: async () => ({ domain: embeddedDomain, kept: {} }),
    open: () => openEmbedded(deps),
    port: () => settings.get().ports.edge.port,
    urlOf: (slug, port) => pathUrl(settings.get().tunnel.domain, port, slug),
  };
}

/**
 * Opens the edge and the connector beside it, and remembers the port.
 * @throws SallyportError `port_in_use` at hop `edge`
 */
export async function openEmbedded({ clock, settings, observe }: EmbeddedWayDeps): Promise<WayIn> {
  const wanted: SettingsData['ports']['edge'] = settings.get().ports.edge;
  const embedded = await openAtPort((port) => createEmbeddedEdge({ port, clock, observe }), wanted);
  rememberPort(settings, embedded.port, false);
  return {
    domain: embedded.domain,
    host: '127.0.0.1',
    port: embedded.port,
    publicName: false,
    network: readNetwork({}),
    connector: embedded.connector,
    close: (graceMs) => embedded.close(graceMs),
  };
}
