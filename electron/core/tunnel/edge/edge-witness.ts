import { type Clock, timestamp } from '../../../shared/clock.ts';
import type { Observe } from './relay.ts';

/** What an edge can say of one public connection: everything that passes it, and nothing more than that. */
export interface WitnessedConnection {
  /** RFC 3339: when its first bytes came. */
  readonly at: string;
  /** Bytes from the agent. */
  readonly bytesUp: number;
  /** Bytes to the agent. */
  readonly bytesDown: number;
  /** The random of the ClientHello, lower-case hex: by it an agent knows its own connection again (RFC 8446 §4.1.2). */
  readonly clientRandom: string | undefined;
  /** The first bytes of the largest chunk that the agent sent after its handshake, as they passed: ciphertext. */
  readonly sample: Buffer;
}

/** Stands where whoever runs the edge stands, while somebody asked it to. */
export interface EdgeWitness {
  readonly observe: Observe;
  /** Starts to watch; the function returned stops and answers every connection that was seen meanwhile. */
  watch(): () => readonly WitnessedConnection[];
}

const sampleBytes = 96;
/** TLS record type of application data; in TLS 1.3 also what hides the end of the handshake. */
const applicationData = 0x17;
const handshake = 0x16;

interface Seen {
  at: string;
  bytesUp: number;
  bytesDown: number;
  clientRandom: string | undefined;
  sample: Buffer;
  sampledFrom: number;
}

/** Makes the witness; unwatched it costs one comparison a chunk and keeps nothing. */
export function createEdgeWitness(clock: Clock): EdgeWitness {
  const watches = new Set<Map<object, Seen>>();
  return {
    observe(connection, direction, chunk) {
      for (const seen of watches) {
        const entry = seen.get(connection) ?? begun(clock, chunk);
        seen.set(connection, entry);
        if (direction === 'down') entry.bytesDown += chunk.length;
        else {
          entry.bytesUp += chunk.length;
          if (chunk[0] === applicationData && chunk.length > entry.sampledFrom) {
            entry.sampledFrom = chunk.length;
            entry.sample = Buffer.from(chunk.subarray(0, sampleBytes));
          }
        }
      }
    },
    watch() {
      const seen = new Map<object, Seen>();
      watches.add(seen);
      return () => {
        watches.delete(seen);
        return [...seen.values()].map(({ sampledFrom: _, ...entry }) => entry);
      };
    },
  };
}

/** Record header 5 bytes, handshake header 4, version 2, then the 32 bytes of the random. */
function begun(clock: Clock, chunk: Buffer): Seen {
  const isHello = chunk[0] === handshake && chunk[5] === 0x01 && chunk.length >= 43;
  return {
    at: timestamp(clock),
    bytesUp: 0,
    bytesDown: 0,
    clientRandom: isHello ? chunk.subarray(11, 43).toString('hex') : undefined,
    sample: Buffer.alloc(0),
    sampledFrom: 0,
  };
}
