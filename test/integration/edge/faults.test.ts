import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import {
  agentTo,
  clientHello,
  connectorFor,
  createInner,
  digest,
  join,
  remainder,
  startConnector,
  startEdge,
  type TestEdge,
  until,
  wideLimits,
} from '../../fixtures/edge-harness.ts';

const domain = 'box.edge.test';
let edge: TestEdge;
const connectors: Connector[] = [];

beforeEach(async () => {
  edge = await startEdge();
});

afterEach(async () => {
  for (const connector of connectors.splice(0)) await connector.stop(0);
  await edge.edge.close(0);
});

async function connected(onStream: (stream: Duplex) => void, connections = 1, on: TestEdge = edge): Promise<Connector> {
  const connector = connectorFor(await join(on), { connections });
  connectors.push(connector);
  await startConnector(connector, onStream, connections);
  return connector;
}

/** A raw public connection that has got through; `stream` is the app's end. */
async function through(
  streams: AsyncIterator<Duplex>,
  options: { readonly localAddress?: string } = {},
): Promise<{ socket: Socket; stream: Duplex; hello: Buffer }> {
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true, ...options });
  socket.on('error', () => undefined);
  socket.write(hello);
  const { value } = await streams.next();
  return { socket, stream: value as Duplex, hello };
}

function queue(): { push: (stream: Duplex) => void; next: AsyncIterator<Duplex> } {
  const waiting: ((result: IteratorResult<Duplex>) => void)[] = [];
  const here: Duplex[] = [];
  return {
    push(stream) {
      const waiter = waiting.shift();
      if (waiter) waiter({ value: stream, done: false });
      else here.push(stream);
    },
    next: {
      next: () =>
        new Promise((resolve) => {
          const stream = here.shift();
          if (stream) resolve({ value: stream, done: false });
          else waiting.push(resolve);
        }),
    },
  };
}

test('half-close passes by itself: the answer after the client’s FIN arrives whole, and the other way round', async () => {
  const { push, next } = queue();
  await connected(push);
  const { socket, stream, hello } = await through(next);
  socket.end('question');
  expect((await digest(stream)).bytes).toBe(hello.length + 'question'.length);
  const answer = randomBytes(500_000);
  const received = digest(socket);
  stream.end(answer);
  expect((await received).hash).toBe(createHash('sha256').update(answer).digest('hex'));

  const second = await through(next);
  const read = digest(second.stream);
  second.stream.end('first word');
  expect((await digest(second.socket)).bytes).toBe('first word'.length);
  second.socket.end('late');
  expect((await read).bytes).toBe(second.hello.length + 'late'.length);
});

test('a side that breaks off breaks the other off, as a reset and not as an end', async () => {
  const { push, next } = queue();
  await connected(push);
  const one = await through(next);
  const closed = once(one.stream, 'close');
  one.stream.on('error', () => undefined);
  one.stream.resume();
  one.socket.resetAndDestroy();
  await closed;

  const two = await through(next);
  const seen = remainder(two.socket);
  two.stream.on('error', () => undefined);
  two.stream.destroy(new Error('the app broke off'));
  expect((await seen).error?.code).toBe('ECONNRESET');
  expect(edge.events.filter((event) => event.event === 'error')).toEqual([]);
});

test('a stranger who aborts 1,200 connections does not end an innocent stream', async () => {
  const { push, next } = queue();
  const connector = await connected(push);
  const innocent = await through(next);
  const sent = randomBytes(4_000_000);
  const received = digest(innocent.stream);
  innocent.socket.write(sent.subarray(0, 1_000_000));
  for (let round = 0; round < 12; round += 1) {
    const strangers = await Promise.all(Array.from({ length: 100 }, () => through(next)));
    for (const { socket, stream } of strangers) {
      stream.on('error', () => undefined);
      socket.resetAndDestroy();
    }
    await Promise.all(strangers.map(({ stream }) => stream.resume().closed || once(stream, 'close')));
    innocent.socket.write(sent.subarray(1_000_000 + round * 1_000, 1_001_000 + round * 1_000));
  }
  innocent.socket.end(sent.subarray(1_012_000));
  expect((await received).hash).toBe(createHash('sha256').update(innocent.hello).update(sent).digest('hex'));
  expect(connector.status().connections).toHaveLength(1);
}, 60_000);

test('1,000 streams with unread data do not end the connection', async () => {
  const { push, next } = queue();
  const connector = await connected(push);
  const stalled = [];
  for (let batch = 0; batch < 10; batch += 1) {
    stalled.push(...(await Promise.all(Array.from({ length: 100 }, () => through(next)))));
  }
  for (const { socket } of stalled) socket.write(Buffer.alloc(40_000, 1));
  const last = await through(next);
  last.socket.end('still here');
  expect((await digest(last.stream)).bytes).toBe(last.hello.length + 'still here'.length);
  expect(connector.status().connections).toHaveLength(1);
  for (const { socket } of stalled) socket.destroy();
}, 60_000);

