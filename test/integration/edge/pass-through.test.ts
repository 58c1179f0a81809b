import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Connector, PeerInfo } from '../../../electron/core/tunnel/connectors/connector.ts';
import {
  agentTo,
  clientHello,
  connectorFor,
  createInner,
  digest,
  type InnerServer,
  join,
  remainder,
  startConnector,
  startEdge,
  type TestEdge,
} from '../../fixtures/edge-harness.ts';

const domain = 'box.edge.test';
let edge: TestEdge;
let connector: Connector;
let inner: InnerServer;
const peers: PeerInfo[] = [];
const observed: ['up' | 'down', Buffer][] = [];

beforeEach(async () => {
  peers.length = 0;
  observed.length = 0;
  edge = await startEdge({ observe: (_connection, direction, chunk) => observed.push([direction, chunk]) });
  inner = await createInner(domain, (socket) => socket.pipe(socket));
  connector = connectorFor(await join(edge));
  await startConnector(connector, (stream, peer) => {
    peers.push(peer);
    inner.feed(stream);
  });
});

afterEach(async () => {
  await connector.stop(0);
  await edge.edge.close(0);
});

test('random bytes come back through edge, tunnel and inner TLS as they went', async () => {
  const sent = randomBytes(3_000_000);
  const socket = await agentTo(edge.port, domain, inner.ca);
  socket.end(sent);
  const received = await digest(socket);
  expect(received).toEqual({ hash: createHash('sha256').update(sent).digest('hex'), bytes: sent.length });
  expect(peers[0]).toMatchObject({ remoteAddress: '127.0.0.1', transport: 'tls', door: 'sni' });
});

test('the edge hands on every byte as it came, and what it can observe holds nothing readable', async () => {
  const planted = 'a secret that was planted here';
  const entered: Buffer[] = [];
  await connector.stop(0);
  await startConnector(connector, (stream) => {
    const { push } = stream;
    stream.push = (chunk: Buffer | null) => {
      if (chunk) entered.push(Buffer.from(chunk));
      return push.call(stream, chunk);
    };
    inner.feed(stream);
  });
  const socket = await agentTo(edge.port, domain, inner.ca);
  socket.end(planted.repeat(1_000));
  expect((await digest(socket)).bytes).toBe(planted.length * 1_000);
  const up = Buffer.concat(observed.filter(([direction]) => direction === 'up').map(([, chunk]) => chunk));
  expect(up.length).toBeGreaterThan(planted.length * 1_000);
  expect(up.equals(Buffer.concat(entered))).toBe(true);
  expect(Buffer.concat(observed.map(([, chunk]) => chunk)).includes(planted)).toBe(false);
  expect(JSON.stringify(edge.events)).not.toContain(planted);
});

test('500 public connections at once each get their own bytes back', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const sent = randomBytes(2_000);
      const socket = await agentTo(edge.port, domain, inner.ca);
      socket.end(sent);
      return (await digest(socket)).hash === createHash('sha256').update(sent).digest('hex');
    }),
  );
  expect(outcomes.filter(Boolean)).toHaveLength(500);
  expect(new Set(peers.map((peer) => peer.id)).size).toBe(500);
}, 60_000);

test('connections share the tunnel’s connections in turn', async () => {
  expect(edge.edge.status().tunnels).toMatchObject([{ domain, connections: [{}, {}] }]);
});

test('a client without SNI gets the only tunnel', async () => {
  const hello = await clientHello(undefined);
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
  const answer = once(socket, 'data');
  socket.write(hello);
  const [bytes] = (await answer) as [Buffer];
  expect(bytes[0]).toBe(22);
  socket.destroy();
});

test('an unknown name gets the alert unrecognized_name, and so does no name when there are two tunnels', async () => {
  await join(edge, 'second.edge.test');
  for (const name of ['stranger.test', undefined]) {
    const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
    socket.write(await clientHello(name));
    expect([...(await remainder(socket)).bytes]).toEqual([21, 3, 3, 0, 2, 2, 112]);
  }
});

test('a tunnel without a machine behind it answers with the alert internal_error', async () => {
  await connector.stop(0);
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
  socket.write(await clientHello(domain));
  expect([...(await remainder(socket)).bytes]).toEqual([21, 3, 3, 0, 2, 2, 80]);
});

test('what is no TLS is told so', async () => {
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
  socket.write('GET / HTTP/1.1\r\n\r\n');
  expect((await remainder(socket)).bytes[6]).toBe(10);
});
