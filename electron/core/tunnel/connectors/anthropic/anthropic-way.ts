import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import WebSocket from 'ws';
import type { Clock } from '../../../../shared/clock.ts';
import { SallyportError } from '../../../../shared/errors.ts';
import { visibleText } from '../../../../shared/visible-text.ts';
import type { Secrets } from '../../../secrets/secrets.ts';
import type { AnthropicTunnel } from '../../../settings/settings.ts';
import { createWebSocketDuplex } from '../../edge/websocket-duplex.ts';
import type { WayIn } from '../../ways/way.ts';
import type { Connector, PeerInfo } from '../connector.ts';
import type { Network } from '../network.ts';
import { anthropicChecklist, type Seen } from './checklist.ts';
import { type CloudflaredDeps, createCloudflaredConnector, type StartChild } from './cloudflared/supervisor.ts';
import { readConnectorToken } from './connector-token.ts';
import { createExternalConnector } from './external-connector.ts';
import { findEdgeAddresses, readEdgeAddress } from './native/edge-addresses.ts';
import { createNativeConnector } from './native/native-connector.ts';
import type { Recorder } from './recorder.ts';

/** What {@link openAnthropic} needs. */
export interface AnthropicWayDeps {
  readonly clock: Clock;
  readonly secrets: Secrets;
  /** Folder for what cloudflared needs. */
  readonly folder: string;
  readonly startChild: StartChild;
  /** Whether cloudflared can be contained here. */
  readonly containment: CloudflaredDeps['containment'];
  /** How this machine gets out: for the connector of our own. `cloudflared` knows no proxy. */
  readonly network: () => Promise<Network>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names of the hosts that are routed now. */
  readonly routes: () => readonly string[];
  readonly onNote: (message: string) => void;
  readonly recorder: Recorder;
  /** The tunnel's owner had cloudflared lead elsewhere: kept, so that the alarm outlives the app. */
  readonly onOverridden: (where: string) => void;
  /** `tcrt_…` of this machine's authority where the API registered it for this domain. */
  readonly registeredAs?: string | undefined;
}

/** Name of the secret that holds the token of a tunnel. */
export function tokenName(domain: string): string {
  return `anthropic:${domain}:token`;
}

/** Header by which a probe of our own is told from what came from outside. Its value is a secret of this run. */
const probeHeader = 'sallyport-probe';
const probeMs = 5_000;
/** What a cloudflared whose token was rotated gets to finish what is open. */
const rotationGraceMs = 10_000;

/**
 * Opens Anthropic's tunnel in the mode that settings name. Opening never fails for what may mend itself (no cloudflared, no
 * network): that is the connector's status.
 * @throws SallyportError at hop `tunnel`: `tunnel_token_missing`, `tunnel_token_invalid`
 */
