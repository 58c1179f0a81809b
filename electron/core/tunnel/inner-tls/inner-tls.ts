import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import type { PeerInfo } from '../connectors/connector.ts';
import { handshakeFailure, leftUnasked } from './handshake-failure.ts';
import { defaultInnerTlsLimits, type InnerTlsLimits } from './inner-tls-limits.ts';

/** A request as it leaves inner TLS. Its `socket.remoteAddress` is undefined: the socket runs over a stream, not TCP. */
export type InnerRequest = IncomingMessage | Http2ServerRequest;
/** The answer to an {@link InnerRequest}. */
export type InnerResponse = ServerResponse | Http2ServerResponse;

/** Certificate and private key, both PEM. */
export interface InnerTlsCertificate {
  /** Chain, the server's certificate first. */
  readonly cert: string;
  readonly key: string;
}

/** What a TLS hand-shake agreed on. */
export interface SecuredInfo {
  /** Server name of the ClientHello, if it had one. */
  readonly serverName: string | undefined;
  /** ALPN, `undefined` without. */
  readonly protocol: string | undefined;
  /** For instance `TLSv1.3`. */
  readonly version: string;
}

/** What {@link createInnerTls} needs. */
export interface InnerTlsDeps {
  readonly certificate: InnerTlsCertificate;
  /**
   * Takes each HTTP/1.1 and HTTP/2 request with the connection it came on. Throwing or rejecting answers 500 where
   * nothing was sent yet, else ends the request.
   */
  readonly onRequest: (request: InnerRequest, response: InnerResponse, peer: PeerInfo) => void | Promise<void>;
  /** A TLS hand-shake that succeeded: what was agreed, and the name that was asked for. */
  readonly onSecured?: (peer: PeerInfo, agreed: SecuredInfo) => void;
  /** A connection or request that came to nothing before or beside the gateway. */
  readonly onFailure?: (error: SallyportError, peer: PeerInfo | undefined) => void;
  /** A peer ended its connection without a request: what a client does that distrusts the certificate. */
  readonly onUnasked?: (error: SallyportError) => void;
  readonly limits?: Partial<InnerTlsLimits>;
}

/** The station where public TLS ends: bytes from the tunnel in, HTTP requests out. The key never leaves this process. */
export interface InnerTls {
  /** Takes one public connection; never throws. Its bytes start with a ClientHello. */
  accept(stream: Duplex, peer: PeerInfo): void;
  /** Uses another certificate for new connections; those that are open keep theirs and are not disturbed. */
  setCertificate(certificate: InnerTlsCertificate): void;
  /** Public connections open now. */
  readonly connections: number;
  /** Takes no more connections or requests, lets open requests end for up to `graceMs` (default 5 000), then ends all. */
  close(graceMs?: number): Promise<void>;
}

/** One public connection. */
interface Connection {
  readonly stream: Duplex;
  readonly peer: PeerInfo;
  socket?: TLSSocket;
  session?: Http2Session;
  openRequests: number;
  /** A request came, or we end it: its peer cannot leave unasked any more. */
  settled?: boolean;
  idleTimer?: NodeJS.Timeout;
}

/**
 * Ends TLS 1.2 and 1.3 (ALPN `h2`, `http/1.1`, or none, which means HTTP/1.1; with or without SNI) on one
 * `http2.createSecureServer({ allowHTTP1: true })` that never listens and is fed one stream after the other.
 */
