import { Duplex } from 'node:stream';
import { systemClock } from '../../state/system-clock.ts';
import { maxUnsent } from './http2-limits.ts';

/** Time that acknowledged bytes get to leave after an orderly end, in milliseconds. */
const lingerMs = 2_000;

/**
 * Puts a Duplex between an HTTP/2 session and its socket that acknowledges every write at once.
 *
 * Why: Node's HTTP/2 does not read its socket while a write of its own is pending. When both ends have more queued than
 * the kernel's buffers hold, both stop reading for ever, silently, PING included (measured: 4 × 16 MB or 200 × 100 KB
 * both ways at once, 0 bytes arrive). With this at BOTH ends no write is ever pending for the session. What waits in
 * the socket stays bounded by the peer's session window; a peer that makes it grow beyond `limit` another way (a flood of
 * PING, say) is cut off.
 *
 * The Duplex owns the socket: destroying it destroys the socket, and the socket's end and errors are its own.
 * @param limit bytes that may wait for the socket, default twice the session window
 */
export function createAckDuplex(socket: Duplex, limit: number = maxUnsent): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: false,
    read() {
      socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      socket.write(chunk);
      if (socket.writableLength > limit) {
        done(new Error(`The peer reads too slowly: more than ${limit} bytes wait for it.`));
        return;
      }
      // Mutation: `socket.write(chunk, done)` in place of the two lines brings the dead-lock back
      // (test/integration/edge/dead-lock.test.ts then fails).
      done();
    },
    final(done) {
      socket.end();
      done();
    },
    destroy(error, done) {
      // What was acknowledged is not lost by an orderly end; an error or a peer that stopped reading drops it.
      if (error || socket.destroyed || socket.writableLength === 0) socket.destroy();
      else {
        socket.once(
          'close',
          systemClock.schedule(lingerMs, () => socket.destroy()),
        );
        socket.end(() => socket.destroy());
      }
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!duplex.push(chunk)) socket.pause();
  });
  socket.on('end', () => duplex.push(null));
  socket.on('error', (error) => duplex.destroy(error));
  socket.on('close', () => duplex.destroy());
  return duplex;
}
