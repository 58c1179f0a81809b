import { randomBytes } from 'node:crypto';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, rootCertificates, type TLSSocket } from 'node:tls';
import { type Clock, timestamp } from '../../../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import { createAckDuplex } from '../../../edge/ack-duplex.ts';
import { connectorSessionOptions } from '../../../edge/http2-limits.ts';
import { watchLiveness } from '../../../edge/liveness.ts';
import { sessionWindow } from '../../../edge/protocol.ts';
import { createBackOff } from '../../back-off.ts';
import type { Connector, ConnectorStatus, EdgeConnection, PeerInfo } from '../../connector.ts';
import { type Network, rootsWith } from '../../network.ts';
import { connectThroughProxy } from '../../proxy.ts';
import type { ConnectorToken } from '../connector-token.ts';
import { createFrameDuplex, type FrameDuplexOptions } from '../frame-duplex.ts';
import { peerOf } from '../listener.ts';
import { answerUpgrade } from '../websocket-upgrade.ts';
import type { EdgeAddress } from './edge-addresses.ts';
import { createRegistrationClient, type RegistrationClient } from './registration-client.ts';
import { responseHeadersName, responseMeta, responseMetaName, serializeHeaders } from './response-headers.ts';

/** What {@link createNativeConnector} needs. */
export interface NativeConnectorDeps {
  /** Asked for at each registration: it may have been rotated. */
  readonly token: () => ConnectorToken;
  /** Finds the edge's addresses, asked anew before attempts. */
  readonly addresses: () => Promise<readonly EdgeAddress[]>;
  /** CAs in PEM that the edge is checked against besides the system's. */
  readonly edgeCa?: string;
  /** How this machine gets to the edge; default directly. */
  readonly network?: Network;
  readonly clock: Clock;
  /** Something to log: never payload. */
  readonly onNote: (message: string) => void;
  /** Metadata of each upgrade, for the recorder. */
  readonly onUpgrade?: (headers: IncomingHttpHeaders) => FrameDuplexOptions['onFrame'];
  /** Connections held at once, default 4. */
  readonly connections?: number;
  readonly random?: () => number;
  /** Shorter times for tests, milliseconds. */
  readonly times?: { readonly dial?: number; readonly ping?: number; readonly pingTimeout?: number };
}

interface Live {
  readonly session: ServerHttp2Session;
  readonly socket: TLSSocket;
  readonly registration: RegistrationClient;
  readonly since: string;
  readonly location: string;
  rttMs?: number;
}

const upgradeHeader = 'cf-cloudflared-proxy-connection-upgrade';
const tcpHeader = 'cf-cloudflared-proxy-src';
const edgeName = 'h2.cftunnel.com';
const dialMs = 15_000;
/** What this connector says it can do; nothing that would let the tunnel's owner configure it. */
const features = ['serialized_headers'];
const version = '2026.8.2';

/**
 * Experimental: speaks the tunnel's HTTP/2 transport itself instead of running cloudflared. It knows two kinds of stream,
 * the control stream and WebSockets, so that whoever owns the tunnel can reach the inner TLS of this app and nothing else on
 * this network: streams that would dial an address, and pushed configurations, are refused and told.
 *
 * The protocol is not published; this follows `cloudflared`'s source and is tested against a stand-in only.
 */
