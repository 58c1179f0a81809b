import { connect, type Socket } from 'node:net';
import type { ContractClient } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type ControlEnvironment, controlAddress, readControlKey } from './control-address.ts';
import { challengeLine, makeNonce, prove, proves } from './control-proof.ts';
import type { Caller } from './dispatcher.ts';
import { createFrameClient } from './frame-client.ts';
import { readLines } from './json-lines.ts';

/** A connection to a running instance. */
export interface ControlClient extends ContractClient {
  close(): void;
  /** Resolves when the connection is over, whatever ended it. */
  readonly closed: Promise<void>;
}

/** Options of {@link connectControl}. */
export interface ControlClientOptions {
  readonly dataDir: string;
  /** How this process calls itself; shown to the person where an answer is refused. */
  readonly caller?: Caller;
  readonly environment?: ControlEnvironment;
  /** Milliseconds for connecting and proving. Default 5 000. */
  readonly timeoutMs?: number;
}

const maxLineBytes = 64 * 1_024 * 1_024;

/**
 * Connects to the instance of a data folder; both ends prove the control key first.
 * @throws SallyportError at hop `app`: `no_instance` if none runs, `control_untrusted` if what answers is not ours
 */
export async function connectControl(options: ControlClientOptions): Promise<ControlClient> {
  let address: string;
  try {
    address = controlAddress(options.dataDir, options.environment);
  } catch {
    throw noInstance(options.dataDir);
  }
  const key = readControlKey(options.dataDir);
  if (!key) throw noInstance(options.dataDir);
  const socket = connect(address);
  const timeout = setTimeout(() => socket.destroy(new Error('no answer in time')), options.timeoutMs ?? 5_000);
  try {
    return await prepare(socket, key, options);
  } catch (error) {
    socket.destroy();
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') throw noInstance(options.dataDir);
    if (error instanceof SallyportError) throw error;
    throw new SallyportError('control_untrusted', 'app', 'What answers on the control socket is not this Sallyport.', {
      hint: 'Stop every Sallyport that uses this data folder, then start it again.',
      cause: error,
    });
  } finally {
    clearTimeout(timeout);
  }
}

function prepare(socket: Socket, key: Uint8Array, { caller }: ControlClientOptions): Promise<ControlClient> {
  const nonce = makeNonce();
  const write = (value: unknown): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(value)}\n`);
  };
  const frames = createFrameClient(write);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return new Promise((resolve, reject) => {
    let proven = false;
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error('the connection was closed'));
      frames.fail(
        new SallyportError('instance_gone', 'app', 'Sallyport ended while this was under way.', {
          hint: 'See whether it runs: sallyport status',
        }),
      );
    });
    socket.once('connect', () => write({ nonce }));
    readLines(socket, maxLineBytes, (line) => {
      const message: unknown = JSON.parse(line);
      if (proven) {
        frames.receive(message);
        return;
      }
      const challenge = challengeLine.parse(message);
      if (!proves(prove(key, 'server', nonce, challenge.nonce), challenge.proof)) {
        throw new Error('the other side does not know the control key');
      }
      proven = true;
      write({ proof: prove(key, 'client', nonce, challenge.nonce), ...(caller ? { caller } : {}) });
      resolve({ ...frames, close: () => socket.end(), closed });
    });
  });
}

function noInstance(dataDir: string): SallyportError {
  return new SallyportError('no_instance', 'app', `No Sallyport runs for ${dataDir}.`, {
    hint: 'Start it: npm start, or sallyport run. Another data folder: --data-dir DIR.',
  });
}
