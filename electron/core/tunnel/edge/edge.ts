import type { ClientHttp2Stream } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { Authority } from '../pki/authority.ts';
import { type AdmissionLimits, createMeter, defaultLimits, sourceOf } from './admission.ts';
import { createAgentDoor, parseAllowList } from './agent-door.ts';
import { ClientHelloError, helloTimeoutMs, peekClientHello } from './client-hello.ts';
import { createConnectorDoor } from './connector-door.ts';
import { type EdgeAuthorities, isTrusted } from './edge-authorities.ts';
import type { EdgeLog } from './edge-log.ts';
import type { ClientRecord, EdgeStore } from './edge-store.ts';
import { createEnrolment, type Enrolment } from './enrolment.ts';
import { createHttpsDoor } from './https-door.ts';
import { agentLabel, connectorAlpn, edgeAlias } from './protocol.ts';
import { type Observe, relay } from './relay.ts';
import { createServerIdentity } from './server-identity.ts';
import { type AlertName, refuseWithAlert } from './tls-alert.ts';
import { createTunnels, type TunnelConnection } from './tunnels.ts';

/** What of an edge's configuration changes while it runs. */
export interface EdgeRules {
  readonly limits?: AdmissionLimits;
  /** Addresses and CIDR ranges that may use the agent door; default nobody. */
  readonly agentsAllowed?: readonly string[];
  /** PEM chain and key for the edge's own HTTPS where another than the edge's CA signed it. */
  readonly publicCertificate?: { readonly certificate: string; readonly key: string };
  /** Authorities during a change; default `authority` alone. */
  readonly authorities?: EdgeAuthorities;
}

/** What an edge is made of. */
export interface EdgeDeps extends EdgeRules {
  /** The edge's DNS name. It answers to `edge.localhost` as well. */
  readonly name: string;
  /** Signs the edge's own certificate and those of connectors and agents. Not the CA of any tunnel. */
  readonly authority: Authority;
  readonly store: EdgeStore;
  readonly clock: Clock;
  readonly log?: EdgeLog;
  /** Sees what passes: ciphertext. Nothing in the configuration or on the command line sets it. */
  readonly observe?: Observe;
  /** For tests: shorter times, in milliseconds. */
  readonly times?: { readonly hello?: number; readonly ping?: number; readonly pingTimeout?: number };
}

/** How an edge stands. */
export interface EdgeStatus {
  readonly port: number;
  readonly tunnels: readonly {
    readonly domain: string;
    readonly connections: readonly Omit<TunnelConnection, 'session'>[];
  }[];
  /** Public connections open now. */
  readonly open: number;
}

/** A tunnel edge: one TCP port that sees names and ciphertext (`design.md` §2, `docs/protocol.md`). */
export interface Edge {
  /**
   * Binds the port on each host. The first must work; others are left out where the address does not exist.
   * @returns the port bound @throws SallyportError `port_in_use`, `listen_failed` at hop `edge`
   */
  listen(options: { readonly hosts: readonly string[]; readonly port: number }): Promise<number>;
  readonly enrolment: Enrolment;
  status(): EdgeStatus;
  /** Marks a certificate revoked and cuts its open connections. @returns its record, or undefined if there is none */
  revoke(serial: string): Promise<ClientRecord | undefined>;
  /**
   * Takes other rules, from the next connection on; agents whose address is no longer listed are cut.
   * @throws SallyportError `bad_allow_list`, `bad_certificate` at hop `edge`; the rules before then stay
   */
  reload(rules: EdgeRules): Promise<void>;
  /** Stops listening, drains for up to `graceMs` (default 5 000), then ends everything. */
  close(graceMs?: number): Promise<void>;
}

/** Milliseconds between looks at the store for what another process changed there. */
const storePollMs = 1_000;

