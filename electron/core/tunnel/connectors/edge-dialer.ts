import { connect as connectTcp, isIP, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type ClientOptions, WebSocket } from 'ws';
import { SallyportError } from '../../../shared/errors.ts';
import { carrierPath, carrierProtocol, edgeAlias } from '../edge/protocol.ts';
import { createWebSocketDuplex, maxMessageAccepted } from '../edge/websocket-duplex.ts';
import { certificatesOf } from '../pki/certificate-bundle.ts';
import { publicKeyPin } from '../pki/fingerprint.ts';
import { rootsWith } from './network.ts';
import { connectThroughProxy, type HttpProxy } from './proxy.ts';

/** Where an edge is and by which key it is known. */
export interface EdgeAddress {
  /** DNS name or address. */
  readonly host: string;
  readonly port: number;
  /** Pin of the edge CA's public key, from the join line. */
  readonly caPin: string;
  /** Pins of further authorities that the edge named over a connection that a pinned one vouched for. */
  readonly caPins?: readonly string[];
}

/** How the bytes of the connector's TLS get to the edge. */
export type Transport = 'tls' | 'websocket';

/** One attempt to reach an edge. */
export interface DialOptions {
  readonly address: EdgeAddress;
  readonly transport: Transport;
  readonly alpn: string;
  /** The edge's CA in PEM, during a change of it two: nothing else is trusted for the TLS that counts. */
  readonly ca: string;
  /** Client certificate and key in PEM, where the door asks for them. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** Further CAs in PEM for the outer TLS of the WebSocket (an inspecting proxy's). */
  readonly carrierCa?: string;
  /** HTTP proxy to go through. */
  readonly proxy?: HttpProxy;
  /** Time for everything, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The name to ask an edge for: its host, or the alias every edge has where the host is an address. */
export function serverNameOf(host: string): string {
  return isIP(host) ? edgeAlias : host;
}

/**
 * Opens a TLS connection to an edge, directly or inside a WebSocket, and lets nobody but the pinned CA vouch for the
 * far end (`security.md` S5).
 * @throws SallyportError at hop `edge`: `edge_unreachable` (no TCP), `edge_blocked` (something between does not let this TLS
 *   through), `edge_untrusted` (another CA vouches for what answers)
 */
export async function dialEdge(options: DialOptions): Promise<TLSSocket> {
  const { address } = options;
  const pinned = new Set([address.caPin, ...(address.caPins ?? [])]);
  const cas = certificatesOf(options.ca);
  if (cas.length === 0 || !cas.every((ca) => pinned.has(publicKeyPin(ca)))) {
    throw untrusted(address, 'the stored CA has another key');
  }
  return withDeadline(options, async (closeLater) => {
    const carrier = await openCarrier(options, closeLater);
    return secure(options, carrier, options.ca, closeLater);
  });
}

/**
 * Meets an edge for the first time: finds in the chain that it shows the CA whose key the join line names.
 * @returns that CA in PEM @throws like {@link dialEdge}
 */
export async function fetchPinnedCa(options: Omit<DialOptions, 'ca' | 'client'>): Promise<string> {
  return withDeadline(options, async (closeLater) => {
    const carrier = await openCarrier(options, closeLater);
    const socket = await secure(options, carrier, undefined, closeLater);
    try {
      const seen = new Set<string>();
      let certificate = socket.getPeerX509Certificate();
      while (certificate && !seen.has(certificate.fingerprint256)) {
        seen.add(certificate.fingerprint256);
        if (certificate.ca && publicKeyPin(certificate) === options.address.caPin) return certificate.toString();
        certificate = certificate.issuerCertificate;
      }
    } finally {
      socket.destroy();
    }
    throw untrusted(options.address, 'it does not show the key that the join line names');
  });
}

type CloseLater = (stream: { destroy(): void }) => void;

/** Runs one attempt; a deadline or an abort destroys whatever it had opened. */
async function withDeadline<T>(
  options: { readonly address: EdgeAddress; readonly timeoutMs: number; readonly signal?: AbortSignal },
  attempt: (closeLater: CloseLater) => Promise<T>,
): Promise<T> {
  const opened: { destroy(): void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let abort: () => void = () => undefined;
  const cut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const why = `no answer within ${options.timeoutMs / 1_000} s`;
      reject(opened.some(isConnected) ? blocked(options.address, why) : unreachable(options.address, why));
    }, options.timeoutMs);
    abort = () => reject(unreachable(options.address, 'given up'));
    options.signal?.addEventListener('abort', abort);
    if (options.signal?.aborted) abort();
  });
  try {
    return await Promise.race([attempt((stream) => opened.push(stream)), cut]);
  } catch (error) {
    for (const stream of opened) stream.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** Whether TCP got through: what does not come after that is held up by something in between. */
function isConnected(stream: { destroy(): void }): boolean {
  return !(stream instanceof Socket) || !stream.connecting;
}

/** The byte stream below the TLS that counts: a TCP connection, or a WebSocket over ordinary TLS. */
async function openCarrier(
  options: Omit<DialOptions, 'ca'> & { readonly ca?: string },
  closeLater: CloseLater,
): Promise<Duplex> {
  const { address } = options;
  if (options.transport === 'tls') return openTcp(options, closeLater);
  const { proxy } = options;
  const proxied = proxy && (await openTcp(options, closeLater));
  return new Promise((resolve, reject) => {
    const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
    const outer = {
      servername: serverNameOf(address.host),
      ca: rootsWith(options.carrierCa, options.ca),
    };
    // `servername` is handed on to tls.connect, which the types of `ws` do not know.
    const webSocketOptions: ClientOptions & { servername: string } = {
      ...outer,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: maxMessageAccepted,
      followRedirects: false,
      ...(proxied
        ? { createConnection: () => connectTls({ ...outer, socket: proxied, ALPNProtocols: ['http/1.1'] }) }
        : {}),
    };
    const url = `wss://${host}:${address.port}${carrierPath}`;
    const webSocket = new WebSocket(url, [carrierProtocol], webSocketOptions);
    closeLater({ destroy: () => webSocket.terminate() });
    webSocket.once('open', () => resolve(createWebSocketDuplex(webSocket)));
    webSocket.on('error', (error: NodeJS.ErrnoException) => reject(explain(address, error, false)));
  });
}

/** A TCP connection to the edge, by itself or through the proxy. */
function openTcp(
  options: Pick<DialOptions, 'address' | 'proxy' | 'carrierCa'>,
  closeLater: CloseLater,
): Promise<Socket> {
  const { address, proxy, carrierCa } = options;
  if (proxy) {
    return connectThroughProxy(proxy, address, { ca: rootsWith(carrierCa), onSocket: closeLater });
  }
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
    closeLater(socket);
    socket.once('connect', () => resolve(socket));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(unreachable(address, error.code ?? error.message, error)),
    );
  });
}

