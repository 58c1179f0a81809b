import { randomUUID } from 'node:crypto';
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import { createAckDuplex } from '../edge/ack-duplex.ts';
import { connectorSessionOptions } from '../edge/http2-limits.ts';
import { watchLiveness } from '../edge/liveness.ts';
import { connectorAlpn, doorHeader, peerHeader, sessionWindow } from '../edge/protocol.ts';
import { createBackOff } from './back-off.ts';
import type { Connector, ConnectorStatus, EdgeConnection, PeerInfo } from './connector.ts';
import type { ClientCertificate } from './connector-identity.ts';
import { dialEdge, type EdgeAddress, type Transport } from './edge-dialer.ts';
import type { HttpProxy } from './proxy.ts';

/** What a connector to one edge is made of: what {@link joinEdge} returned, and how to behave. */
export interface EdgeConnectorDeps {
  readonly address: EdgeAddress;
  /** The tunnel's domain, as the edge gave it. */
  readonly domain: string;
  /** The client certificate and its key, asked for at each attempt. */
  readonly identity: () => ClientCertificate;
  /** The edge's CA, PEM, during a change of it two; each key must be a pinned one. Read at each attempt, as the address is. */
  readonly ca: string;
  readonly clock: Clock;
  /** Evenly distributed from 0 to below 1, for the jitter. Default `Math.random`. */
  readonly random?: () => number;
  /** Connections held at once, default 2. */
  readonly connections?: number;
  /** Ways that may be tried, in order of preference. Default TLS, then WebSocket. */
  readonly transports?: readonly Transport[];
  /** CAs in PEM for the outer TLS of the WebSocket, besides the system's. */
  readonly carrierCa?: string;
  /** HTTP proxy to the edge, asked for at each attempt. */
  readonly proxy?: () => HttpProxy | undefined;
  /** How the edge is called in status and peers. Default `host:port`. */
  readonly label?: string;
  /** Shorter times for tests, in milliseconds. */
  readonly times?: {
    readonly dial?: number;
    readonly ping?: number;
    readonly pingTimeout?: number;
    /** While on a WebSocket, how often raw TLS is tried again; default 5 min. */
    readonly rawAgain?: number;
  };
}

/** An edge's connector: besides what every way in does, it can move over to a renewed certificate. */
export interface EdgeConnector extends Connector {
  /** Replaces each connection by a new one, made before the old one drains: nothing is cut. */
  renewConnections(): Promise<void>;
}

/** Time for one attempt, in milliseconds. */
const dialMs = 10_000;
const rawAgainMs = 5 * 60_000;
const defaultTransports: readonly Transport[] = ['tls', 'websocket'];

interface Live {
  readonly session: ServerHttp2Session;
  readonly socket: TLSSocket;
  readonly transport: Transport;
  readonly since: string;
  rttMs?: number;
  /** Asks at once whether the edge is still there. */
  ask?: () => void;
  /** Opens a successor and, once it is up, drains this one. */
  replace?: () => Promise<void>;
}

/**
 * Dials out to an edge and keeps `connections` connections up: mutual TLS with ALPN `sallyport/1` and HTTP/2 inside, this side
 * being the HTTP/2 server; where only WebSockets get through, the same TLS inside one (`docs/protocol.md`).
 */