export function createNativeConnector(deps: NativeConnectorDeps): Connector {
  const { clock, onNote } = deps;
  const clientId = randomBytes(16);
  const listeners = new Set<() => void>();
  const up = new Map<number, Live>();
  const sessions = new Set<ServerHttp2Session>();
  const wakers = new Set<() => void>();
  let handler: ((stream: Duplex, peer: PeerInfo) => void) | undefined;
  let stopping: AbortController | undefined;
  let lastError: SallyportError | undefined;
  let refusals = 0;

  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  const refuse = (stream: ServerHttp2Stream, what: string): void => {
    refusals += 1;
    onNote(`The tunnel’s owner asked for what this connector never does: ${what}. It was refused.`);
    stream.respond({ ':status': 502, [responseMetaName]: responseMeta.connector }, { endStream: true });
    changed();
  };

  const accept = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, onControl: () => void): void => {
    stream.on('error', ignore);
    const kind = headers[upgradeHeader];
    if (kind === 'control-stream') return void onControl();
    if (kind === 'update-configuration') return void refuse(stream, 'another configuration');
    if (kind !== 'websocket' && headers[tcpHeader] !== undefined) {
      const where = visibleText(String(headers[':authority'] ?? 'an address'), { max: 80 });
      return void refuse(stream, `a connection to ${where}`);
    }
    if (stopping?.signal.aborted || !handler) return void stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const answer = kind === 'websocket' ? answerUpgrade(headers) : { status: 426 as const, why: 'A WebSocket is due.' };
    if ('status' in answer) {
      const sent = { 'Content-Type': 'text/plain', 'Sec-WebSocket-Version': '13' };
      stream.respond({
        ':status': answer.status,
        [responseHeadersName]: serializeHeaders(sent),
        [responseMetaName]: responseMeta.origin,
      });
      stream.end(`${answer.why}\n`);
      return;
    }
    // HTTP/2 has no 101: the edge makes it of this 200 and the headers in the one that carries them.
    stream.respond({
      ':status': 200,
      [responseHeadersName]: serializeHeaders(answer.headers),
      [responseMetaName]: responseMeta.origin,
    });
    const onFrame = deps.onUpgrade?.(headers);
    const socket = createFrameDuplex(stream, { clock, ...(onFrame ? { onFrame } : {}) });
    socket.on('error', ignore);
    handler(socket, peerOf(headers['cf-connecting-ip'], 'native'));
  };

  /** One connection, up once the edge has registered it. */
  const open = async (index: number, attempts: number, signal: AbortSignal): Promise<Live> => {
    const addresses = await deps.addresses();
    const address = addresses[(index + attempts) % addresses.length];
    if (!address) throw new SallyportError('edge_not_found', 'tunnel', 'The tunnel edge has no address.');
    const socket = await dial(address, signal);
    const session = performServerHandshake(createAckDuplex(socket), {
      ...connectorSessionOptions,
      settings: { ...connectorSessionOptions.settings, maxHeaderListSize: 65_536 },
      maxHeaderListPairs: 256,
    });
    sessions.add(session);
    session.setLocalWindowSize(sessionWindow);
    session.on('error', ignore);
    session.once('close', () => {
      sessions.delete(session);
      socket.destroy();
    });
    let live: Live | undefined;
    const registration = await new Promise<RegistrationClient>((resolve, reject) => {
      const cancel = clock.schedule(deps.times?.dial ?? dialMs, () => {
        session.destroy();
        reject(unreachable(address, 'it opened no control stream'));
      });
      session.once('close', () => {
        cancel();
        reject(unreachable(address, 'it ended the connection'));
      });
      session.on('stream', (stream, headers) => {
        stream.on('error', () => undefined);
        // Whoever aborts at once is gone before this runs, and answering a stream that is gone throws.
        if (stream.destroyed) return;
        accept(stream, headers, () => {
          cancel();
          stream.respond({ ':status': 200 });
          resolve(createRegistrationClient(stream, clock));
        });
      });
    });
    try {
      const token = deps.token();
      const answer = await registration.register({
        accountTag: token.accountTag,
        secret: token.secret,
        tunnelId: Buffer.from(token.tunnelId.replaceAll('-', ''), 'hex'),
        connIndex: index,
        clientId,
        features,
        version,
        arch: `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`,
        previousAttempts: attempts,
      });
      if (!answer.ok) throw refused(answer.cause);
      live = {
        session,
        socket,
        registration,
        since: timestamp(clock),
        location: visibleText(answer.location, { max: 40 }) || `${address.host}:${address.port}`,
      };
    } catch (error) {
      session.destroy();
      throw error;
    }
    const current = live;
    watchLiveness(session, {
      clock,
      ...(deps.times?.ping ? { intervalMs: deps.times.ping } : {}),
      ...(deps.times?.pingTimeout ? { timeoutMs: deps.times.pingTimeout } : {}),
      onRoundTrip: (milliseconds) => {
        current.rttMs = Math.round(milliseconds * 100) / 100;
      },
      onDead: () => {
        session.destroy();
        socket.destroy();
      },
    });
    return live;
  };

  const dial = async (address: EdgeAddress, signal: AbortSignal): Promise<TLSSocket> =>
    await secure(address, await throughProxy(address, signal), signal);

  /** The connection to the edge where a proxy makes it. */
  const throughProxy = async (address: EdgeAddress, signal: AbortSignal): Promise<Socket | undefined> => {
    const proxy = deps.network?.proxyFor(address);
    if (!proxy) return undefined;
    const opened: { destroy(): void }[] = [];
    const giveUp = (): void => {
      for (const one of opened) one.destroy();
    };
    const cancel = clock.schedule(deps.times?.dial ?? dialMs, giveUp);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await connectThroughProxy(proxy, address, {
        ca: rootsWith(deps.network?.extraCa),
        onSocket: (one) => opened.push(one),
      });
    } finally {
      cancel();
      signal.removeEventListener('abort', giveUp);
    }
  };

  const secure = (address: EdgeAddress, through: Socket | undefined, signal: AbortSignal): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({
        ...(through ? { socket: through } : { host: address.host, port: address.port }),
        servername: edgeName,
        minVersion: 'TLSv1.2',
        // Given CAs take the place of the system's in Node: both are wanted.
        ...(deps.edgeCa === undefined ? {} : { ca: [...rootCertificates, deps.edgeCa] }),
      });
      const abort = (): void => void socket.destroy(new Error('stopped'));
      const cancel = clock.schedule(deps.times?.dial ?? dialMs, () => socket.destroy(new Error('no answer')));
      signal.addEventListener('abort', abort, { once: true });
      const settled = (): void => {
        cancel();
        signal.removeEventListener('abort', abort);
      };
      socket.on('error', ignore);
      socket.once('error', (error: NodeJS.ErrnoException) => {
        settled();
        reject(explainDial(address, error));
      });
      socket.once('secureConnect', () => {
        settled();
        socket.setNoDelay(true);
        resolve(socket);
      });
    });

  /** Keeps one connection up until told to stop. */
  const hold = async (index: number, signal: AbortSignal): Promise<void> => {
    const backOff = createBackOff(clock, deps.random ?? Math.random);
    let attempts = 0;
    while (!signal.aborted) {
      let hopeless = false;
      try {
        const live = await open(index, attempts, signal);
        attempts = 0;
        up.set(index, live);
        lastError = undefined;
        backOff.worked(true);
        changed();
        await new Promise<void>((resolve) => {
          live.session.once('goaway', resolve);
          live.session.once('close', resolve);
          if (live.session.destroyed || live.session.closed) resolve();
        });
        up.delete(index);
        backOff.worked(false);
        changed();
      } catch (error) {
        if (signal.aborted) return;
        lastError = asSallyportError(error, 'edge');
        hopeless = lastError.code === 'tunnel_token_refused';
        attempts += 1;
        changed();
      }
      if (signal.aborted) return;
      await pause(backOff.next(hopeless));
    }
  };

  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        wakers.delete(wake);
        resolve();
      };
      const cancel = clock.schedule(milliseconds, wake);
      wakers.add(wake);
    });

  return {
    start(onConnection) {
      if (stopping) return;
      handler = onConnection;
      stopping = new AbortController();
      const { signal } = stopping;
      for (let index = 0; index < (deps.connections ?? 4); index += 1) {
        hold(index, signal).catch((error: unknown) => {
          lastError = asSallyportError(error, 'tunnel');
          changed();
        });
      }
      changed();
    },
    status(): ConnectorStatus {
      if (!stopping) return { state: 'off', connections: [] };
      const connections = [...up.values()].map(
        ({ location, since, rttMs }): EdgeConnection => ({
          edge: location,
          transport: 'http2',
          since,
          ...(rttMs === undefined ? {} : { rttMs }),
        }),
      );
      const remarks = refusals > 0 ? [`The tunnel’s owner asked ${refusals} times for what was refused.`] : [];
      if (connections.length > 0) return { state: 'connected', connections, remarks };
      if (!lastError) return { state: 'connecting', connections, remarks };
      return { state: 'trouble', connections, error: lastError.toShape(), remarks };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    retryNow() {
      for (const wake of [...wakers]) wake();
      // After sleep a connection may be dead without knowing: one that does not answer soon is dialled anew.
      for (const { session, socket } of up.values()) {
        const cancel = clock.schedule(deps.times?.pingTimeout ?? 3_000, () => socket.destroy());
        session.once('close', cancel);
        session.ping((error) => {
          if (!error) cancel();
        });
      }
    },
    async stop(graceMs = 5_000) {
      if (!stopping) return;
      stopping.abort();
      for (const wake of [...wakers]) wake();
      const deadline = Promise.withResolvers<void>();
      const cancel = clock.schedule(graceMs, deadline.resolve);
      const drained = [...up.values()].map(async ({ session, registration }) => {
        await registration.unregister();
        if (session.destroyed) return;
        await new Promise<void>((resolve) => {
          session.once('close', resolve);
          session.close();
        });
      });
      await Promise.race([Promise.all(drained), deadline.promise]);
      cancel();
      for (const session of sessions) session.destroy();
      for (const { socket } of up.values()) socket.destroy();
      sessions.clear();
      up.clear();
      stopping = undefined;
      lastError = undefined;
      changed();
    },
  };
}

