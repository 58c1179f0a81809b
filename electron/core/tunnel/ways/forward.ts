import { SallyportError } from '../../../shared/errors.ts';
import { createForwardConnector } from '../connectors/forward-connector.ts';
import {
  openAtPort,
  pathUrl,
  rememberPort,
  type TunnelChoice,
  type TunnelSettings,
  type Way,
  type WayDeps,
  type WayIn,
} from './way.ts';

/** The person's own TCP forwarder brings the connections of a public name to a loopback port (`docs/forward`). */
export function createForwardWay(deps: Pick<WayDeps, 'clock' | 'settings' | 'network'>): Way {
  const { settings } = deps;
  return {
    ownPort: true,
    async choose({ forward: wanted }, before) {
      const forward = nameOf(wanted, before.forward);
      return { domain: forward.host, kept: { forward } };
    },
    open: () => openForward(deps),
    port: () => settings.get().tunnel.forward?.port ?? 443,
    urlOf: (slug, port) => pathUrl(settings.get().tunnel.domain, port, slug),
  };
}

/**
 * Opens the loopback port. A forwarder is pointed at it, so that it may not move any more.
 * @throws SallyportError `forward_name_needed`, `port_in_use` at hop `tunnel`; `proxy_invalid`, `ca_file_unreadable` at hop `edge`
 */
async function openForward({ clock, settings, network }: Pick<WayDeps, 'clock' | 'settings' | 'network'>) {
  const { tunnel, ports } = settings.get();
  const forward = nameOf(undefined, tunnel.forward);
  const outwards = await network();
  const connector = await openAtPort((port) => createForwardConnector({ port, clock }), ports.edge);
  rememberPort(settings, connector.port, true);
  const wayIn: WayIn = {
    domain: forward.host,
    ...forward,
    publicName: true,
    network: outwards,
    connector,
    middle: {
      name: `The forwarder at ${forward.host}:${forward.port}`,
      behind: `Point it at 127.0.0.1:${connector.port}.`,
      reads: 'The forwarder ends TLS itself and can read: set it to pass TCP on as it is.',
    },
    view: () => ({
      canSee: ['the public name (SNI)', 'sizes and times', 'the agent’s address'],
      forward: { ...forward, local: connector.port },
    }),
    close: (graceMs) => connector.stop(graceMs),
  };
  return wayIn;
}

/** The forwarder's public name and port: as asked for, else as they were. @throws SallyportError `forward_name_needed` */
function nameOf(
  wanted: TunnelChoice['forward'],
  before: TunnelSettings['forward'],
): NonNullable<TunnelSettings['forward']> {
  if (wanted) return { host: wanted.host.toLowerCase(), port: wanted.port ?? 443 };
  if (before) return before;
  throw new SallyportError('forward_name_needed', 'tunnel', 'A forwarder needs the public name that it brings.', {
    hint: 'Give it: sallyport tunnel use forward --name HOST [--port 443].',
  });
}