export async function openAnthropic(deps: AnthropicWayDeps, tunnel: AnthropicTunnel): Promise<WayIn> {
  const { clock, recorder } = deps;
  const onNote = deps.onNote;
  let token = await deps.secrets.get(tokenName(tunnel.domain));
  if (token === undefined && tunnel.mode !== 'listener') {
    throw new SallyportError('tunnel_token_missing', 'tunnel', `There is no token for ${tunnel.domain}.`, {
      hint: 'Run `sallyport tunnel use anthropic` and give it.',
    });
  }
  const network = await deps.network();
  const seen: Seen = deps.registeredAs === undefined ? {} : { registeredAs: deps.registeredAs };
  const key = randomBytes(16).toString('hex');
  let port = 0;
  let accept: ((stream: Duplex, peer: PeerInfo) => void) | undefined;
  let routed: readonly string[] = [];

  const isProbe = (request: IncomingMessage): boolean => request.headers[probeHeader] === key;
  const listening = {
    isProbe,
    onUpgrade: (request: IncomingMessage) =>
      isProbe(request) ? undefined : recorder.upgrade(request.headers, request.url),
    onTls: () => onNote(tlsAtTheListener),
    onListening: (opened: number) => {
      port = opened;
    },
  };
  let restart = (): void => {};
  const connector = ((): Connector => {
    if (tunnel.mode === 'listener')
      return createExternalConnector({ clock, listen: tunnel.listen ?? 8080, ...listening });
    if (tunnel.mode === 'cloudflared') {
      const made = createCloudflaredConnector({
        token: () => token ?? '',
        startChild: deps.startChild,
        containment: deps.containment,
        endpoint: readConnectorToken(token ?? '').endpoint,
        clock,
        folder: join(deps.folder, 'cloudflared'),
        environment: deps.environment,
        listen: tunnel.listen ?? 0,
        onNote,
        ...listening,
        ...(tunnel.cloudflared ? { chosen: tunnel.cloudflared } : {}),
        overridden: tunnel.overridden,
        onOverridden: deps.onOverridden,
        protocol: tunnel.protocol,
        ...(tunnel.edges ? { edges: tunnel.edges } : {}),
        ...(tunnel.edgeCa ? { edgeCa: tunnel.edgeCa } : {}),
      });
      restart = () => made.restart(rotationGraceMs);
      return made;
    }
    const read = readConnectorToken(token ?? '');
    const { edges } = tunnel;
    return createNativeConnector({
      token: () => readConnectorToken(token ?? ''),
      addresses: edges ? async () => edges.map(readEdgeAddress) : () => findEdgeAddresses(read.endpoint),
      clock,
      onNote,
      onUpgrade: (headers) => recorder.upgrade(headers, headers[':path']),
      network,
      ...(tunnel.edgeCa ? { edgeCa: tunnel.edgeCa } : {}),
    });
  })();

  /** Says once for each host that it is routed: what people grep for. */
  const tellRoutes = (): void => {
    const now = deps.routes();
    for (const host of now) if (!routed.includes(host)) onNote(`route configured: ${host}`);
    routed = now;
  };
  const ours = (peer: PeerInfo | undefined): boolean => peer?.edge === 'here';
  const started = new WeakSet<PeerInfo>();

  return {
    domain: tunnel.domain,
    host: '127.0.0.1',
    port: 443,
    publicName: false,
    connector: {
      ...connector,
      start(onConnection) {
        accept = onConnection;
        tellRoutes();
        connector.start(onConnection);
      },
    },
    certificateHosts: [tunnel.domain, `*.${tunnel.domain}`, ...Object.keys(tunnel.hosts ?? {})],
    constrained: false,
    dialHere() {
      const peer: PeerInfo = { id: `probe-${key}`, edge: 'here', transport: 'websocket', door: 'agent' };
      if (tunnel.mode === 'native') {
        const [near, far] = duplexPair();
        accept?.(far, { ...peer });
        return Promise.resolve(near);
      }
      return dialListener(port, key);
    },
    onSecured(peer, { serverName, protocol, version }) {
      if (ours(peer)) return;
      recorder.secured({ serverName, protocol, version });
      seen.securedAs ??= serverName ?? '';
    },
    onRequest(peer, host) {
      if (ours(peer)) return;
      recorder.request(host);
      tellRoutes();
      seen.requested = true;
      if (started.has(peer)) return;
      started.add(peer);
      onNote(`request started: ${visibleText(host ?? '', { max: 253 })}`);
    },
    onFailure(error, peer) {
      if (ours(peer)) return undefined;
      const words = handshakeWords[error.code];
      if (words !== undefined) seen.refusedBecause = `${words} ${error.hint ?? ''}`.trim();
      return words;
    },
    renewToken(next) {
      token = next;
      restart();
    },
    view: () => ({
      canSee: ['the name of this tunnel', 'sizes and times', 'headers of the WebSocket'],
      proof: 'own-end',
      checklist: anthropicChecklist(tunnel.domain, connector.status(), seen, deps.routes()),
    }),
    close: (graceMs) => connector.stop(graceMs),
  };

  async function dialListener(to: number, secret: string): Promise<Duplex> {
    if (to === 0) throw new SallyportError('listener_down', 'tunnel', 'The listener of the tunnel is not up.');
    const socket = new WebSocket(`ws://127.0.0.1:${to}/`, {
      headers: { [probeHeader]: secret },
      perMessageDeflate: false,
      handshakeTimeout: probeMs,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return createWebSocketDuplex(socket);
  }
}

/** The words of the proxy that stood in this place, for who looks for them in a log. */
const handshakeWords: Readonly<Record<string, string>> = {
  tls_untrusted_ca: 'tls handshake failed: remote error: tls: unknown certificate authority.',
  tls_bad_certificate: 'tls handshake failed: remote error: tls: bad certificate.',
  tls_certificate_expired: 'tls handshake failed: remote error: tls: expired certificate.',
};

const tlsAtTheListener =
  'Something spoke TLS to the listener, and was refused: it is a WebSocket without TLS, and TLS runs inside. Prove the tunnel with an agent, or `sallyport tunnel probe`.';
