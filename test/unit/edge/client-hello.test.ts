import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import {
  ClientHelloError,
  maxHelloBytes,
  parseClientHello,
  peekClientHello,
} from '../../../electron/core/tunnel/edge/client-hello.ts';
import { clientHello } from '../../fixtures/edge-harness.ts';
import { createManualClock } from '../../manual-clock.ts';

/** A small generator with a seed, so that a failure can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

/** The same handshake spread over records whose sizes `random` chooses. */
function intoRecords(hello: Buffer, random: () => number): Buffer {
  const handshake = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < handshake.length; ) {
    const size = Math.min(handshake.length - at, 1 + Math.floor(random() * 300));
    const header = Buffer.from([22, 3, 1, 0, 0]);
    header.writeUInt16BE(size, 3);
    records.push(header, handshake.subarray(at, at + size));
    at += size;
  }
  return Buffer.concat(records);
}

function extension(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(data.length, 2);
  return Buffer.concat([head, data]);
}

/** A ClientHello made by hand around these extensions. */
function handmade(extensions: Buffer, cut = 0): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(extensions.length);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0, 0, 2, 0x13, 0x01, 1, 0]),
    length,
    extensions,
  ]);
  const short = body.subarray(0, body.length - cut);
  const handshake = Buffer.concat([Buffer.from([1, 0, short.length >> 8, short.length & 255]), short]);
  return Buffer.concat([Buffer.from([22, 3, 1, handshake.length >> 8, handshake.length & 255]), handshake]);
}

test('reads name and protocols of a real ClientHello', async () => {
  const hello = await clientHello('Box.Edge.TEST', ['sallyport/1', 'h2']);
  expect(parseClientHello(hello)).toEqual({
    state: 'complete',
    hello: { serverName: 'box.edge.test', alpn: ['sallyport/1', 'h2'] },
  });
  expect(parseClientHello(await clientHello(undefined))).toEqual({ state: 'complete', hello: { alpn: [] } });
});

test('every proper prefix is incomplete, whatever records it is spread over', async () => {
  const hello = await clientHello('box.edge.test', ['h2']);
  for (let seed = 1; seed <= 40; seed += 1) {
    const bytes = seed === 1 ? hello : intoRecords(hello, seeded(seed));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(parseClientHello(bytes.subarray(0, length)).state, `seed ${seed}, ${length} bytes`).toBe('incomplete');
    }
    expect(parseClientHello(bytes)).toMatchObject({ state: 'complete', hello: { serverName: 'box.edge.test' } });
  }
});

test('any segmentation yields the same answer and leaves every byte in the stream', async () => {
  const hello = await clientHello('box.edge.test', ['h2', 'http/1.1']);
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seeded(seed);
    const bytes = Buffer.concat([intoRecords(hello, random), Buffer.from(`what follows ${seed}`)]);
    const stream = new PassThrough();
    const peek = peekClientHello(stream, { clock: systemClock });
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + Math.floor(random() * 200);
      stream.write(bytes.subarray(at, at + size));
      at += size;
      if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await peek).toEqual({ serverName: 'box.edge.test', alpn: ['h2', 'http/1.1'] });
    stream.end();
    const read: Buffer[] = [];
    for await (const chunk of stream) read.push(chunk as Buffer);
    expect(Buffer.concat(read).equals(bytes), `seed ${seed}`).toBe(true);
  }
});

test('rubbish never does more than be refused', async () => {
  const hello = await clientHello('box.edge.test', ['h2']);
  const random = seeded(99);
  for (let round = 0; round < 3_000; round += 1) {
    const bytes = Buffer.from(hello);
    for (let change = 0; change <= round % 4; change += 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    expect(['complete', 'incomplete', 'invalid']).toContain(parseClientHello(bytes).state);
  }
});

test('says what is wrong with what is no ClientHello', () => {
  expect(parseClientHello(Buffer.from('GET / HTTP/1.1'))).toMatchObject({ alert: 'unexpected_message' });
  expect(parseClientHello(Buffer.from([22, 2, 0]))).toMatchObject({ alert: 'protocol_version' });
  expect(parseClientHello(Buffer.from([22, 3, 1, 0, 0]))).toMatchObject({ alert: 'decode_error' });
  expect(parseClientHello(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]))).toMatchObject({ alert: 'unexpected_message' });
  expect(parseClientHello(Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]))).toMatchObject({ alert: 'decode_error' });
  const name = Buffer.from([0, 6, 0, 0, 3, 0x61, 0x2e, 0x62]);
  const good = handmade(extension(0, name));
  expect(parseClientHello(good)).toEqual({ state: 'complete', hello: { serverName: 'a.b', alpn: [] } });
  expect(parseClientHello(handmade(Buffer.concat([extension(0, name), extension(0, name)])))).toMatchObject({
    state: 'invalid',
  });
  expect(parseClientHello(handmade(extension(0, name), 2))).toMatchObject({ state: 'invalid' });
  expect(parseClientHello(handmade(extension(0, Buffer.from([0, 6, 0, 0, 3, 0x61, 0x00, 0x62]))))).toMatchObject({
    state: 'invalid',
  });
});

test('gives up after 16 KiB, and after 5 seconds', async () => {
  const long = new PassThrough();
  const tooLong = peekClientHello(long, { clock: systemClock });
  // Many tiny records of a ClientHello that claims the most it may.
  const header = Buffer.from([22, 3, 1, 0, 5, 1, 0, 0x3f, 0xf0, 0]);
  long.write(header);
  for (let at = 0; at < maxHelloBytes; at += 6) long.write(Buffer.from([22, 3, 1, 0, 1, 0]));
  await expect(tooLong).rejects.toMatchObject({ alert: 'decode_error' });

  const clock = createManualClock();
  const slow = peekClientHello(new PassThrough(), { clock });
  clock.advance(4_999);
  expect(clock.pending).toBe(1);
  clock.advance(1);
  await expect(slow).rejects.toBeInstanceOf(ClientHelloError);

  const closed = new PassThrough();
  const gone = peekClientHello(closed, { clock });
  closed.end();
  await expect(gone).rejects.toThrow('closed');
});
