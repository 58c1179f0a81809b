import { constants as cryptoConstants } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import * as z from 'zod';
import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import { createMeter, sourceOf } from './admission.ts';
import { peekClientHello } from './client-hello.ts';
import { clientOf, handshakeMs } from './connector-door.ts';
import { type EdgeAuthorities, lasting, trustedBy } from './edge-authorities.ts';
import type { EdgeLog } from './edge-log.ts';
import type { EdgeStore } from './edge-store.ts';
import type { Enrolment } from './enrolment.ts';
import { authorityPath, carrierPath, carrierProtocol, connectorAlpn, enrolPath, renewPath } from './protocol.ts';
import type { ServerIdentity } from './server-identity.ts';
import { lingerAndDestroy } from './tls-alert.ts';
import { createWebSocketDuplex, maxMessageAccepted } from './websocket-duplex.ts';

/** Largest body of an enrolment, in bytes. */
const maxBody = 16_384;

/** Enrolments that one source may try: ten at once, then six a minute. */
const enrolAllowance = { open: 4, perSecond: 0.1, burst: 10 };

/** Renewals that one installation may try: three at once, then one an hour. */
const renewAllowance = { open: 1, perSecond: 1 / 3_600, burst: 3 };

const renewSchema = z.strictObject({
  csr: z.string().min(1).max(8_192),
  authority: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/)
    .optional(),
});

const enrolSchema = z.strictObject({
  token: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  csr: z.string().min(1).max(8_192),
});

/** What the edge's own HTTPS works with. */
export interface HttpsDoorDeps {
  readonly identity: ServerIdentity;
  /** Certificate that browsers and proxies trust, where there is one; otherwise the identity's. */
  readonly publicCertificate?: () => { readonly certificate: string; readonly key: string } | undefined;
  readonly enrolment: Enrolment;
  readonly authorities: () => EdgeAuthorities;
  readonly store: EdgeStore;
  readonly clock: Clock;
  readonly log: EdgeLog;
  /** Takes a WebSocket's byte stream that turned out to be a connector's TLS. */
  readonly onConnector: (stream: Duplex, remote: string) => void;
}

/** The edge's own HTTPS: enrolment, and the WebSocket carrier for connectors. */
export interface HttpsDoor {
  /** Takes a connection whose next bytes are a ClientHello. */
  accept(raw: Socket, remote: string): void;
  close(): void;
}

