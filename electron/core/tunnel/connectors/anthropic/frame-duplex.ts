import { Duplex } from 'node:stream';
import type { Clock } from '../../../../shared/clock.ts';

/** Opcodes of RFC 6455 §5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Longest payload of a frame that is sent: Go's coder/websocket refuses messages of more than 32 KiB. */
export const maxSent = 32 * 1_024;

/** How a frame duplex behaves. */
export interface FrameDuplexOptions {
  readonly clock: Clock;
  /** Milliseconds between pings, default 30 000: middles close what is silent for 100 s or less. */
  readonly pingEveryMs?: number;
  /** Told of each frame received: its opcode and length, never its content. */
  readonly onFrame?: (opcode: number, length: number, direction: 'in' | 'out') => void;
}

const pingEveryMs = 30_000;
/** Pings without any sign of life before the peer counts as gone. */
const maxUnanswered = 3;
/** How long the peer may take to answer our Close, milliseconds. */
const closeMs = 5_000;

interface Frame {
  readonly opcode: number;
  readonly mask: Buffer;
  readonly length: number;
  taken: number;
  /** Payload of a control frame so far. */
  control: Buffer[];
}

/**
 * The server's side of a WebSocket as one byte stream, over any Duplex that carries raw WebSocket bytes: a TCP socket, or an
 * HTTP/2 stream. Text, binary and continuation frames of any size are the next bytes, handed on as they come; nothing is
 * gathered into messages. What is written goes out in binary messages of at most {@link maxSent} bytes. Frames without
 * mask, reserved bits and other breaches end it with Close 1002.
 *
 * There is no half-close: ending the writable side sends Close, reads on until the peer answers it (at most 5 s), and then
 * ends the socket. Never the socket first: a middle that sees its end throws away what is under way the other way.
 */
export function createFrameDuplex(socket: Duplex, options: FrameDuplexOptions): Duplex {
  const { clock } = options;
  let header: Buffer = Buffer.alloc(0);
  let frame: Frame | undefined;
  let inMessage = false;
  let closeSent = false;
  let closeSeen = false;
  let unanswered = 0;
  let stalled = false;
  let cancelPing = (): void => {};
  let cancelClose = (): void => {};

  const send = (opcode: number, payload: Buffer, done?: (error?: Error | null) => void): void => {
    options.onFrame?.(opcode, payload.length, 'out');
    socket.cork();
    socket.write(headerOf(opcode, payload.length));
    socket.write(payload, done);
    socket.uncork();
  };
  const sendClose = (code: number): void => {
    if (closeSent || socket.destroyed || socket.writableEnded) return;
    closeSent = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    send(opcodes.close, payload);
  };
  const fail = (why: string): void => {
    sendClose(1002);
    socket.end();
    duplex.destroy(new Error(why));
  };

  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      stalled = false;
      socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      if (closeSent || closeSeen || socket.destroyed || socket.writableEnded) {
        done(new Error('The WebSocket is closed.'));
        return;
      }
      for (let at = 0; at < chunk.length; at += maxSent) {
        const last = at + maxSent >= chunk.length;
        send(opcodes.binary, chunk.subarray(at, at + maxSent), last ? done : undefined);
      }
      if (chunk.length === 0) done();
    },
    final(done) {
      sendClose(1000);
      if (closeSeen) socket.end();
      else cancelClose = clock.schedule(closeMs, () => duplex.destroy());
      // What still comes is read and dropped, so that the peer's Close is met.
      duplex.resume();
      done();
    },
    destroy(error, done) {
      cancelPing();
      cancelClose();
      if (!socket.destroyed) {
        if (!closeSent && !closeSeen) sendClose(error ? 1011 : 1001);
        if (!socket.writableEnded) socket.end();
        // The socket gets a moment to send what was written; a peer that does not take it is cut off.
        const cancel = clock.schedule(closeMs, () => socket.destroy());
        socket.once('close', cancel);
        socket.resume();
      }
      done(error);
    },
  });

  const armPing = (): void => {
    cancelPing = clock.schedule(options.pingEveryMs ?? pingEveryMs, () => {
      if (duplex.destroyed || closeSent) return;
      // While the reader here is slow its pongs cannot be seen: that says nothing about the peer.
      unanswered = stalled ? 0 : unanswered + 1;
      if (unanswered > maxUnanswered) {
        duplex.destroy(new Error('The peer of a WebSocket answered no ping.'));
        return;
      }
      send(opcodes.ping, Buffer.alloc(0));
      armPing();
    });
  };
  armPing();

  const onControl = (opcode: number, payload: Buffer): void => {
    if (opcode === opcodes.ping) {
      // A peer that does not read gets no pile of pongs.
      if (!closeSent && socket.writableLength < 1_048_576) send(opcodes.pong, payload);
    } else if (opcode === opcodes.close) {
      closeSeen = true;
      cancelPing();
      cancelClose();
      sendClose(1000);
      if (!duplex.readableEnded) duplex.push(null);
      socket.end();
      if (!duplex.writableEnded) duplex.end();
    }
  };

  const onBytes = (chunk: Buffer): void => {
    unanswered = 0;
    let at = 0;
    while (at < chunk.length && !closeSeen && !duplex.destroyed) {
      if (frame === undefined) {
        const needed = headerLength(header) - header.length;
        const piece = chunk.subarray(at, at + needed);
        header = header.length === 0 ? piece : Buffer.concat([header, piece]);
        at += piece.length;
        if (header.length < headerLength(header)) continue;
        const read = readHeader(header, inMessage);
        header = Buffer.alloc(0);
        if (typeof read === 'string') return void fail(read);
        frame = read.frame;
        if (frame.opcode < opcodes.close) inMessage = !read.fin;
      } else {
        const piece = chunk.subarray(at, at + frame.length - frame.taken);
        at += piece.length;
        const plain = unmask(piece, frame.mask, frame.taken);
        frame.taken += piece.length;
        if (frame.opcode >= opcodes.close) frame.control.push(plain);
        else if (!duplex.push(plain)) {
          stalled = true;
          socket.pause();
        }
      }
      if (frame.taken === frame.length) {
        const complete = frame;
        frame = undefined;
        options.onFrame?.(complete.opcode, complete.length, 'in');
        if (complete.opcode >= opcodes.close) onControl(complete.opcode, Buffer.concat(complete.control));
      }
    }
  };

  socket.on('data', onBytes);
  socket.on('error', (error) => duplex.destroy(error));
  socket.on('end', () => {
    if (closeSeen || duplex.destroyed) return;
    // The end without Close: whoever was there is gone.
    closeSeen = true;
    duplex.push(null);
    duplex.end();
    socket.end();
  });
  socket.on('close', () => {
    cancelPing();
    cancelClose();
    if (!duplex.readableEnded && !duplex.destroyed) duplex.push(null);
    // Not while the reader still takes what had come before the end.
    if (duplex.readableLength === 0) duplex.destroy();
    else duplex.once('end', () => duplex.destroy());
  });
  return duplex;
}