export function createInnerTls(deps: InnerTlsDeps): InnerTls {
  const limits: InnerTlsLimits = { ...defaultInnerTlsLimits, ...deps.limits };
  const connections = new Set<Connection>();
  const bySocket = new WeakMap<object, Connection>();
  const bySession = new WeakMap<object, Connection>();
  // A TLS server does not tell which raw stream a TLSSocket was made over. What it does for a stream runs in the context
  // in which the stream was handed in, so the context carries the connection.
  const handed = new AsyncLocalStorage<Connection>();
  let closing = false;
  let emptied: (() => void) | undefined;

  const fail = (error: SallyportError, connection: Connection | undefined): void => {
    deps.onFailure?.(error, connection?.peer);
  };

  const server = createServer(deps.certificate, limits);

  const armIdle = (connection: Connection, milliseconds: number): void => {
    clearTimeout(connection.idleTimer);
    if (closing) {
      finish(connection);
      return;
    }
    connection.idleTimer = setTimeout(() => finish(connection), milliseconds);
    connection.idleTimer.unref();
  };

  /** Forgets a connection that is over. A TCP socket under TLS does not always say itself that it closed. */
  const drop = (connection: Connection): void => {
    clearTimeout(connection.idleTimer);
    connection.socket?.destroy();
    connection.stream.destroy();
    if (connections.delete(connection) && connections.size === 0) emptied?.();
  };

  /** Ends a connection that has no open request: politely in HTTP/2, then for good. */
  const finish = (connection: Connection): void => {
    clearTimeout(connection.idleTimer);
    connection.settled = true;
    const { session, socket } = connection;
    if (session && !session.closed && !session.destroyed) session.close();
    else if (socket && !socket.destroyed) socket.destroySoon();
    else drop(connection);
    if (!connections.has(connection)) return;
    connection.idleTimer = setTimeout(() => drop(connection), 1_000);
    connection.idleTimer.unref();
  };

  // Before http2's own listener, which makes the session or the HTTP/1.1 parser at once.
  let securing: Connection | undefined;
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const connection = handed.getStore();
    socket.on('error', ignore);
    securing = connection;
    if (!connection) {
      socket.destroy();
      return;
    }
    connection.socket = socket;
    bySocket.set(socket, connection);
    const asked: unknown = 'servername' in socket ? socket.servername : undefined;
    deps.onSecured?.(connection.peer, {
      serverName: typeof asked === 'string' ? asked : undefined,
      protocol: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
      version: socket.getProtocol() ?? 'unknown',
    });
    socket.disableRenegotiation();
    socket.once('close', () => drop(connection));
    armIdle(connection, limits.firstRequestMs);
  });

  server.on('session', (session) => {
    session.on('error', ignore);
    if (!securing) return session.destroy();
    securing.session = session;
    bySession.set(session, securing);
  });

  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    socket.on('error', ignore);
    const connection = handed.getStore();
    if (!closing) fail(handshakeFailure(error), connection);
    socket.destroy();
    if (connection) drop(connection);
  });

  server.on('sessionError', (error: Error, session: Http2Session) => {
    fail(
      new SallyportError('http_session_failed', 'inner-tls', 'An HTTP/2 connection broke its rules or its limits.', {
        cause: error,
      }),
      bySession.get(session),
    );
  });

  server.on('clientError', (error: Error & { code?: string }, socket: TLSSocket) => {
    // http2 repeats failed hand-shakes here; those were told above.
    const connection = bySocket.get(socket);
    if (!connection) {
      socket.destroy();
      return;
    }
    if (error.code !== 'ECONNRESET') {
      fail(
        new SallyportError(
          'bad_http',
          'inner-tls',
          `A connection sent no proper HTTP/1.1 (${error.code ?? 'error'}).`,
          {
            cause: error,
          },
        ),
        connection,
      );
    }
    if (socket.writable && connection.openRequests === 0) {
      socket.write(`HTTP/1.1 ${statusOf(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
    socket.destroySoon();
  });

  const onRequest = (request: InnerRequest, response: InnerResponse): void => {
    request.on('error', ignore);
    response.on('error', ignore);
    const session = request instanceof Http2ServerRequest ? request.stream.session : undefined;
    const connection = session ? bySession.get(session) : bySocket.get(request.socket);
    // No peer, no request: nothing may reach the gateway that nobody can be told apart by.
    if (!connection) {
      request.destroy();
      return;
    }
    connection.openRequests += 1;
    connection.settled = true;
    clearTimeout(connection.idleTimer);
    // HTTP/1.1 has this limit in its parser.
    const bodyTimer =
      request instanceof Http2ServerRequest && !request.stream.readableEnded
        ? setTimeout(() => {
            if (!request.stream.readableEnded) request.stream.close(constants.NGHTTP2_CANCEL);
          }, limits.requestMs)
        : undefined;
    bodyTimer?.unref();
    response.once('close', () => {
      clearTimeout(bodyTimer);
      connection.openRequests -= 1;
      if (connection.openRequests === 0 && connections.has(connection)) armIdle(connection, limits.idleMs);
    });
    // An async function, so that a throw and a rejection end alike.
    const handle = async (): Promise<void> => deps.onRequest(request, response, connection.peer);
    handle().catch((error: unknown) => {
      fail(asSallyportError(error, 'gateway'), connection);
      if (response.headersSent) return void request.destroy();
      response.statusCode = 500;
      response.end();
    });
  };
  server.on('request', onRequest);

  // Without this, a server that never listened enforces none of its HTTP/1.1 time-outs and cannot close idle sockets.
  server.emit('listening');

  const end = async (graceMs: number): Promise<void> => {
    closing = true;
    for (const connection of connections) {
      if (connection.openRequests === 0) finish(connection);
      else connection.session?.close();
    }
    const deadline = setTimeout(() => {
      for (const connection of connections) drop(connection);
    }, graceMs);
    if (connections.size > 0) {
      await new Promise<void>((resolve) => {
        emptied = resolve;
      });
    }
    clearTimeout(deadline);
    // Stops the interval behind the time-outs; that the server "is not running" is no news.
    server.close(ignore);
  };
  let ended: Promise<void> | undefined;

  return {
    accept(stream, peer) {
      stream.on('error', ignore);
      const connection: Connection = { stream, peer, openRequests: 0 };
      if (closing || connections.size >= limits.connections) {
        if (!closing) {
          fail(
            new SallyportError('too_many_connections', 'inner-tls', `All ${limits.connections} connections are taken.`),
            connection,
          );
        }
        stream.destroy();
        return;
      }
      if (stream.destroyed) return;
      connections.add(connection);
      stream.once('close', () => drop(connection));
      // Clients on Node look at certificates last, and go without a word: before their own hand-shake is over, seen from here.
      stream.once('end', () => {
        if (!connection.settled && !closing) deps.onUnasked?.(leftUnasked());
        connection.settled = true;
      });
      handed.run(connection, () => server.emit('connection', stream));
    },
    setCertificate(certificate) {
      server.setSecureContext({ ...tlsOptions, cert: certificate.cert, key: certificate.key });
    },
    get connections() {
      return connections.size;
    },
    close(graceMs = 5_000) {
      ended ??= end(graceMs);
      return ended;
    },
  };
}

const tlsOptions = { minVersion: 'TLSv1.2' } as const;

function createServer(certificate: InnerTlsCertificate, limits: InnerTlsLimits): Http2SecureServer {
  const server = createSecureServer({
    ...tlsOptions,
    cert: certificate.cert,
    key: certificate.key,
    allowHTTP1: true,
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: limits.handshakeMs,
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headerBytes,
      initialWindowSize: limits.streamWindowBytes,
    },
    maxHeaderListPairs: limits.headerLines,
    maxSessionMemory: limits.sessionMegabytes,
  });
  // Older Node takes these from no constructor option of this server, but every one reads them as properties.
  return Object.assign(server, {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(2_000, limits.headersMs),
    maxHeaderSize: limits.headerBytes,
    maxHeadersCount: limits.headerLines,
  });
}

function statusOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  return '400 Bad Request';
}

/** An error that another event, or the end of the connection, tells as well. */
function ignore(): void {}
