import { constants as cryptoConstants } from 'node:crypto';
import { connect, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import { createAckDuplex } from './ack-duplex.ts';
import type { EdgeLog } from './edge-log.ts';
import { type ClientRecord, type EdgeStore, installationOf } from './edge-store.ts';
import { edgeSessionOptions } from './http2-limits.ts';
import { watchLiveness } from './liveness.ts';
import { connectorAlpn, type Refusal, sessionWindow } from './protocol.ts';
import type { ServerIdentity } from './server-identity.ts';
import { lingerAndDestroy } from './tls-alert.ts';
import type { Tunnels } from './tunnels.ts';

/** Connections of all installations of one domain together. */
export const maxConnectionsPerDomain = 16;

/** Time for a TLS handshake, in milliseconds. */
export const handshakeMs = 10_000;

/** What the connector door works with. */
export interface ConnectorDoorDeps {
  readonly identity: ServerIdentity;
  readonly store: EdgeStore;
  readonly tunnels: Tunnels;
  readonly clock: Clock;
  readonly log: EdgeLog;
  readonly pingIntervalMs?: number;
  readonly pingTimeoutMs?: number;
}

/** The door for connectors: mutual TLS, and inside it HTTP/2 with the edge as client. */
export interface ConnectorDoor {
  /** Takes a connection whose next bytes are a ClientHello for this door. */
  accept(raw: Duplex, from: { readonly remote: string; readonly transport: 'tls' | 'websocket' }): void;
  /** Cuts the open connections of a certificate. */
  cut(serial: string): void;
  /** Serial numbers with an open connection. */
  serials(): ReadonlySet<string>;
  /** GOAWAY on every connection; resolves when all have ended. */
  drain(): Promise<void>;
  destroy(): void;
}

/** See {@link ConnectorDoor}. */
export function createConnectorDoor(deps: ConnectorDoorDeps): ConnectorDoor {
  const { clock, log, store, tunnels } = deps;
  const live = new Map<TLSSocket, { serial: string; close: () => Promise<void> }>();

  return {
    accept(raw, from) {
      const server = mutualTlsServer(deps.identity, connectorAlpn);
      raw.on('error', () => undefined);
      server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
        log({ event: 'connector_refused', ...from, reason: error.code ?? error.message });
        lingerAndDestroy(raw, clock);
      });
      server.once('secureConnection', (socket) => {
        welcome(socket, from).catch((error: unknown) => {
          log({ event: 'error', ...from, reason: error instanceof Error ? error.message : String(error) });
          socket.destroy();
        });
      });
      server.emit('connection', raw);
    },
    cut(serial) {
      for (const [socket, entry] of live) if (entry.serial === serial) socket.destroy();
    },
    serials: () => new Set([...live.values()].map((entry) => entry.serial)),
    async drain() {
      await Promise.all([...live.values()].map((entry) => entry.close()));
    },
    destroy() {
      for (const socket of live.keys()) socket.destroy();
    },
  };

  async function welcome(
    socket: TLSSocket,
    from: { readonly remote: string; readonly transport: 'tls' | 'websocket' },
  ): Promise<void> {
    socket.on('error', () => undefined);
    const client = await clientOf(socket, store);
    if (socket.destroyed) return;
    const refusal = judge(client, socket);
    const domain = client?.name ?? '';
    const session = connect(`https://${domain || 'refused.invalid'}`, {
      ...edgeSessionOptions,
      createConnection: () => createAckDuplex(socket),
    });
    session.on('error', () => undefined);
    session.once('close', () => socket.destroy());
    if (refusal || !client) {
      log({ event: 'connector_refused', ...from, reason: refusal ?? 'certificate_unknown' });
      // The connector learns why from the debug data; TLS 1.3 has no later moment at which to say it.
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(refusal ?? 'certificate_unknown'));
      session.close();
      clock.schedule(1_000, () => session.destroy());
      return;
    }
    const { serial } = client;
    live.set(socket, {
      serial,
      close: () =>
        new Promise((resolve) => {
          if (session.destroyed) resolve();
          else {
            session.once('close', resolve);
            session.close();
          }
        }),
    });
    const startedAt = clock.monotonic();
    socket.once('close', () => {
      live.delete(socket);
      session.destroy();
      log({ event: 'connector_down', domain, serial, ...from, ms: Math.round(clock.monotonic() - startedAt) });
    });
    session.once('remoteSettings', () => {
      session.setLocalWindowSize(sessionWindow);
      tunnels.add({
        session,
        domain,
        serial,
        installation: installationOf(client),
        ...from,
        since: timestamp(clock),
      });
      watchLiveness(session, {
        clock,
        ...(deps.pingIntervalMs ? { intervalMs: deps.pingIntervalMs } : {}),
        ...(deps.pingTimeoutMs ? { timeoutMs: deps.pingTimeoutMs } : {}),
        onDead: () => socket.destroy(),
      });
      log({ event: 'connector_up', domain, serial, ...from });
    });
    // Revoked while we looked it up or shook hands: the record decides, not the moment.
    if ((await store.client(serial))?.revokedAt) socket.destroy();
  }

  function judge(client: ClientRecord | undefined, socket: TLSSocket): Refusal | undefined {
    if (String(socket.authorizationError) === 'CERT_HAS_EXPIRED') return 'certificate_expired';
    if (client?.kind !== 'connector') return 'certificate_unknown';
    if (client.revokedAt) return 'certificate_revoked';
    if (Date.parse(client.notAfter) <= clock.now()) return 'certificate_expired';
    const open = [...live.values()].filter((entry) => entry.serial === client.serial).length;
    if (open >= maxConnectionsPerDomain || tunnels.count(client.name) >= maxConnectionsPerDomain) {
      return 'too_many_connections';
    }
    return undefined;
  }
}

/**
 * A TLS 1.3 server that asks for a certificate of the edge's CA and keeps no session: each handshake shows the certificate
 * anew, so that a revoked one ends at once (`security.md` S5).
 */
export function mutualTlsServer(identity: ServerIdentity, alpn: string): Server {
  const context = contextOf(identity);
  const server = createServer({
    // One context for all: each connection would keep its own copy of certificates and trust, some 60 KiB.
    SNICallback: (_name, done) => done(null, context),
    requestCert: true,
    // Node would hang up without a word; the doors refuse by `clientOf`, and say why.
    rejectUnauthorized: false,
    ALPNProtocols: [alpn],
    minVersion: 'TLSv1.3',
    secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
    handshakeTimeout: handshakeMs,
  });
  server.on('error', () => undefined);
  return server;
}

const contexts = new WeakMap<ServerIdentity, { readonly of: string; readonly context: SecureContext }>();

/** The identity's certificate, key and trust, made ready once until they change. */
function contextOf(identity: ServerIdentity): SecureContext {
  const of = identity.certificate + identity.ca;
  const known = contexts.get(identity);
  if (known?.of === of) return known.context;
  const context = createSecureContext({
    cert: identity.certificate,
    key: identity.key,
    ca: identity.ca,
    minVersion: 'TLSv1.3',
    secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
  });
  contexts.set(identity, { of, context });
  return context;
}

/**
 * The record of the certificate that the peer showed. Undefined, which every caller must refuse, for none, for one that
 * the edge's CA did not sign or that has ended, for one the edge has no record of, and for a resumed session.
 */
export async function clientOf(socket: TLSSocket, store: EdgeStore): Promise<ClientRecord | undefined> {
  const serial = socket.getPeerX509Certificate()?.serialNumber.toLowerCase();
  if (!socket.authorized || socket.isSessionReused() || !serial) return undefined;
  return store.client(serial);
}
