import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import {
  type ControlEnvironment,
  controlAddress,
  controlEnvironment,
  makeControlKey,
  secureFolder,
} from './control-address.ts';
import { helloLine, makeNonce, proofLine, prove, proves } from './control-proof.ts';
import type { Caller, Dispatcher } from './dispatcher.ts';
import type { FrontSession } from './front-session.ts';
import { readLines } from './json-lines.ts';

/** What {@link createControlSocket} needs. The lock on the data folder must be held: a stale socket is replaced. */
export interface ControlSocketDeps {
  readonly dispatcher: Dispatcher;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly environment?: ControlEnvironment;
}

/** The control socket: the command line's way to a running instance. */
export interface ControlSocket {
  /** Path of the socket, or name of the pipe. */
  readonly address: string;
  /** @throws SallyportError at hop `app`: `control_unavailable`, `control_folder_unsafe`, `control_key_unwritable` */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A line of the proof. */
const proofLineBytes = 1_024;
/** A message of the contract: the largest is a server with all its arguments. */
const frameBytes = 8 * 1_024 * 1_024;
const proofMs = 5_000;
/** Connections at once, proven or not. */
const maxClients = 64;
/** A client that lets this much pile up is cut off. */
const maxQueuedBytes = 64 * 1_024 * 1_024;

/** Makes the server side. */
export function createControlSocket(deps: ControlSocketDeps): ControlSocket {
  const environment = deps.environment ?? controlEnvironment();
  const address = controlAddress(deps.dataDir, environment);
  const pipe = environment.platform === 'win32';
  const clients = new Set<Socket>();
  let server: Server | undefined;

  return {
    address,
    async start() {
      const key = makeControlKey(deps.dataDir);
      if (!pipe) {
        secureFolder(dirname(address));
        rmSync(address, { force: true });
      }
      const starting = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        if (clients.size >= maxClients) {
          socket.destroy();
          return;
        }
        clients.add(socket);
        socket.once('close', () => clients.delete(socket));
        serve(socket, key, deps);
      });
      try {
        await new Promise<void>((resolve, reject) => {
          starting.once('error', reject);
          // Owner-only from the first moment: the folder is 0700 before the socket is there.
          starting.listen(address, resolve);
        });
        if (!pipe) chmodSync(address, 0o600);
      } catch (error) {
        starting.close();
        throw new SallyportError('control_unavailable', 'app', `The control socket ${address} cannot be opened.`, {
          hint: 'Check that the data folder is on a local disk and writable.',
          cause: error,
        });
      }
      starting.on('error', () => {});
      server = starting;
    },
    async stop() {
      const stopping = server;
      server = undefined;
      if (!stopping) return;
      const ended = new Promise<void>((resolve) => stopping.close(() => resolve()));
      for (const socket of clients) socket.destroy();
      await ended;
      if (!pipe) rmSync(address, { force: true });
    },
  };
}

function serve(socket: Socket, key: Uint8Array, { dispatcher, clock }: ControlSocketDeps): void {
  let nonces: { client: string; server: string } | undefined;
  let session: FrontSession | undefined;
  const late = clock.schedule(proofMs, () => socket.destroy());
  const send = (value: unknown): void => {
    if (socket.destroyed) return;
    socket.write(`${JSON.stringify(value)}\n`);
    if (socket.writableLength > maxQueuedBytes) socket.destroy();
  };
  const lines = readLines(socket, proofLineBytes, (line) => {
    const message: unknown = JSON.parse(line);
    if (session) {
      session.receive(message);
    } else if (!nonces) {
      const { nonce } = helloLine.parse(message);
      nonces = { client: nonce, server: makeNonce() };
      send({ nonce: nonces.server, proof: prove(key, 'server', nonces.client, nonces.server) });
    } else {
      const { proof, caller } = proofLine.parse(message);
      if (!proves(prove(key, 'client', nonces.client, nonces.server), proof)) {
        socket.destroy();
        return;
      }
      late();
      lines.limit(frameBytes);
      session = connect(caller);
    }
  });
  const connect = (caller: Caller | undefined): FrontSession =>
    dispatcher.connect({
      front: 'cli',
      ...(caller ? { caller } : {}),
      send,
      congested: () => socket.writableNeedDrain,
    });
  socket.on('drain', () => session?.drained());
  socket.once('close', () => {
    late();
    session?.close();
  });
}
