import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import {
  openWebSocketListener,
  type WebSocketListener,
} from '../../../electron/core/tunnel/connectors/anthropic/listener.ts';
import type { PeerInfo } from '../../../electron/core/tunnel/connectors/connector.ts';
import { createManualClock } from '../../manual-clock.ts';

const clock = createManualClock();
let listener: WebSocketListener | undefined;
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await listener?.close();
  listener = undefined;
});

/** A listener that hands everything back, reversed in nothing. */
async function echo(onPeer: (peer: PeerInfo, stream: Duplex) => void = () => {}): Promise<number> {
  listener = await openWebSocketListener({
    port: 0,
    clock,
    label: 'cloudflared',
    onConnection: (stream, peer) => {
      onPeer(peer, stream);
      stream.pipe(stream);
    },
  });
  return listener.port;
}

async function open(url: string, protocols: string[] = [], headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, { headers });
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'open');
  return socket;
}

/** Reads until that many bytes came back; says the length of each message. */
async function gather(socket: WebSocket, bytes: number): Promise<{ data: Buffer; sizes: number[] }> {
  const pieces: Buffer[] = [];
  const sizes: number[] = [];
  let got = 0;
  await new Promise<void>((resolve) => {
    socket.on('message', (data, isBinary) => {
      expect(isBinary).toBe(true);
      const piece = data as Buffer;
      pieces.push(piece);
      sizes.push(piece.length);
      got += piece.length;
      if (got >= bytes) resolve();
    });
  });
  return { data: Buffer.concat(pieces), sizes };
}

/** A masked frame by hand. */
function frame(opcode: number, payload: Buffer, { fin = true, masked = true, rsv = 0 } = {}): Buffer {
  const mask = randomBytes(4);
  const size =
    payload.length < 126
      ? Buffer.from([payload.length])
      : payload.length < 65_536
        ? Buffer.concat([Buffer.from([126]), u16(payload.length)])
        : Buffer.concat([Buffer.from([127]), u64(payload.length)]);
  size[0] = (size[0] ?? 0) | (masked ? 0x80 : 0);
  const body = masked ? Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))) : payload;
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | rsv | opcode]), size, ...(masked ? [mask] : []), body]);
}
function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

async function raw(
  port: number,
): Promise<{ socket: Duplex; read(bytes: number): Promise<Buffer>; rest(): Promise<Buffer> }> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    'GET /any/path?x=1 HTTP/1.1\r\nHost: who.ever\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  let seen = Buffer.alloc(0);
  let ended = false;
  const waiters = new Set<() => void>();
  socket.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    for (const wake of waiters) wake();
  });
  socket.on('close', () => {
    ended = true;
    for (const wake of waiters) wake();
  });
  const until = (test: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        if (!test()) return;
        waiters.delete(wake);
        resolve();
      };
      waiters.add(wake);
      wake();
    });
  await until(() => seen.includes('\r\n\r\n'));
  // The value that RFC 6455 §1.3 gives for this key.
  expect(seen.toString('latin1')).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  seen = seen.subarray(seen.indexOf('\r\n\r\n') + 4);
  return {
    socket,
    async read(bytes) {
      await until(() => seen.length >= bytes || ended);
      const part = seen.subarray(0, bytes);
      seen = seen.subarray(bytes);
      return part;
    },
    async rest() {
      await until(() => ended);
      return seen;
    },
  };
}

