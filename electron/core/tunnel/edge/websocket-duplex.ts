import { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

/** Largest message sent: receivers of other makes refuse longer ones (Go's coder/websocket stops at 32 KiB). */
export const maxMessage = 32 * 1_024;

/** Largest message accepted. */
export const maxMessageAccepted = 1_024 * 1_024;

/** Milliseconds between keep-alive pings; proxies close what is silent for 100 s or less. */
const keepAliveMs = 30_000;

/**
 * A WebSocket as one byte stream: each message, binary or text, is the next piece, of whatever size; what is written goes out
 * in binary messages of at most {@link maxMessage} bytes. There is no half-close on a WebSocket: ending the writable side
 * sends Close 1000 and with it ends both directions. A close code other than 1000 and 1001 is an error.
 */
export function createWebSocketDuplex(socket: WebSocket): Duplex {
  let closing = false;
  const duplex = new Duplex({
    allowHalfOpen: false,
    read() {
      if (socket.readyState === socket.OPEN) socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      send(socket, chunk, done);
    },
    final(done) {
      closing = true;
      socket.close(1000);
      done();
    },
    destroy(error, done) {
      clearInterval(keepAlive);
      if (error) socket.terminate();
      else if (!closing && socket.readyState === socket.OPEN) socket.close(1000);
      done(error);
    },
  });
  const keepAlive = setInterval(() => {
    if (socket.readyState === socket.OPEN) socket.ping();
  }, keepAliveMs);
  keepAlive.unref();
  socket.on('message', (data: RawData) => {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    if (bytes.length > 0 && !duplex.destroyed && !duplex.push(bytes)) socket.pause();
  });
  socket.on('close', (code) => {
    clearInterval(keepAlive);
    if (code === 1000 || code === 1001 || closing) {
      duplex.push(null);
      if (!duplex.writableEnded) duplex.end();
    } else duplex.destroy(new Error(`The WebSocket ended with code ${code}.`));
  });
  socket.on('error', (error) => duplex.destroy(error));
  return duplex;
}

function send(socket: WebSocket, chunk: Buffer, done: (error?: Error | null) => void): void {
  if (socket.readyState !== socket.OPEN) {
    done(new Error('The WebSocket is closed.'));
    return;
  }
  for (let at = 0; at < chunk.length; at += maxMessage) {
    const last = at + maxMessage >= chunk.length;
    socket.send(chunk.subarray(at, at + maxMessage), { binary: true, compress: false }, last ? done : undefined);
  }
  if (chunk.length === 0) done();
}