/** TLS over a carrier. Without a CA anything is accepted: only for looking at the chain. */
function secure(
  options: Omit<DialOptions, 'ca'>,
  carrier: Duplex,
  ca: string | undefined,
  closeLater: CloseLater,
): Promise<TLSSocket> {
  const { address } = options;
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: carrier,
      servername: serverNameOf(address.host),
      ALPNProtocols: [options.alpn],
      minVersion: 'TLSv1.3',
      ...(ca ? { ca: [ca] } : {}),
      rejectUnauthorized: ca !== undefined,
      ...(options.client ? { cert: options.client.certificate, key: options.client.key } : {}),
    });
    closeLater(socket);
    carrier.on('error', (error) => socket.destroy(error));
    carrier.once('close', () => socket.destroy());
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === options.alpn) resolve(socket);
      else reject(blocked(address, 'what answers does not speak the edge’s protocol'));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => reject(explain(address, error, true)));
    socket.once('close', () => reject(blocked(address, 'the connection was closed during the handshake')));
  });
}

function explain(address: EdgeAddress, error: NodeJS.ErrnoException, connected: boolean): SallyportError {
  const code = error.code ?? error.message;
  if (/CERT|SIGNATURE|ISSUER|ALTNAME|TRUST/.test(code) && !/ALERT/.test(code)) return untrusted(address, code, error);
  if (!connected && /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/.test(code)) {
    return unreachable(address, code, error);
  }
  return blocked(address, code, error);
}

function unreachable(address: EdgeAddress, why: string, cause?: unknown): SallyportError {
  return new SallyportError('edge_unreachable', 'edge', `The edge ${place(address)} cannot be reached (${why}).`, {
    hint: 'Check the network, and that the edge is running.',
    cause,
  });
}

function blocked(address: EdgeAddress, why: string, cause?: unknown): SallyportError {
  return new SallyportError('edge_blocked', 'edge', `The way to the edge ${place(address)} is blocked (${why}).`, {
    hint: 'Something between here and the edge does not let its TLS through; ask who runs the network.',
    cause,
  });
}

function untrusted(address: EdgeAddress, why: string, cause?: unknown): SallyportError {
  return new SallyportError(
    'edge_untrusted',
    'edge',
    `What answers at ${place(address)} is not the edge joined (${why}).`,
    {
      hint: 'Do not go on from a network you do not trust. If the edge was set up anew, join it again.',
      cause,
    },
  );
}

function place(address: EdgeAddress): string {
  return `${address.host}:${address.port}`;
}