export function createEdgeConnector(deps: EdgeConnectorDeps): EdgeConnector {
  const { clock, address } = deps;
  const label = deps.label ?? `${address.host}:${address.port}`;
  const transports = deps.transports ?? defaultTransports;
  const listeners = new Set<() => void>();
  const up = new Set<Live>();
  const sessions = new Set<Live>();
  const wakers = new Set<() => void>();
  let handler: ((stream: Duplex, peer: PeerInfo) => void) | undefined;
  let stopping: AbortController | undefined;
  let lastError: SallyportError | undefined;
  /** Until when (monotonic) the WebSocket is tried first, because raw TLS did not get through. */
  let webSocketUntil = Number.NEGATIVE_INFINITY;

  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  return {
    start(onConnection) {
      if (stopping) return;
      handler = onConnection;
      stopping = new AbortController();
      const { signal } = stopping;
      for (let slot = 0; slot < (deps.connections ?? 2); slot += 1) {
        hold(signal).catch((error: unknown) => {
          lastError = asSallyportError(error, 'tunnel');
          changed();
        });
      }
      changed();
    },
    status(): ConnectorStatus {
      if (!stopping) return { state: 'off', connections: [] };
      const connections = [...up].map(
        ({ transport, since, rttMs }): EdgeConnection => ({
          edge: label,
          transport,
          since,
          ...(rttMs === undefined ? {} : { rttMs }),
        }),
      );
      if (connections.length > 0) return { state: 'connected', connections };
      return lastError
        ? { state: 'trouble', connections, error: lastError.toShape() }
        : { state: 'connecting', connections };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    retryNow() {
      webSocketUntil = Number.NEGATIVE_INFINITY;
      for (const wake of [...wakers]) wake();
      for (const live of up) live.ask?.();
    },
    async renewConnections() {
      for (const live of [...up]) await live.replace?.().catch(() => undefined);
    },
    async stop(graceMs = 5_000) {
      if (!stopping) return;
      stopping.abort();
      for (const wake of [...wakers]) wake();
      const leaving = [...sessions];
      let cancel: () => void = () => undefined;
      const deadline = new Promise<void>((resolve) => {
        cancel = clock.schedule(graceMs, resolve);
      });
      const drained = leaving.map(
        ({ session }) =>
          new Promise<void>((resolve) => {
            if (session.destroyed) resolve();
            else {
              session.once('close', resolve);
              session.close();
            }
          }),
      );
      await Promise.race([Promise.all(drained), deadline]);
      cancel();
      for (const live of sessions) live.socket.destroy();
      sessions.clear();
      up.clear();
      stopping = undefined;
      lastError = undefined;
      changed();
    },
  };

  /** Keeps one connection up until told to stop. */
  async function hold(signal: AbortSignal): Promise<void> {
    const backOff = createBackOff(clock, deps.random ?? Math.random);
    let hopeless = false;
    while (!signal.aborted) {
      try {
        const live = await establish(signal);
        hopeless = false;
        lastError = undefined;
        backOff.worked(true);
        changed();
        await leftAlone(live, signal);
        backOff.worked(false);
      } catch (error) {
        if (signal.aborted) return;
        lastError = asSallyportError(error, 'edge');
        hopeless = lastError.code === 'edge_refused';
        changed();
      }
      if (signal.aborted) return;
      await pause(backOff.next(hopeless));
    }
  }

  /** Waits until a connection takes no new streams any more; meanwhile, on a WebSocket, tries raw TLS again. */
  function leftAlone(live: Live, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let replaced = false;
      let cancel: () => void = () => undefined;
      const gone = (): void => {
        cancel();
        wakers.delete(retryRaw);
        resolve();
      };
      const arm = (): void => {
        cancel = clock.schedule(deps.times?.rawAgain ?? rawAgainMs, retryRaw);
      };
      const replaceWith = (next: Live): void => {
        // The new one is up: the old one drains and this slot holds the new one.
        replaced = true;
        cancel();
        up.delete(live);
        live.session.close();
        changed();
        leftAlone(next, signal).then(gone, gone);
      };
      const retryRaw = (): void => {
        cancel();
        if (live.transport !== 'websocket' || !transports.includes('tls') || signal.aborted || replaced) return;
        open('tls', signal).then((raw) => {
          webSocketUntil = Number.NEGATIVE_INFINITY;
          replaceWith(raw);
        }, arm);
      };
      live.replace = async () => {
        if (!replaced && !signal.aborted) replaceWith(await establish(signal));
      };
      const ended = (): void => {
        up.delete(live);
        changed();
        // Of one that was replaced, the successor's end is what counts.
        if (!replaced) gone();
      };
      live.session.once('goaway', ended);
      live.session.once('close', ended);
      if (live.transport === 'websocket') {
        arm();
        wakers.add(retryRaw);
      }
      if (live.session.destroyed || live.session.closed) ended();
    });
  }

  /** Tries the ways in turn. The WebSocket comes second, unless raw TLS was found blocked a while ago. */
  async function establish(signal: AbortSignal): Promise<Live> {
    const order = clock.monotonic() < webSocketUntil ? [...transports].reverse() : transports;
    let first: SallyportError | undefined;
    for (const transport of order) {
      try {
        const live = await open(transport, signal);
        if (transport === 'websocket' && first) {
          webSocketUntil = clock.monotonic() + (deps.times?.rawAgain ?? rawAgainMs);
        }
        return live;
      } catch (error) {
        const failure = asSallyportError(error, 'edge');
        first = first === undefined || failure.code === 'edge_untrusted' ? failure : first;
        // Only what stands between could be got round another way; nobody there, or a plain no, could not.
        if (failure.code !== 'edge_blocked' && failure.code !== 'edge_untrusted') break;
      }
    }
    throw first ?? new SallyportError('edge_unreachable', 'edge', `The edge ${label} cannot be reached.`);
  }

  /** One connection, up once the edge has answered a first PING. */
  async function open(transport: Transport, signal: AbortSignal): Promise<Live> {
    const proxy = deps.proxy?.();
    const socket = await dialEdge({
      address: deps.address,
      transport,
      alpn: connectorAlpn,
      ca: deps.ca,
      client: deps.identity(),
      ...(deps.carrierCa ? { carrierCa: deps.carrierCa } : {}),
      ...(proxy ? { proxy } : {}),
      timeoutMs: deps.times?.dial ?? dialMs,
      signal,
    });
    socket.on('error', () => undefined);
    if (signal.aborted) {
      socket.destroy();
      throw new SallyportError('edge_unreachable', 'edge', 'The connector was stopped.');
    }
    const session = performServerHandshake(createAckDuplex(socket), connectorSessionOptions);
    const live: Live = { session, socket, transport, since: timestamp(clock) };
    sessions.add(live);
    session.setLocalWindowSize(sessionWindow);
    session.on('stream', (stream, headers) => accept(stream, headers, transport, signal));
    return new Promise((resolve, reject) => {
      let refusal: string | undefined;
      let socketError: string | undefined;
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socketError = error.code ?? error.message;
      });
      session.on('error', () => undefined);
      session.once('goaway', (code: number, _last: number, data?: Buffer) => {
        if (code !== constants.NGHTTP2_NO_ERROR)
          refusal = data?.toString('latin1').replace(/[^a-z_]/g, '') || `${code}`;
      });
      session.once('close', () => {
        sessions.delete(live);
        up.delete(live);
        socket.destroy();
        reject(refused(refusal ?? socketError));
      });
      live.ask = watchLiveness(session, {
        clock,
        ...(deps.times?.ping ? { intervalMs: deps.times.ping } : {}),
        ...(deps.times?.pingTimeout ? { timeoutMs: deps.times.pingTimeout } : {}),
        onRoundTrip: (milliseconds) => {
          live.rttMs = Math.round(milliseconds * 100) / 100;
          if (!signal.aborted && !up.has(live) && !session.closed) {
            up.add(live);
            resolve(live);
          }
        },
        onDead: () => {
          socketError ??= 'no answer to a PING';
          socket.destroy();
        },
      });
    });
  }

  function accept(
    stream: ServerHttp2Stream,
    headers: { readonly [name: string]: unknown },
    transport: Transport,
    signal: AbortSignal,
  ): void {
    stream.on('error', () => undefined);
    // Whoever aborts at once is gone before this runs, and answering a stream that is gone throws: that would end the app.
    if (stream.destroyed || stream.closed) return;
    if (signal.aborted || !handler) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const asked = String(headers[':authority'] ?? '')
      .toLowerCase()
      .replace(/:[0-9]+$/, '');
    if (headers[':method'] !== 'CONNECT' || asked !== deps.domain) {
      stream.respond({ ':status': headers[':method'] === 'CONNECT' ? 421 : 405 }, { endStream: true });
      return;
    }
    const remote = String(headers[peerHeader] ?? '');
    stream.respond({ ':status': 200 });
    handler(stream, {
      id: randomUUID(),
      ...(isIP(remote) ? { remoteAddress: remote } : {}),
      edge: label,
      transport,
      door: headers[doorHeader] === 'agent' ? 'agent' : 'sni',
    });
  }

  /** The wait between attempts, cut short by {@link Connector.retryNow} and by stop. */
  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        wakers.delete(wake);
        resolve();
      };
      const cancel = clock.schedule(milliseconds, wake);
      wakers.add(wake);
    });
  }

  function refused(reason: string | undefined): SallyportError {
    const [code, message, hint] = explainRefusal(reason);
    return new SallyportError(code, 'edge', message.replace('EDGE', label), { hint });
  }
}

/** What a connection that ended before it was up means: a GOAWAY with a reason, a TLS alert, or just an end. */
function explainRefusal(reason: string | undefined): [code: string, message: string, hint: string] {
  if (reason === 'certificate_revoked') {
    return [
      'edge_refused',
      'The edge EDGE has revoked this machine’s certificate.',
      'Ask for a new join line, then join again.',
    ];
  }
  if (reason === 'too_many_connections') {
    return [
      'edge_refused',
      'The edge EDGE has too many connections for this tunnel.',
      'Stop another Sallyport that uses it.',
    ];
  }
  if (reason === 'certificate_expired') {
    return [
      'edge_refused',
      'This machine’s certificate for the edge EDGE has ended.',
      'Check the clock of both machines; if it is right, join the edge again.',
    ];
  }
  if (reason === 'certificate_unknown' || /ALERT/.test(reason ?? '')) {
    return [
      'edge_refused',
      'The edge EDGE does not accept this machine’s certificate.',
      'The edge may have been set up anew: join it again.',
    ];
  }
  return [
    'edge_unreachable',
    `The edge EDGE ended the connection before it was up${reason ? ` (${reason})` : ''}.`,
    'It is tried again by itself.',
  ];
}
