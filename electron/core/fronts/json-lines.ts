import type { Socket } from 'node:net';

/** Reads JSON Lines from a socket. */
export interface LineReader {
  /** Lines may be this long from now on. */
  limit(bytes: number): void;
}

/**
 * Calls `onLine` for each line of UTF-8 text. A line over the limit, or a listener that throws, ends the socket.
 * @param maxBytes limit until {@link LineReader.limit} changes it
 */
export function readLines(socket: Socket, maxBytes: number, onLine: (line: string) => void): LineReader {
  let limit = maxBytes;
  let parts: Buffer[] = [];
  let length = 0;
  const end = (error: unknown): void => {
    parts = [];
    socket.destroy(error instanceof Error ? error : undefined);
  };
  socket.on('data', (chunk: Buffer) => {
    let start = 0;
    for (;;) {
      if (socket.destroyed) return;
      const newline = chunk.indexOf(0x0a, start);
      const part = chunk.subarray(start, newline === -1 ? chunk.length : newline);
      length += part.length;
      if (length > limit) return end(new RangeError('a line is too long'));
      parts.push(part);
      if (newline === -1) return;
      const line = Buffer.concat(parts, length).toString('utf8');
      parts = [];
      length = 0;
      start = newline + 1;
      try {
        if (line.trim() !== '') onLine(line);
      } catch (error) {
        return end(error);
      }
    }
  });
  return {
    limit(bytes) {
      limit = bytes;
    },
  };
}
