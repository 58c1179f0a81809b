import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { BlockList, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SallyportError } from '../../../../../shared/errors.ts';
import { type EdgeAddress, findEdgeAddresses, readEdgeAddress } from '../native/edge-addresses.ts';
import { type Doors, handOn } from './doorway.ts';

/** A program as it is to be started. */
export interface ProgramStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Whether a program can be run here without any network, seeing of the files only what it needs. */
export type Containment =
  | {
      readonly ok: true;
      /** Command line of {@link runDoorway}. */
      readonly doorway: readonly string[];
      /** The same start inside walls; of the person's folders only `writable` is there. */
      readonly confine: (start: ProgramStart, writable: readonly string[]) => Promise<ProgramStart>;
    }
  | { readonly ok: false; readonly why: string };

/** What {@link openWalls} needs. */
export interface WallsDeps {
  readonly containment: Containment & { readonly ok: true };
  /** Folder of cloudflared's own; the only one that it can write. */
  readonly folder: string;
  /** The listener that takes what the tunnel brings. */
  readonly listener: { readonly port: number; accept(socket: Socket): void };
  /** Edge addresses `host:port` that the person chose, one a connection. */
  readonly edges?: readonly string[] | undefined;
  /** Region that the token names. */
  readonly endpoint?: string | undefined;
  /** Finds the edge's addresses; default by DNS. */
  readonly findEdges?: typeof findEdgeAddresses;
  /** Told why the edge was not reached. */
  readonly onUnreachable: (error: Error) => void;
}

/** Walls around cloudflared, with doors to the tunnel's edge and to our listener alone. */
export interface Walls {
  /** Addresses inside that lead to the edge, one a connection: what `--edge` names. */
  readonly edges: readonly string[];
  /** Where cloudflared is to serve its metrics inside, and the socket by which they are read outside. */
  readonly metrics: { readonly inside: string; readonly socketPath: string };
  /** The start of cloudflared within the walls. */
  around(start: ProgramStart): Promise<ProgramStart>;
  close(): Promise<void>;
}

const edgePort = 7844;
const connectionsToEdge = 4;
/** More than cloudflared ever opens; the tunnel's owner could have it dial its own doors. */
const maxDials = 64;
const dialMs = 10_000;
/** Longer paths of sockets are refused by the system. */
const maxSocketPath = 90;

/** What Cloudflare publishes as the addresses of its tunnel edge: what DNS says beside it is not dialed. */
const published = new BlockList();
published.addSubnet('198.41.192.0', 19, 'ipv4');
published.addSubnet('2606:4700:a0::', 44, 'ipv6');

/**
 * Opens the doors. Inside there is no network at all but a loopback interface of its own: whatever the tunnel's owner has
 * cloudflared dial, only these doors are there, and behind them this process dials the edge's addresses and nothing else.
 */
export async function openWalls(deps: WallsDeps): Promise<Walls> {
  const near = join(deps.folder, 'doors');
  const short = Buffer.byteLength(near) <= maxSocketPath;
  const sockets = short ? near : join(tmpdir(), `sallyport-doors-${randomBytes(8).toString('hex')}`);
  await rm(sockets, { recursive: true, force: true });
  await mkdir(sockets, { recursive: true, mode: 0o700 });
  await chmod(sockets, 0o700);

  const servers: Server[] = [];
  const open = new Set<Socket>();
  const door = async (name: string, onSocket: (socket: Socket) => void): Promise<{ path: string }> => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      onSocket(socket);
    });
    server.maxConnections = maxDials;
    const path = join(sockets, name);
    server.listen(path);
    await once(server, 'listening');
    servers.push(server);
    return { path };
  };

  let dials = 0;
  const toEdge = async (socket: Socket, index: number): Promise<void> => {
    try {
      const { host, port } = await edgeAddress(deps, index, dials++);
      const far = handOn(socket, { host, port, timeout: dialMs });
      far.once('error', deps.onUnreachable);
      far.once('timeout', () => far.destroy(new Error(`${host}:${port} does not answer`)));
      far.once('connect', () => far.setTimeout(0).setNoDelay(true));
    } catch (error) {
      socket.destroy();
      deps.onUnreachable(error instanceof Error ? error : new Error(String(error)));
    }
  };

  const doors: Doors = [
    { at: { host: '127.0.0.1', port: deps.listener.port }, to: await door('listener', deps.listener.accept) },
  ];
  const edges = Array.from({ length: deps.edges?.length ?? connectionsToEdge }, (_, index) => `127.0.0.${index + 2}`);
  for (const [index, host] of edges.entries()) {
    const to = await door(`edge-${index}`, (socket) => void toEdge(socket, index));
    doors.push({ at: { host, port: edgePort }, to });
  }
  const metrics = { host: '127.0.0.1', port: deps.listener.port === 20_241 ? 20_242 : 20_241 };
  const socketPath = join(sockets, 'metrics');

  return {
    edges: edges.map((host) => `${host}:${edgePort}`),
    metrics: { inside: `${metrics.host}:${metrics.port}`, socketPath },
    async around(start) {
      // What an earlier run left; the doorway binds it anew.
      await rm(socketPath, { force: true });
      const [command = '', ...words] = deps.containment.doorway;
      const all: Doors = [...doors, { at: { path: socketPath }, to: metrics }];
      const args = [...words, JSON.stringify(all), start.command, ...start.args];
      return await deps.containment.confine({ ...start, command, args }, [deps.folder, ...(short ? [] : [sockets])]);
    },
    async close() {
      for (const socket of open) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      await rm(sockets, { recursive: true, force: true });
    },
  };
}

/**
 * The address that a dial goes to: one that the person chose, else one of those in DNS that Cloudflare publishes.
 * @throws SallyportError `edge_not_found`
 */
async function edgeAddress(deps: WallsDeps, index: number, dial: number): Promise<EdgeAddress> {
  const chosen = deps.edges?.[index];
  if (chosen !== undefined) return readEdgeAddress(chosen);
  const found = await (deps.findEdges ?? findEdgeAddresses)(deps.endpoint);
  const known = found.filter(
    ({ host, port }) => port === edgePort && published.check(host, isIPv6(host) ? 'ipv6' : 'ipv4'),
  );
  const address = known[dial % Math.max(1, known.length)];
  if (address) return address;
  throw new SallyportError('edge_not_found', 'tunnel', 'DNS names no address that is known as the tunnel’s edge.', {
    hint: 'Something on this network may answer DNS in its own way; ask whoever runs it.',
  });
}