test('a source over its limit is refused, and only it', async () => {
  await edge.edge.close(0);
  edge = await startEdge({ limits: { ...wideLimits, source: { open: 6, perSecond: 1_000, burst: 1_000 } } });
  const { push, next } = queue();
  await connected(push, 1);
  const greedy = [];
  for (let at = 0; at < 6; at += 1) greedy.push(await through(next, { localAddress: '127.0.0.2' }));
  const refused = connectTcp({ host: '127.0.0.1', port: edge.port, localAddress: '127.0.0.2' });
  expect((await remainder(refused)).error?.code).toBe('ECONNRESET');
  const innocent = await through(next, { localAddress: '127.0.0.3' });
  innocent.socket.end();
  expect((await digest(innocent.stream)).bytes).toBe(innocent.hello.length);
  for (const { socket } of greedy) socket.destroy();
});

test('a tunnel over its limit refuses with an alert, and other tunnels do not notice', async () => {
  await edge.edge.close(0);
  edge = await startEdge({ limits: { ...wideLimits, tunnel: { open: 2, perSecond: 1_000, burst: 1_000 } } });
  const { push, next } = queue();
  await connected(push, 1);
  const held = [await through(next), await through(next)];
  const refused = connectTcp({ host: '127.0.0.1', port: edge.port });
  refused.write(await clientHello(domain));
  expect([...(await remainder(refused)).bytes]).toEqual([21, 3, 3, 0, 2, 2, 80]);
  const other = connectorFor(await join(edge, 'other.edge.test'), { connections: 1 });
  connectors.push(other);
  await startConnector(other, (stream) => stream.pipe(stream), 1);
  const hello = await clientHello('other.edge.test');
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
  socket.end(hello);
  expect((await digest(socket)).bytes).toBe(hello.length);
  for (const { socket: open } of held) open.destroy();
});

test('a ClientHello that drips is cut off', async () => {
  await edge.edge.close(0);
  edge = await startEdge({ times: { hello: 150 } });
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
  socket.write(hello.subarray(0, 40));
  expect((await remainder(socket)).bytes).toHaveLength(0);
  expect(edge.events).toContainEqual(
    expect.objectContaining({ event: 'public_refused', reason: 'no ClientHello in time' }),
  );
});

test('a drained connector ends its streams in peace while new ones go to the next connection', async () => {
  const first = queue();
  const second = queue();
  const old = await connected(first.push, 1);
  const running = await through(first.next);
  const standBy = await connected(second.push, 1);
  const stopped = old.stop(10_000);
  const fresh = await through(second.next);
  running.socket.end('goodbye');
  expect((await digest(running.stream)).bytes).toBe(running.hello.length + 'goodbye'.length);
  const answered = digest(running.socket);
  running.stream.end('bye');
  expect((await answered).bytes).toBe(3);
  await stopped;
  fresh.socket.end();
  expect((await digest(fresh.stream)).bytes).toBe(fresh.hello.length);
  expect(standBy.status().state).toBe('connected');
});

test('public connections that race a connector’s drain are served by the next connection or not at all', async () => {
  const inner = await createInner(domain, (socket) => socket.pipe(socket));
  const one = await connected(inner.feed, 2);
  await connected(inner.feed, 2);
  const outcomes: boolean[] = [];
  const attempts = Array.from({ length: 60 }, async (_, index) => {
    if (index === 20) void one.stop(60_000);
    const socket = await agentTo(edge.port, domain, inner.ca);
    const sent = randomBytes(20_000);
    socket.end(sent);
    outcomes.push((await digest(socket)).hash === createHash('sha256').update(sent).digest('hex'));
  });
  await Promise.all(attempts);
  expect(outcomes.filter(Boolean)).toHaveLength(60);
}, 60_000);

test('an edge that goes tells its connectors, and running streams end in peace', async () => {
  const { push, next } = queue();
  const connector = await connected(push, 1);
  const running = await through(next);
  const closed = edge.edge.close(10_000);
  await until(connector, () => connector.status().state === 'trouble');
  expect(connector.status().error).toMatchObject({ code: 'edge_unreachable', hop: 'edge' });
  running.socket.end('last');
  expect((await digest(running.stream)).bytes).toBe(running.hello.length + 4);
  const answered = digest(running.socket);
  running.stream.end('word');
  expect((await answered).bytes).toBe(4);
  await closed;
});
