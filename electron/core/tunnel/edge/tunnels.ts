import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { isIPv6 } from 'node:net';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import { doorHeader, maxStreams, peerHeader } from './protocol.ts';

/** One connector connection that is up. */
export interface TunnelConnection {
  readonly session: ClientHttp2Session;
  readonly domain: string;
  /** Serial number of the connector's certificate. */
  readonly serial: string;
  /** The installation that it belongs to, the same over renewals of its certificate. */
  readonly installation: string;
  readonly remote: string;
  readonly transport: 'tls' | 'websocket';
  /** RFC 3339 UTC. */
  readonly since: string;
}

/** A public connection that wants through. */
export interface OpenRequest {
  readonly domain: string;
  /** Public port of the edge, for the CONNECT authority. */
  readonly port: number;
  readonly remote: string;
  readonly door: 'sni' | 'agent';
  /** Bytes that the public side sent already; they leave together with the request. */
  readonly first?: Buffer;
  /** Aborted when the public side goes away. */
  readonly signal: AbortSignal;
}

/** Time for the connector to answer a CONNECT, in milliseconds. */
const answerMs = 10_000;

/** The connector connections of all tunnels, and the way through them. */
export interface Tunnels {
  add(connection: TunnelConnection): void;
  /** Whether a connection for that domain is up and takes new streams. */
  isUp(domain: string): boolean;
  connections(): readonly TunnelConnection[];
  /** Connections that count for a domain, draining ones included. */
  count(domain: string): number;
  /**
   * Opens a stream for one public connection, on the connections of the domain in turn. Where a connection refuses
   * because it is going (GOAWAY, REFUSED_STREAM: by RFC 9113 §8.7 nothing was processed), the next one is tried.
   * @throws SallyportError at hop `tunnel`: `tunnel_down`, `tunnel_refused`, `tunnel_no_answer`
   */
  open(request: OpenRequest): Promise<ClientHttp2Stream>;
}

/** See {@link Tunnels}. */
export function createTunnels(clock: Clock): Tunnels {
  /** By domain, then in the order in which they came. */
  const byDomain = new Map<string, TunnelConnection[]>();
  /** By domain, the installation that serves it until it has no connection left; then the oldest connection's does. */
  const active = new Map<string, string>();
  const going = new WeakSet<ClientHttp2Session>();
  const open = new WeakMap<ClientHttp2Session, number>();
  let turn = 0;

  /** Connections that take a new stream, of the active installation alone: stand-bys wait until it has none left. */
  function candidates(domain: string): TunnelConnection[] {
    const usable = (byDomain.get(domain) ?? []).filter(
      ({ session }) => !session.closed && !session.destroyed && !going.has(session),
    );
    const before = active.get(domain);
    const chosen = usable.some((one) => one.installation === before) ? before : usable[0]?.installation;
    if (chosen === undefined) active.delete(domain);
    else active.set(domain, chosen);
    const mine = usable.filter((connection) => connection.installation === chosen);
    if (mine.length > 1) mine.push(...mine.splice(0, turn++ % mine.length));
    return mine;
  }

  return {
    add(connection) {
      const { domain, session } = connection;
      byDomain.set(domain, [...(byDomain.get(domain) ?? []), connection]);
      // Settles who is active now, not only when the first agent comes.
      candidates(domain);
      session.once('goaway', () => going.add(session));
      session.once('close', () => {
        const rest = (byDomain.get(domain) ?? []).filter((other) => other !== connection);
        if (rest.length > 0) byDomain.set(domain, rest);
        else byDomain.delete(domain);
      });
    },
    isUp: (domain) => candidates(domain).length > 0,
    connections: () => [...byDomain.values()].flat(),
    count: (domain) => byDomain.get(domain)?.length ?? 0,
    async open(request) {
      let full = false;
      for (const { session } of candidates(request.domain)) {
        const limit = Math.min(session.remoteSettings.maxConcurrentStreams ?? maxStreams, maxStreams);
        if ((open.get(session) ?? 0) >= limit) {
          full = true;
          continue;
        }
        const outcome = await attempt(session, request);
        if (outcome !== 'next') return outcome;
      }
      throw full
        ? new SallyportError('tunnel_refused', 'tunnel', `The tunnel ${request.domain} has no stream free.`)
        : new SallyportError('tunnel_down', 'tunnel', `The tunnel ${request.domain} has no connection to its machine.`);
    },
  };

  function attempt(session: ClientHttp2Session, request: OpenRequest): Promise<ClientHttp2Stream | 'next'> {
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(
        {
          ':method': 'CONNECT',
          ':authority': `${isIPv6(request.domain) ? `[${request.domain}]` : request.domain}:${request.port}`,
          [peerHeader]: request.remote,
          [doorHeader]: request.door,
        },
        { endStream: false },
      );
    } catch {
      // A session that just began to close throws; nothing left this process.
      return Promise.resolve('next');
    }
    open.set(session, (open.get(session) ?? 0) + 1);
    stream.once('close', () => open.set(session, (open.get(session) ?? 1) - 1));
    return new Promise((resolve, reject) => {
      let lastError: NodeJS.ErrnoException | undefined;
      const done = (): void => {
        cancel();
        request.signal.removeEventListener('abort', aborted);
        stream.off('close', closed);
        stream.off('response', answered);
      };
      const fail = (code: string, message: string): void => {
        done();
        stream.close(constants.NGHTTP2_CANCEL);
        reject(new SallyportError(code, 'tunnel', message));
      };
      const aborted = (): void => fail('tunnel_refused', 'The public side went away first.');
      const closed = (): void => {
        done();
        const safe =
          stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || lastError?.code === 'ERR_HTTP2_GOAWAY_SESSION';
        if (safe) resolve('next');
        else reject(new SallyportError('tunnel_refused', 'tunnel', 'The connection to the machine broke off.'));
      };
      const answered = (headers: { ':status'?: number }): void => {
        if (headers[':status'] !== 200) {
          fail('tunnel_refused', `The connector answered ${headers[':status'] ?? 'nothing'}.`);
          return;
        }
        done();
        resolve(stream);
      };
      const cancel = clock.schedule(answerMs, () => fail('tunnel_no_answer', 'The connector did not answer in time.'));
      request.signal.addEventListener('abort', aborted);
      // Stays for good: a stream without it would end the process on a late reset.
      stream.on('error', (error) => {
        lastError = error;
      });
      stream.on('close', closed);
      stream.on('response', answered);
      if (request.first && request.first.length > 0) stream.write(request.first);
      if (request.signal.aborted) aborted();
    });
  }
}
