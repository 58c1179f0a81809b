import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { udpReaches } from '../../../electron/core/tunnel/connectors/anthropic/cloudflared/udp-probe.ts';

let server: Socket | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

async function serve(answer: (datagram: Buffer) => Buffer | undefined): Promise<string> {
  const socket = createSocket('udp4');
  server = socket;
  socket.on('message', (datagram, from) => {
    const sent = answer(datagram);
    if (sent) socket.send(sent, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return `127.0.0.1:${socket.address().port}`;
}

/** RFC 9000 §17.2.1: first bit, version 0, the ids changed over, and the versions that there are. */
function negotiation(datagram: Buffer, source?: Buffer): Buffer {
  const toLength = datagram[5] ?? 0;
  const destination = datagram.subarray(6, 6 + toLength);
  const fromLength = datagram[6 + toLength] ?? 0;
  const from = source ?? datagram.subarray(7 + toLength, 7 + toLength + fromLength);
  return Buffer.concat([
    Buffer.from([0x80, 0, 0, 0, 0, from.length]),
    from,
    Buffer.from([destination.length]),
    destination,
    Buffer.from([0, 0, 0, 1]),
  ]);
}

test('a QUIC server that answers is reached; what is sent is large enough for it and of no version', async () => {
  let size = 0;
  let version = 0;
  const address = await serve((datagram) => {
    size = datagram.length;
    version = datagram.readUInt32BE(1);
    return negotiation(datagram);
  });
  expect(await udpReaches(systemClock, [address])).toBe(true);
  expect(size).toBe(1_200);
  expect(version & 0x0f0f0f0f).toBe(0x0a0a0a0a);
});

test('silence, noise, and an answer that is not to us are no answer', async () => {
  // Waits are cut short; the answers are there long before.
  const clock = { ...systemClock, schedule: (ms: number, run: () => void) => systemClock.schedule(ms / 5, run) };
  expect(await udpReaches(clock, [await serve(() => undefined)])).toBe(false);
  expect(await udpReaches(clock, [await serve(() => Buffer.from('hello there'))])).toBe(false);
  expect(await udpReaches(clock, [await serve((datagram) => negotiation(datagram, Buffer.alloc(8, 7)))])).toBe(false);
  expect(await udpReaches(clock, ['nowhere.invalid:7844'])).toBe(false);
});
