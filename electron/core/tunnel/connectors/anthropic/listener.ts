import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../../shared/clock.ts';
import { SallyportError } from '../../../../shared/errors.ts';
import type { PeerInfo } from '../connector.ts';
import { createFrameDuplex, type FrameDuplexOptions } from './frame-duplex.ts';
import { answerUpgrade } from './websocket-upgrade.ts';

/** What {@link openWebSocketListener} needs. */
export interface WebSocketListenerDeps {
  /** Port on 127.0.0.1; 0 for any free one. */
  readonly port: number;
  readonly clock: Clock;
  /** How the way is called in peers. */
  readonly label: string;
  /** Takes each connection: a stream of inner-TLS bytes. */
  readonly onConnection: (stream: Duplex, peer: PeerInfo) => void;
  /** Metadata of each upgrade, for the recorder; what it returns hears of the frames. */
  readonly onUpgrade?: (request: IncomingMessage) => FrameDuplexOptions['onFrame'];
  /** Whether an upgrade is our own probe: its peer is then called `here`. */
  readonly isProbe?: (request: IncomingMessage) => boolean;
  /** Somebody began with TLS, which runs inside the WebSocket. */
  readonly onTls?: () => void;
  /** Connections at once, default 512. */
  readonly maxConnections?: number;
}

/** A listener that runs. */
export interface WebSocketListener {
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Takes a connection that came another way than by the port. */
  accept(socket: Socket): void;
  /** Takes no more connections, and ends those that are open. */
  close(): Promise<void>;
}

/**
 * The place where `cloudflared` hands over what Anthropic sends: an unencrypted HTTP/1.1 WebSocket on loopback whose byte
 * stream carries inner TLS. It takes every path, Host and sub-protocol; nothing in it says who calls, so it never binds
 * anything but 127.0.0.1 and everything behind it asks for a token.
 * @throws SallyportError `port_in_use` at hop `tunnel`
 */
export async function openWebSocketListener(deps: WebSocketListenerDeps): Promise<WebSocketListener> {
  const sockets = new Set<Duplex>();
  const max = deps.maxConnections ?? 512;
  const server = createServer(
    { maxHeaderSize: 65_536, headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 5_000 },
    (request, response) => {
      request.on('error', ignore);
      response.on('error', ignore);
      response.writeHead(426, { upgrade: 'websocket', 'content-type': 'text/plain' });
      response.end('This is the WebSocket of a tunnel.\n');
    },
  );
  server.maxConnections = max * 2;
  server.on('clientError', (error: Error & { rawPacket?: Uint8Array }, socket) => {
    // RFC 8446 §5.1: a TLS record with a hand-shake. Plain words make the other side say "wrong version number".
    if (error.rawPacket?.[0] === 22) deps.onTls?.();
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', ignore);
    const answer = sockets.size >= max ? { status: 503, why: 'Too many connections.' } : answerUpgrade(request.headers);
    if ('status' in answer) {
      const words = `${answer.why}\n`;
      socket.end(
        `HTTP/1.1 ${answer.status} ${answer.status === 426 ? 'Upgrade Required' : answer.status === 503 ? 'Service Unavailable' : 'Bad Request'}\r\n` +
          `${answer.status === 426 ? 'Sec-WebSocket-Version: 13\r\n' : ''}Connection: close\r\n` +
          `Content-Type: text/plain\r\nContent-Length: ${words.length}\r\n\r\n${words}`,
      );
      return;
    }
    if ('setNoDelay' in socket && typeof socket.setNoDelay === 'function') socket.setNoDelay(true);
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    if (head.length > 0) socket.unshift(head);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const onFrame = deps.onUpgrade?.(request);
    const stream = createFrameDuplex(socket, { clock: deps.clock, ...(onFrame ? { onFrame } : {}) });
    stream.on('error', ignore);
    deps.onConnection(
      stream,
      peerOf(request.headers['cf-connecting-ip'], deps.isProbe?.(request) ? 'here' : deps.label),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new SallyportError(
          error.code === 'EADDRINUSE' ? 'port_in_use' : 'listen_failed',
          'tunnel',
          `Port ${deps.port} on 127.0.0.1, where cloudflared hands over, cannot be bound (${error.code}).`,
          { hint: 'Another program has it: stop that, or choose another port with --listen.' },
        ),
      ),
    );
    server.listen(deps.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : deps.port,
    get connections() {
      return sockets.size;
    },
    accept: (socket) => void server.emit('connection', socket),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Who is on the other side, as the tunnel's edge says: shown, never trusted. */
export function peerOf(connectingIp: unknown, label: string): PeerInfo {
  const remote = typeof connectingIp === 'string' && isIP(connectingIp) ? connectingIp : undefined;
  return {
    id: randomUUID(),
    ...(remote ? { remoteAddress: remote } : {}),
    edge: label,
    transport: 'websocket',
    door: 'agent',
  };
}

function ignore(): void {}
