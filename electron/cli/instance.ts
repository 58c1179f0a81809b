import { join } from 'node:path';
import { type ControlClient, connectControl } from '../core/fronts/control-client.ts';
import type { RequestInput, RequestName, RequestOutput } from '../shared/contract.ts';
import { SallyportError } from '../shared/errors.ts';
import { exitStatus } from './failures.ts';
import type { CliIo } from './io.ts';

/** Connects to the running instance. @throws SallyportError `no_instance` (exit status 4) and what the connection says */
export function connectInstance(io: CliIo): Promise<ControlClient> {
  return connectControl({ dataDir: io.dataDir(), caller: { pid: process.pid, name: 'sallyport' } });
}

/** Runs something with a connection to the instance, and closes it. @throws as {@link connectInstance} */
export async function withInstance<Value>(io: CliIo, run: (client: ControlClient) => Promise<Value>): Promise<Value> {
  const client = await connectInstance(io);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

/** One request to the instance. @throws as {@link connectInstance}, and what the instance answers */
export function ask<Name extends RequestName>(
  io: CliIo,
  name: Name,
  input: RequestInput<Name>,
): Promise<RequestOutput<Name>> {
  return withInstance(io, (client) => client.request(name, input));
}

/** Asks the instance, or does without one where none runs. */
export async function askOr<Value>(
  io: CliIo,
  run: (client: ControlClient) => Promise<Value>,
  without: () => Value | Promise<Value>,
): Promise<Value> {
  let client: ControlClient;
  try {
    client = await connectInstance(io);
  } catch (error) {
    if (error instanceof SallyportError && error.code === 'no_instance') return await without();
    throw error;
  }
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

/** The request log of the data folder. */
export function logPath(io: CliIo): string {
  return join(io.dataDir(), 'log.db');
}

/**
 * Keeps a stream command going until the instance ends or a signal comes (exit status 130 or 143).
 * @throws SallyportError `instance_gone` if the instance ended
 */
export async function untilSignal(io: CliIo, client: ControlClient): Promise<void> {
  let stop: ((status: number) => void) | undefined;
  const signalled = new Promise<number>((resolve) => {
    stop = resolve;
  });
  const interrupted = (): void => stop?.(exitStatus.interrupted);
  const terminated = (): void => stop?.(exitStatus.terminated);
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', terminated);
  try {
    const status = await Promise.race([signalled, client.closed]);
    if (typeof status !== 'number') {
      throw new SallyportError('instance_gone', 'app', 'Sallyport ended.', { hint: 'Start it again to go on.' });
    }
    io.status(status);
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', terminated);
  }
}
