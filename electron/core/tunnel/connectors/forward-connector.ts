import { randomUUID } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import { createMeter, embeddedLimits } from '../edge/admission.ts';
import type { Connector, PeerInfo } from './connector.ts';

/** What {@link createForwardConnector} needs. */
export interface ForwardConnectorDeps {
  /** Loopback port that the person's forwarder is pointed at; 0 for any free one. */
  readonly port: number;
  readonly clock: Clock;
}

/** A way in that a program of the person's brings: this end of it is a loopback port, and nothing is dialled. */
export interface ForwardConnector extends Connector {
  readonly port: number;
}

/** What such a connection is called where people read it. */
const label = 'your forwarder';

/**
 * Waits on 127.0.0.1, and on ::1 where the machine has it, for the plain bytes that a forwarder brings (`ssh -R`, Tailscale
 * Funnel in TCP mode, frp, an ngrok TCP address). Whether the forwarder runs cannot be seen from here: it counts as
 * connected, and the probe by its public name says whether anything gets through (`design.md` §2).
 * @throws SallyportError `port_in_use`, `listen_failed` at hop `tunnel`
 */
export async function createForwardConnector(deps: ForwardConnectorDeps): Promise<ForwardConnector> {
  const { clock } = deps;
  const sockets = new Set<Socket>();
  const listeners = new Set<() => void>();
  // Everybody comes from loopback, so that a source says nothing: these limits are for all together.
  const meter = createMeter(embeddedLimits.tunnel, clock);
  let take: ((stream: Duplex, peer: PeerInfo) => void) | undefined;
  let stopped = false;
  let firstAt: string | undefined;
  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  const arrive = (socket: Socket): void => {
    socket.on('error', () => undefined);
    const release = take ? meter.admit('all') : undefined;
    if (!take || !release) {
      release?.();
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      release();
    });
    if (firstAt === undefined) {
      firstAt = timestamp(clock);
      changed();
    }
    take(socket, { id: randomUUID(), edge: label, transport: 'tls', door: 'sni' });
  };

  const servers: Server[] = [];
  const first = await listen('127.0.0.1', deps.port, arrive);
  servers.push(first.server);
  // A machine without IPv6 has no ::1, and a forwarder that is told 127.0.0.1 does not miss it.
  await listen('::1', first.port, arrive).then(
    ({ server }) => servers.push(server),
    () => undefined,
  );

  return {
    port: first.port,
    start(onConnection) {
      take = onConnection;
      changed();
    },
    status() {
      if (!take || stopped) return { state: 'off', connections: [] };
      const connections = firstAt === undefined ? [] : [{ edge: label, transport: 'tls' as const, since: firstAt }];
      return { state: 'connected', connections };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    // Nothing of it is ours to dial.
    retryNow: () => undefined,
    async stop(graceMs = 5_000) {
      if (stopped) return;
      stopped = true;
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      const cancel = clock.schedule(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      await Promise.all(closed);
      cancel();
      changed();
    },
  };
}

function listen(
  host: string,
  port: number,
  arrive: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
  server.maxConnections = embeddedLimits.total;
  server.on('connection', arrive);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      reject(
        new SallyportError(
          inUse ? 'port_in_use' : 'listen_failed',
          'tunnel',
          inUse ? `Port ${port} on ${host} is in use.` : `Port ${port} on ${host} cannot be bound (${error.code}).`,
          { hint: 'Stop the program that holds it; your forwarder is pointed at this port.', cause: error },
        ),
      );
    });
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => {
      server.on('error', () => undefined);
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address ? address.port : port });
    });
  });
}
