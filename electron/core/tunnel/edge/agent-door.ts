import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import { type ClientHttp2Stream, constants } from 'node:http2';
import { BlockList, isIP, isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import { sourceOf } from './admission.ts';
import { clientOf, mutualTlsServer } from './connector-door.ts';
import type { EdgeLog } from './edge-log.ts';
import type { EdgeStore } from './edge-store.ts';
import { pathOf } from './https-door.ts';
import { agentPathPrefix, agentProtocol } from './protocol.ts';
import type { ServerIdentity } from './server-identity.ts';
import { lingerAndDestroy } from './tls-alert.ts';
import { createWebSocketDuplex, maxMessageAccepted } from './websocket-duplex.ts';

/** What the agent door works with. */
export interface AgentDoorDeps {
  readonly identity: ServerIdentity;
  readonly store: EdgeStore;
  readonly clock: Clock;
  readonly log: EdgeLog;
  /** Addresses that may knock, read at each knock; an empty list means nobody. */
  readonly allow: () => BlockList;
  /** Opens the way to a domain. @throws SallyportError `unknown_tunnel`, `too_many_connections`, `tunnel_down` and others */
  readonly open: (domain: string, remote: string, signal: AbortSignal) => Promise<ClientHttp2Stream>;
  /** Carries bytes until both sides have ended. */
  readonly carry: (domain: string, remote: string, outside: Duplex, stream: ClientHttp2Stream) => void;
}

/** The agent door: a WebSocket over mutual TLS that carries an agent's inner TLS. */
export interface AgentDoor {
  /** Whether that address is on the allow-list. */
  allows(remote: string): boolean;
  /** Takes a connection whose next bytes are a ClientHello. */
  accept(raw: Socket, remote: string): void;
  /** Cuts the open connections of a certificate. */
  cut(serial: string): void;
  /** Cuts the connections from addresses that are not on the list any more. */
  cutUnlisted(): void;
  serials(): ReadonlySet<string>;
  close(): void;
}

/**
 * Reads an allow-list.
 * @throws SallyportError `bad_allow_list` naming the entry that is neither an address nor a CIDR range
 */
export function parseAllowList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits, ...more] = entry.split('/');
    const family = isIP(address);
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
    const good = /^[0-9]{1,3}$/.test(bits ?? '0') && prefix <= (family === 6 ? 128 : 32);
    if (family === 0 || more.length > 0 || !good) {
      throw new SallyportError('bad_allow_list', 'edge', `"${entry}" is neither an address nor a CIDR range.`, {
        hint: 'Write for instance 203.0.113.7 or 2001:db8::/32.',
      });
    }
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** See {@link AgentDoor}. */
export function createAgentDoor(deps: AgentDoorDeps): AgentDoor {
  const { log, store } = deps;
  const live = new Map<TLSSocket, { serial: string; remote: string }>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageAccepted,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    handleProtocols: (offered) => (offered.has(agentProtocol) ? agentProtocol : false),
  });
  const http = createServer(
    { maxHeaderSize: 8_192, headersTimeout: 10_000, keepAliveTimeout: 5_000 },
    (_q, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
    },
  );
  http.on('clientError', (_error, socket) => socket.destroy());
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    upgrade(request, socket, head).catch((error: unknown) => {
      const known = asSallyportError(error, 'edge');
      log({ event: 'agent_refused', reason: known.code });
      refuse(socket, known);
    });
  });
  http.emit('listening');

  const allows = (remote: string): boolean => {
    const address = sourceOf(remote).includes('/') ? (remote.split('%')[0] ?? '') : sourceOf(remote);
    return isIP(address) !== 0 && deps.allow().check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  };

  return {
    allows,
    accept(raw, remote) {
      const server = mutualTlsServer(deps.identity, 'http/1.1');
      server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
        log({ event: 'agent_refused', remote, reason: error.code ?? error.message });
        lingerAndDestroy(raw, deps.clock);
      });
      server.once('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        welcome(socket, remote).catch(() => socket.destroy());
      });
      server.emit('connection', raw);
    },
    cut(serial) {
      for (const [socket, entry] of live) if (entry.serial === serial) socket.destroy();
    },
    cutUnlisted() {
      for (const [socket, entry] of live) if (!allows(entry.remote)) socket.destroy();
    },
    serials: () => new Set([...live.values()].map((entry) => entry.serial)),
    close() {
      for (const webSocket of sockets.clients) webSocket.terminate();
      sockets.close();
      http.closeAllConnections();
      http.close();
      for (const socket of live.keys()) socket.destroy();
    },
  };

  async function welcome(socket: TLSSocket, remote: string): Promise<void> {
    const client = await clientOf(socket, store);
    if (client?.kind !== 'agent' || client.revokedAt) {
      log({
        event: 'agent_refused',
        remote,
        reason: client?.revokedAt ? 'certificate_revoked' : 'certificate_unknown',
      });
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    live.set(socket, { serial: client.serial, remote });
    socket.once('close', () => live.delete(socket));
    http.emit('connection', socket);
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const path = pathOf(request);
    const domain = path.startsWith(agentPathPrefix) ? path.slice(agentPathPrefix.length).toLowerCase() : '';
    const remote = live.get(request.socket as TLSSocket)?.remote ?? 'unknown';
    const offered = request.headers['sec-websocket-protocol'];
    if (offered !== undefined && !offered.split(/\s*,\s*/).includes(agentProtocol)) {
      throw new SallyportError('unknown_protocol', 'edge', `The sub-protocol here is ${agentProtocol}, or none.`);
    }
    // The way is opened before the upgrade is answered, so that a refusal is an HTTP status with its reason.
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    socket.once('close', leave);
    const stream = await deps.open(domain, remote, gone.signal);
    socket.off('close', leave);
    if (socket.destroyed) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    (socket as TLSSocket).setTimeout(0);
    let upgraded = false;
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      upgraded = true;
      deps.carry(domain, remote, createWebSocketDuplex(webSocket), stream);
    });
    // The library answers a malformed upgrade by itself and calls nobody.
    if (!upgraded) stream.close(constants.NGHTTP2_CANCEL);
  }
}

const statuses: Record<string, number> = {
  unknown_tunnel: 404,
  unknown_protocol: 400,
  too_many_connections: 429,
  tunnel_down: 503,
  tunnel_refused: 503,
  tunnel_no_answer: 504,
};

function refuse(socket: Duplex, error: SallyportError): void {
  const status = statuses[error.code] ?? 500;
  const body = JSON.stringify({ error: error.toShape() });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
