import { createHash, type Hash } from 'node:crypto';
import { Duplex } from 'node:stream';

/** What went through one connection, one direction. */
export interface TapCount {
  readonly bytes: number;
  readonly sha256: string;
}

/** What went through one connection: `up` is from the agent to the app, `down` is back. */
export interface TapReport {
  readonly up: TapCount;
  readonly down: TapCount;
}

/** Counts and hashes the bytes of connections, and looks for planted strings in them. */
export interface Tap {
  /** Notes a chunk of one connection. */
  note(connection: object, direction: 'up' | 'down', chunk: Uint8Array): void;
  /** A Duplex that hands everything through untouched: what is read from `stream` counts as `reads`. */
  wrap(stream: Duplex, reads: 'up' | 'down'): Duplex;
  /** One row a connection, in order of their first byte. */
  report(): { connections: TapReport[]; found: string[] };
}

/** @param planted strings that must not be met in clear */
export function createTap(planted: readonly string[] = []): Tap {
  const connections = new Map<object, Record<'up' | 'down', { hash: Hash; bytes: number; tail: string }>>();
  const found = new Set<string>();
  const longest = Math.max(0, ...planted.map((text) => text.length));
  const note: Tap['note'] = (connection, direction, chunk) => {
    const fresh = () => ({ hash: createHash('sha256'), bytes: 0, tail: '' });
    const both = connections.get(connection) ?? { up: fresh(), down: fresh() };
    connections.set(connection, both);
    const side = both[direction];
    side.hash.update(chunk);
    side.bytes += chunk.length;
    // Latin-1 keeps every byte, so a string that is split over two chunks is met too.
    const text = side.tail + Buffer.from(chunk).toString('latin1');
    for (const secret of planted) if (text.includes(secret)) found.add(secret);
    side.tail = text.slice(-longest);
  };
  return {
    note,
    wrap(stream, reads) {
      const writes = reads === 'up' ? 'down' : 'up';
      const key = {};
      const wrapper = new Duplex({
        allowHalfOpen: true,
        read: () => stream.resume(),
        write(chunk: Buffer, _encoding, done) {
          note(key, writes, chunk);
          stream.write(chunk, done);
        },
        final: (done) => stream.end(done),
        destroy(error, done) {
          stream.destroy(error ?? undefined);
          done(error);
        },
      });
      stream.on('data', (chunk: Buffer) => {
        note(key, reads, chunk);
        if (!wrapper.push(chunk)) stream.pause();
      });
      stream.once('end', () => wrapper.push(null));
      stream.once('error', (error) => wrapper.destroy(error));
      stream.once('close', () => {
        if (!wrapper.destroyed && !stream.readableEnded) wrapper.destroy();
      });
      return wrapper;
    },
    report() {
      const sum = (side: { hash: Hash; bytes: number }): TapCount => ({
        bytes: side.bytes,
        sha256: side.hash.copy().digest('hex'),
      });
      return {
        connections: [...connections.values()].map(({ up, down }) => ({ up: sum(up), down: sum(down) })),
        found: [...found],
      };
    },
  };
}
