import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import {
  clientHello,
  connectorFor,
  digest,
  join,
  startConnector,
  startEdge,
  type TestEdge,
} from '../../fixtures/edge-harness.ts';

// Node's HTTP/2 stops for ever when both ends have more queued than the kernel holds (ack-duplex.ts). Mutation: give
// `done` to socket.write there instead of calling it at once, and these time out.

const domain = 'box.edge.test';
let edge: TestEdge;
let connector: Connector;

afterEach(async () => {
  await connector.stop(0);
  await edge.edge.close(0);
});

/** A public connection whose far end sends everything back: raw bytes behind a ClientHello, no TLS in the way. */
async function echoed(hello: Buffer, size: number): Promise<boolean> {
  const sent = Buffer.concat([hello, randomBytes(size)]);
  const socket: Socket = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
  socket.end(sent);
  const received = await digest(socket);
  return received.hash === createHash('sha256').update(sent).digest('hex');
}

for (const transport of ['tls', 'websocket'] as const) {
  test(`200 × 100 KB and 4 × 16 MB both ways at once come through over ${transport}`, async () => {
    edge = await startEdge();
    connector = connectorFor(await join(edge), { connections: 1, transports: [transport] });
    await startConnector(connector, (stream) => stream.pipe(stream), 1);
    const hello = await clientHello(domain);
    const many = await Promise.all(Array.from({ length: 200 }, () => echoed(hello, 100_000)));
    expect(many.filter(Boolean)).toHaveLength(200);
    const large = await Promise.all(Array.from({ length: 4 }, () => echoed(hello, 16_000_000)));
    expect(large).toEqual([true, true, true, true]);
    expect(connector.status().connections).toMatchObject([{ transport }]);
  }, 60_000);
}