describe('the WebSocket listener that stands where the proxy stood', () => {
  test('takes any path and Host, the first sub-protocol, no compression, and says who knocks', async () => {
    const peers: PeerInfo[] = [];
    const port = await echo((peer) => peers.push(peer));
    const socket = await open(`ws://127.0.0.1:${port}/some/path?q=1`, ['one.v1', 'two'], {
      host: 'abcd.tunnel.example',
      'cf-connecting-ip': '160.79.104.9',
    });
    expect(socket.protocol).toBe('one.v1');
    expect(socket.extensions).toBe('');
    expect(peers[0]).toMatchObject({ remoteAddress: '160.79.104.9', edge: 'cloudflared', transport: 'websocket' });
    const plain = await open(`ws://127.0.0.1:${port}/`, [], { 'cf-connecting-ip': 'not an address' });
    expect(plain.protocol).toBe('');
    expect(peers[1]?.remoteAddress).toBeUndefined();
  });

  test('hands on binary and text of any size and never sends more than 32 KiB a message', async () => {
    const socket = await open(`ws://127.0.0.1:${await echo()}/`);
    const big = randomBytes(3_000_000);
    const answer = gather(socket, big.length + 6);
    socket.send(big);
    socket.send('héllo', { binary: false });
    const { data, sizes } = await answer;
    expect(data.equals(Buffer.concat([big, Buffer.from('héllo')]))).toBe(true);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * 1_024);
  });

  test('takes text that is no UTF-8, pieces, empty frames, and pings between pieces, a byte at a time', async () => {
    const port = await echo();
    const { socket, read } = await raw(port);
    const bytes = Buffer.concat([
      frame(1, Buffer.from([0xff, 0xfe]), { fin: false }),
      frame(9, Buffer.from('hey')),
      frame(0, Buffer.alloc(0), { fin: false }),
      frame(0, Buffer.from([0x80])),
      frame(2, Buffer.alloc(200, 7)),
    ]);
    for (const byte of bytes) socket.write(Buffer.from([byte]));
    // The pong comes with the ping's payload; around it the echo, in whatever cuts.
    const want = 2 + 1 + 200;
    let echoed = Buffer.alloc(0);
    let pong = '';
    while (echoed.length < want) {
      const head = await read(2);
      const short = (head[1] ?? 0) & 0x7f;
      const length = short === 126 ? (await read(2)).readUInt16BE() : short;
      const payload = await read(length);
      if (((head[0] ?? 0) & 0x0f) === 10) pong = payload.toString();
      else echoed = Buffer.concat([echoed, payload]);
    }
    expect(pong).toBe('hey');
    expect(echoed.equals(Buffer.concat([Buffer.from([0xff, 0xfe, 0x80]), Buffer.alloc(200, 7)]))).toBe(true);
    socket.destroy();
  });

  test.each([
    ['without mask', frame(2, Buffer.from('x'), { masked: false })],
    ['with a reserved bit', frame(2, Buffer.from('x'), { rsv: 0x40 })],
    ['of an unknown type', frame(3, Buffer.from('x'))],
    ['of control, too long', frame(9, Buffer.alloc(126))],
    ['of control, in pieces', frame(9, Buffer.from('x'), { fin: false })],
    ['that continues nothing', frame(0, Buffer.from('x'))],
  ])('ends at a frame %s with Close 1002', async (_what, bytes) => {
    const { socket, rest } = await raw(await echo());
    socket.write(bytes);
    expect([...(await rest())]).toEqual([0x88, 2, 0x03, 0xea]);
  });

  test('pings every 30 s, and gives a peer up that answers none', async () => {
    const streams: Duplex[] = [];
    const port = await echo((_peer, stream) => streams.push(stream));
    const socket = await open(`ws://127.0.0.1:${port}/`);
    clock.advance(29_999);
    const pinged = once(socket, 'ping');
    clock.advance(1);
    await pinged;
    const silent = await raw(port);
    const gone = new Promise((resolve) => streams[1]?.once('close', resolve));
    for (let turn = 0; turn < 4; turn += 1) clock.advance(30_000);
    await gone;
    silent.socket.destroy();
  });

  test('answers a Close, and on its own end sends Close before it ends the socket', async () => {
    const streams: Duplex[] = [];
    const port = await echo((_peer, stream) => streams.push(stream));
    const first = await open(`ws://127.0.0.1:${port}/`);
    first.close(1000);
    expect((await once(first, 'close'))[0]).toBe(1000);
    const { socket, read, rest } = await raw(port);
    streams[1]?.end('bye');
    expect([...(await read(5))]).toEqual([0x82, 3, ...Buffer.from('bye')]);
    expect([...(await read(4))]).toEqual([0x88, 2, 0x03, 0xe8]);
    // Our end waits for the peer's Close: the connection is still there to be read.
    expect(socket.readableEnded).toBe(false);
    socket.write(frame(8, Buffer.from([0x03, 0xe8])));
    expect((await rest()).length).toBe(0);
  });

  test('holds a writer back while nobody reads', async () => {
    let streamOf: Duplex | undefined;
    listener = await openWebSocketListener({
      port: 0,
      clock,
      label: 'cloudflared',
      onConnection: (stream) => {
        streamOf = stream;
      },
    });
    const socket = await open(`ws://127.0.0.1:${listener.port}/`);
    for (let turn = 0; turn < 64; turn += 1) socket.send(Buffer.alloc(1_048_576));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(socket.bufferedAmount).toBeGreaterThan(16 * 1_048_576);
    expect(streamOf?.readableLength).toBeLessThan(1_048_576);
  });

  test('refuses what is no WebSocket: 426 for plain requests and old versions, 400 without key', async () => {
    const port = await echo();
    const status = (headers: Record<string, string>): Promise<number> =>
      new Promise((resolve, reject) => {
        const outgoing = request({ port, host: '127.0.0.1', headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        outgoing.on('error', reject);
        outgoing.end();
      });
    const upgrade = { connection: 'upgrade', upgrade: 'websocket' };
    expect(await status({})).toBe(426);
    expect(await status({ ...upgrade, 'sec-websocket-version': '8', 'sec-websocket-key': `${'A'.repeat(22)}==` })).toBe(
      426,
    );
    expect(await status({ ...upgrade, 'sec-websocket-version': '13' })).toBe(400);
  });

  test('TLS at the listener: the caller sees "wrong version number", and we say why', async () => {
    let told = 0;
    listener = await openWebSocketListener({
      port: 0,
      clock,
      label: 'cloudflared',
      onConnection: () => {},
      onTls: () => {
        told += 1;
      },
    });
    const socket = connectTls({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect([error.code, told]).toEqual(['ERR_SSL_WRONG_VERSION_NUMBER', 1]);
  });

  test('names the port that another program has', async () => {
    const port = await echo();
    await expect(openWebSocketListener({ port, clock, label: 'x', onConnection: () => {} })).rejects.toMatchObject({
      code: 'port_in_use',
      hop: 'tunnel',
    });
  });
});