function unreachable(address: EdgeAddress, why: string): SallyportError {
  return new SallyportError(
    'edge_unreachable',
    'edge',
    `The tunnel edge at ${address.host}:${address.port} cannot be used: ${why}.`,
    { hint: 'It is tried again by itself, at another address.' },
  );
}

function explainDial(address: EdgeAddress, error: NodeJS.ErrnoException): SallyportError {
  if (/CERT|ISSUER|SIGNATURE|ALTNAME|SELF_SIGNED/.test(error.code ?? '')) {
    return new SallyportError(
      'edge_untrusted',
      'edge',
      `What answers at ${address.host}:${address.port} does not prove to be the tunnel edge (${error.code}).`,
      {
        hint: 'Something on the way opens TLS, or its authority is not known here: give that authority with --edge-ca.',
      },
    );
  }
  return new SallyportError(
    'tunnel_port_blocked',
    'tunnel',
    `The tunnel edge at ${address.host}:${address.port} does not answer (${error.code ?? error.message}).`,
    { hint: `This network may block outgoing TCP connections to port ${address.port}; ask for it to be opened.` },
  );
}

function refused(cause: string): SallyportError {
  const words = visibleText(cause, { max: 200 });
  if (/unauthorized/i.test(cause)) {
    return new SallyportError('tunnel_token_refused', 'edge', `The tunnel edge refuses the token (${words}).`, {
      hint: 'It was rotated or the tunnel archived: copy the new token and run `sallyport tunnel use anthropic`.',
    });
  }
  return new SallyportError('edge_registration_failed', 'edge', `The tunnel edge did not register: ${words}.`, {
    hint: 'It is tried again by itself.',
  });
}

function ignore(): void {}
