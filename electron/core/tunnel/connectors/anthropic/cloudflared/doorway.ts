import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { constants } from 'node:os';
import * as z from 'zod';

const place = z.union([
  z.strictObject({ host: z.string(), port: z.int().min(1).max(65_535) }),
  z.strictObject({ path: z.string().startsWith('/') }),
]);

/** Connections that are handed on: whatever is dialed at `at` comes out at `to`; one of them a socket in the file system. */
export const doorsSchema = z.array(z.strictObject({ at: place, to: place }));
export type Doors = z.infer<typeof doorsSchema>;

/**
 * Runs a program that has no network (`bwrap`, own network namespace) and hands its connections through sockets in the file
 * system, which namespaces do not part. Ends with the program, and asks it to end when standard input closes: a signal from
 * outside would end the namespace before the program has taken its leave.
 * @param words doors in JSON, then the program and its arguments; without a program it ends at once: a trial
 * @returns the program's exit status, 128 and the signal where one ended it
 */
export async function runDoorway(words: readonly string[]): Promise<number> {
  const [doors = '[]', command, ...args] = words;
  for (const { at, to } of doorsSchema.parse(JSON.parse(doors))) {
    const server = createServer({ allowHalfOpen: true }, (socket) => handOn(socket, to));
    server.listen(at);
    await once(server, 'listening');
  }
  if (command === undefined) return 0;
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const end = (): void => {
    child.kill('SIGTERM');
  };
  process.on('SIGTERM', end);
  process.stdin.on('error', end);
  process.stdin.on('end', end);
  process.stdin.resume();
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

/** Connects the two ends, and ends each with the other. */
export function handOn(near: Socket, to: NetConnectOpts): Socket {
  const far = connect({ allowHalfOpen: true, ...to });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => other.destroy());
    // What was read to its end is still to be written there.
    one.once('close', () => (one.readableEnded ? other.end() : other.destroy()));
    one.pipe(other);
  }
  return far;
}