/** Builds an edge; it listens when told to. */
export async function createEdge(deps: EdgeDeps): Promise<Edge> {
  const { clock, store } = deps;
  const log = deps.log ?? (() => undefined);
  let rules: EdgeRules = deps;
  let allowList = parseAllowList(deps.agentsAllowed ?? []);
  const limits = (): AdmissionLimits => rules.limits ?? defaultLimits;
  const name = deps.name.toLowerCase();
  const report = (error: unknown): void =>
    log({ event: 'error', reason: error instanceof Error ? error.message : String(error) });
  if (deps.publicCertificate) checkCertificate(deps.publicCertificate);
  const authorities = (): EdgeAuthorities => rules.authorities ?? { active: deps.authority };
  const { identity, renew, stop: stopRenewal } = await createServerIdentity(authorities, name, clock, report);
  const enrolment = createEnrolment({
    store,
    authorities,
    clock,
    edgeName: name,
    onEnrolled: (domain) => domains.add(domain),
  });
  const tunnels = createTunnels(clock);
  const perSource = createMeter(() => limits().source, clock);
  const perTunnel = createMeter(() => limits().tunnel, clock);
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  let domains = await readDomains();
  let boundPort = 0;
  let open = 0;
  let closing = false;

  const connectorDoor = createConnectorDoor({
    identity,
    store,
    tunnels,
    clock,
    log,
    ...(deps.times?.ping ? { pingIntervalMs: deps.times.ping } : {}),
    ...(deps.times?.pingTimeout ? { pingTimeoutMs: deps.times.pingTimeout } : {}),
  });
  const httpsDoor = createHttpsDoor({
    identity,
    authorities,
    enrolment,
    clock,
    log,
    publicCertificate: () => rules.publicCertificate,
    store,
    onConnector: (stream, remote) => connectorDoor.accept(stream, { remote, transport: 'websocket' }),
  });
  const agentDoor = createAgentDoor({
    identity,
    store,
    clock,
    log,
    allow: () => allowList,
    open: (domain, remote, signal) => openTunnel(domain, remote, 'agent', signal),
    carry,
  });

  let revision = await store.revision();
  let pollsLeft = 10;
  let cancelPoll = clock.schedule(storePollMs, poll);
  function poll(): void {
    refresh()
      .catch(report)
      .finally(() => {
        if (!closing) cancelPoll = clock.schedule(storePollMs, poll);
      });
  }
  /** Takes up what `sallyport edge revoke` and others did to the store; every tenth time even if it looks unchanged. */
  async function refresh(): Promise<void> {
    const now = await store.revision();
    pollsLeft -= 1;
    if (now === revision && pollsLeft > 0) return;
    revision = now;
    pollsLeft = 10;
    domains = await readDomains();
    for (const door of [connectorDoor, agentDoor]) {
      for (const serial of door.serials()) {
        const client = await store.client(serial);
        const ended = !client || client.revokedAt || Date.parse(client.notAfter) <= clock.now();
        if (ended || !isTrusted(client, authorities())) door.cut(serial);
      }
    }
  }
  async function readDomains(): Promise<Set<string>> {
    const clients = await store.clients();
    return new Set(
      clients.filter((client) => client.kind === 'connector' && !client.revokedAt).map(({ name }) => name),
    );
  }

  return {
    enrolment,
    async listen({ hosts, port }) {
      for (const [index, host] of hosts.entries()) {
        const server = createServer({
          allowHalfOpen: true,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: 60_000,
        });
        server.maxConnections = limits().total;
        server.on('connection', arrive);
        try {
          boundPort = await bind(server, host, boundPort || port);
          servers.push(server);
        } catch (error) {
          if (index === 0) throw error;
          report(error);
        }
      }
      log({ event: 'listening', reason: `port ${boundPort}` });
      return boundPort;
    },
    status() {
      const all = tunnels.connections();
      const names = [...new Set([...domains, ...all.map((connection) => connection.domain)])].sort();
      return {
        port: boundPort,
        open,
        tunnels: names.map((domain) => ({
          domain,
          connections: all.filter((one) => one.domain === domain).map(({ session: _session, ...rest }) => rest),
        })),
      };
    },
    async revoke(serial) {
      const client = await store.revoke(serial, timestamp(clock));
      domains = await readDomains();
      connectorDoor.cut(serial);
      agentDoor.cut(serial);
      return client;
    },
    async reload(next) {
      const nextList = parseAllowList(next.agentsAllowed ?? []);
      if (next.publicCertificate) checkCertificate(next.publicCertificate);
      rules = next;
      allowList = nextList;
      for (const server of servers) server.maxConnections = limits().total;
      agentDoor.cutUnlisted();
      await renew();
      // Who holds a certificate of an authority that was let go of.
      pollsLeft = 0;
      await refresh();
      log({ event: 'reloaded' });
    },
    async close(graceMs = 5_000) {
      if (closing) return;
      closing = true;
      cancelPoll();
      stopRenewal();
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      let cancel: () => void = () => undefined;
      const deadline = new Promise<void>((resolve) => {
        cancel = clock.schedule(graceMs, resolve);
      });
      await Promise.race([connectorDoor.drain(), deadline]);
      cancel();
      connectorDoor.destroy();
      agentDoor.close();
      httpsDoor.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
      log({ event: 'stopped' });
    },
  };

  function arrive(socket: Socket): void {
    const remote = socket.remoteAddress ?? 'unknown';
    socket.on('error', () => undefined);
    const release = perSource.admit(sourceOf(remote));
    if (!release || closing) {
      // Over the limit there is no time for courtesies: a flood must cost less here than there.
      release?.();
      socket.resetAndDestroy();
      log({ event: 'public_refused', remote, reason: 'source_limit' });
      return;
    }
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      release();
    });
    peekClientHello(socket, { clock, timeoutMs: deps.times?.hello ?? helloTimeoutMs })
      .then((hello) => route(socket, remote, hello.serverName, hello.alpn))
      .catch((error: unknown) => {
        const alert = error instanceof ClientHelloError ? error.alert : 'internal_error';
        refuse(socket, remote, alert, error instanceof Error ? error.message : String(error));
      });
  }

  async function route(
    socket: Socket,
    remote: string,
    asked: string | undefined,
    alpn: readonly string[],
  ): Promise<void> {
    const [only, ...others] = domains;
    const serverName = asked ?? (others.length === 0 ? only : undefined);
    if (serverName === undefined) return refuse(socket, remote, 'unrecognized_name', 'no name asked for');
    // A tunnel's own domain comes first: what goes there is not ours to read, whatever it offers.
    if (domains.has(serverName)) return passThrough(socket, remote, serverName);
    if (serverName === name || serverName === edgeAlias) {
      socket.allowHalfOpen = false;
      if (alpn.includes(connectorAlpn)) connectorDoor.accept(socket, { remote, transport: 'tls' });
      else httpsDoor.accept(socket, remote);
      return;
    }
    if (serverName === `${agentLabel}.${name}` || serverName === `${agentLabel}.${edgeAlias}`) {
      if (!agentDoor.allows(remote)) return refuse(socket, remote, 'access_denied', 'not on the allow-list');
      socket.allowHalfOpen = false;
      agentDoor.accept(socket, remote);
      return;
    }
    refuse(socket, remote, 'unrecognized_name', 'unknown name');
  }

  async function passThrough(socket: Socket, remote: string, domain: string): Promise<void> {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    socket.once('close', leave);
    // What came so far leaves with the request, so that the tunnel adds no round trip to the handshake.
    const first: Buffer | null = socket.read();
    try {
      const stream = await openTunnel(domain, remote, 'sni', gone.signal, first ?? undefined);
      socket.off('close', leave);
      carry(domain, remote, socket, stream, first ?? undefined);
    } catch (error) {
      socket.off('close', leave);
      const code = error instanceof SallyportError ? error.code : 'internal';
      refuse(socket, remote, 'internal_error', code, domain);
    }
  }

  async function openTunnel(
    domain: string,
    remote: string,
    door: 'sni' | 'agent',
    signal: AbortSignal,
    first?: Buffer,
  ): Promise<ClientHttp2Stream> {
    if (!domains.has(domain)) throw new SallyportError('unknown_tunnel', 'edge', 'There is no tunnel of this name.');
    const release = perTunnel.admit(domain);
    if (!release) {
      throw new SallyportError('too_many_connections', 'edge', `The tunnel ${domain} has too many connections.`);
    }
    try {
      const stream = await tunnels.open({ domain, port: boundPort, remote, door, signal, ...(first ? { first } : {}) });
      stream.once('close', release);
      if (stream.closed) release();
      return stream;
    } catch (error) {
      release();
      throw error;
    }
  }

  function carry(domain: string, remote: string, outside: Duplex, stream: ClientHttp2Stream, first?: Buffer): void {
    const startedAt = clock.monotonic();
    open += 1;
    log({ event: 'public_open', domain, remote });
    relay(outside, stream, {
      clock,
      ...(first ? { first } : {}),
      ...(deps.observe ? { observe: deps.observe } : {}),
    }).then((relayed) => {
      open -= 1;
      log({ event: 'public_close', domain, remote, ...relayed, ms: Math.round(clock.monotonic() - startedAt) });
    }, report);
  }

  function refuse(socket: Socket, remote: string, alert: AlertName | undefined, reason: string, domain?: string): void {
    log({ event: 'public_refused', remote, reason, ...(domain ? { domain } : {}) });
    if (alert) refuseWithAlert(socket, alert, clock);
    else socket.destroy();
  }
}

/** @throws SallyportError `bad_certificate` where certificate and key do not belong together or cannot be read */
function checkCertificate({ certificate, key }: { readonly certificate: string; readonly key: string }): void {
  try {
    createSecureContext({ cert: certificate, key });
  } catch (cause) {
    throw new SallyportError('bad_certificate', 'edge', 'The certificate and the key for HTTPS do not fit.', {
      hint: 'Check the two files that "https" names in the configuration.',
      cause,
    });
  }
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      reject(
        new SallyportError(
          inUse ? 'port_in_use' : 'listen_failed',
          'edge',
          inUse
            ? `Port ${port} on ${host} is in use.`
            : `The edge cannot listen on ${host}, port ${port} (${error.code}).`,
          { hint: 'Choose another port, or stop the program that holds it.', cause: error },
        ),
      );
    });
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => {
      const address = server.address();
      server.on('error', () => undefined);
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