/** See {@link HttpsDoor}. */
export function createHttpsDoor(deps: HttpsDoorDeps): HttpsDoor {
  const { clock, log } = deps;
  const remotes = new WeakMap<Duplex, string>();
  const enrolMeter = createMeter(enrolAllowance, clock);
  const renewMeter = createMeter(renewAllowance, clock);
  const carriers = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageAccepted,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    handleProtocols: (offered) => (offered.has(carrierProtocol) ? carrierProtocol : false),
  });

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response, remotes.get(request.socket) ?? 'unknown').catch((error: unknown) => {
      log({ event: 'error', reason: error instanceof Error ? error.message : String(error) });
      response.destroy();
    });
  };
  const limits = { maxHeaderSize: 8_192, headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 5_000 };
  const outer = createServer(limits, onRequest);
  /** Behind the carrier: the same, but no carrier inside a carrier. */
  const inner = createServer(limits, onRequest);
  for (const server of [outer, inner]) {
    server.on('clientError', (_error, socket) => socket.destroy());
    // A server that never listens checks no time-outs until it is told that it does.
    server.emit('listening');
  }
  outer.on('upgrade', (request, socket, head) => {
    const remote = remotes.get(request.socket) ?? 'unknown';
    const path = pathOf(request);
    const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
    if (path !== carrierPath || !offered.includes(carrierProtocol)) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    request.socket.setTimeout(0);
    carriers.handleUpgrade(request, socket, head, (webSocket) => carried(createWebSocketDuplex(webSocket), remote));
  });

  return {
    accept(raw, remote) {
      serveTls(raw, remote, deps.publicCertificate?.() ?? deps.identity, outer);
    },
    close() {
      for (const server of [outer, inner]) {
        server.closeAllConnections();
        server.close();
      }
      for (const webSocket of carriers.clients) webSocket.terminate();
      carriers.close();
    },
  };

  function serveTls(
    raw: Duplex,
    remote: string,
    certificate: { readonly certificate: string; readonly key: string },
    server: typeof outer,
  ): void {
    const tls = createTlsServer({
      cert: certificate.certificate,
      key: certificate.key,
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeMs,
      // Asked for, never demanded: only a renewal needs one, and each handshake must show it anew (no tickets).
      ca: deps.identity.ca,
      requestCert: true,
      rejectUnauthorized: false,
      secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
    });
    raw.on('error', () => undefined);
    tls.on('tlsClientError', () => lingerAndDestroy(raw, clock));
    tls.once('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      remotes.set(socket, remote);
      server.emit('connection', socket);
    });
    tls.emit('connection', raw);
  }

  /** What comes out of a carrier is treated as a new connection to the edge's own name. */
  function carried(stream: Duplex, remote: string): void {
    stream.on('error', () => undefined);
    peekClientHello(stream, { clock }).then(
      (hello) => {
        if (hello.alpn.includes(connectorAlpn)) deps.onConnector(stream, remote);
        else serveTls(stream, remote, deps.identity, inner);
      },
      () => stream.destroy(),
    );
  }

  async function answer(request: IncomingMessage, response: ServerResponse, remote: string): Promise<void> {
    const path = pathOf(request);
    if (path === authorityPath && request.method === 'GET') {
      const authorities = deps.authorities();
      send(response, 200, { trusted: trustedBy(authorities), signs: lasting(authorities).pin });
      return;
    }
    if (path !== enrolPath && path !== renewPath) {
      send(response, 404, new SallyportError('not_found', 'edge', 'There is nothing here.'));
      return;
    }
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      send(response, 405, new SallyportError('method_not_allowed', 'edge', `${path} takes POST.`));
      return;
    }
    if (path === renewPath) return renew(request, response, remote);
    const release = enrolMeter.admit(sourceOf(remote));
    if (!release) {
      response.setHeader('retry-after', '60');
      send(response, 429, new SallyportError('too_many_requests', 'edge', 'Too many enrolments from this address.'));
      return;
    }
    try {
      const { token, csr } = await readBody(request, enrolSchema, '{"token": …, "csr": …}');
      const enrolled = await deps.enrolment.enrol(token, csr);
      log({ event: 'enrolled', domain: enrolled.domain, serial: enrolled.serial, remote });
      send(response, 200, enrolled);
    } catch (error) {
      const known = asSallyportError(error, 'edge');
      log({ event: 'enrol_refused', remote, reason: known.code });
      send(response, statuses[known.code] ?? 500, statuses[known.code] ? known : internal);
    } finally {
      release();
    }
  }

  async function renew(request: IncomingMessage, response: ServerResponse, remote: string): Promise<void> {
    let release: (() => void) | undefined;
    try {
      const client = await clientOf(request.socket as TLSSocket, deps.store);
      if (!client || client.revokedAt) {
        throw new SallyportError('certificate_needed', 'edge', 'A renewal is asked for with the present certificate.', {
          hint: 'If it has ended or was revoked, join the edge again.',
        });
      }
      release = renewMeter.admit(client.installation ?? client.serial);
      if (!release) {
        response.setHeader('retry-after', '3600');
        send(response, 429, new SallyportError('too_many_requests', 'edge', 'This certificate is renewed too often.'));
        return;
      }
      const { csr, authority } = await readBody(request, renewSchema, '{"csr": …}');
      const renewed = await deps.enrolment.renew(client, csr, authority);
      log({ event: 'renewed', domain: renewed.domain, serial: renewed.serial, remote });
      send(response, 200, renewed);
    } catch (error) {
      const known = asSallyportError(error, 'edge');
      log({ event: 'renew_refused', remote, reason: known.code });
      send(response, statuses[known.code] ?? 500, statuses[known.code] ? known : internal);
    } finally {
      release?.();
    }
  }
}

/** The path asked for, as sent: a URL parser throws at some of what strangers send. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

const statuses: Record<string, number> = {
  bad_request: 400,
  csr_invalid: 400,
  certificate_needed: 401,
  invite_invalid: 403,
  renewal_refused: 403,
};
const internal = new SallyportError('internal', 'edge', 'The edge could not do this. Its log says why.');

async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>, form: string): Promise<T> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBody) throw new SallyportError('bad_request', 'edge', `The body is longer than ${maxBody} bytes.`);
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new SallyportError('bad_request', 'edge', 'The body is not JSON.');
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new SallyportError('bad_request', 'edge', `The body must be ${form} and nothing else.`);
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body instanceof SallyportError ? { error: body.toShape() } : body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(text);
}