function headerOf(opcode: number, length: number): Buffer {
  const first = 0x80 | opcode;
  if (length < 126) return Buffer.from([first, length]);
  const header = Buffer.alloc(4);
  header.writeUInt8(first, 0);
  header.writeUInt8(126, 1);
  header.writeUInt16BE(length, 2);
  return header;
}

/** Bytes that the header has, as far as can be told from what is there of it. */
function headerLength(header: Buffer): number {
  const second = header[1];
  if (second === undefined) return 2;
  const size = second & 0x7f;
  return 2 + (size === 126 ? 2 : size === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0);
}

/** @returns what is wrong, in words, where the header breaks the protocol */
function readHeader(header: Buffer, inMessage: boolean): { frame: Frame; fin: boolean } | string {
  const first = header.readUInt8(0);
  const second = header.readUInt8(1);
  const opcode = first & 0x0f;
  const fin = (first & 0x80) !== 0;
  if ((first & 0x70) !== 0) return 'A WebSocket frame uses an extension that was not agreed.';
  if ((second & 0x80) === 0) return 'A WebSocket frame is not masked.';
  if (opcode > opcodes.pong || (opcode > opcodes.binary && opcode < opcodes.close)) {
    return 'A WebSocket frame has an unknown type.';
  }
  const size = second & 0x7f;
  if (opcode >= opcodes.close) {
    if (!fin || size > 125) return 'A WebSocket control frame is too long or in pieces.';
  } else if ((opcode === opcodes.continuation) !== inMessage) return 'WebSocket frames are out of order.';
  const length = size === 126 ? header.readUInt16BE(2) : size === 127 ? Number(header.readBigUInt64BE(2)) : size;
  if (length > Number.MAX_SAFE_INTEGER) return 'A WebSocket frame has an impossible length.';
  return { fin, frame: { opcode, length, mask: header.subarray(header.length - 4), taken: 0, control: [] } };
}

/** The plain bytes of a masked piece that begins `offset` bytes into its frame. A copy: the piece may belong to others. */
function unmask(piece: Buffer, mask: Buffer, offset: number): Buffer {
  const plain = Buffer.allocUnsafe(piece.length);
  const keys = [0, 1, 2, 3].map((index) => mask[(offset + index) & 3] ?? 0) as [number, number, number, number];
  for (let index = 0; index < piece.length; index += 1) {
    plain[index] = (piece[index] ?? 0) ^ (keys[index & 3] ?? 0);
  }
  return plain;
}
