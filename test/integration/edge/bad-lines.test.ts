import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import type { JoinedEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { streamWindow } from '../../../electron/core/tunnel/edge/protocol.ts';
import { startBadLine } from '../../fixtures/bad-line.ts';
import {
  agentTo,
  clientHello,
  connectorFor,
  createInner,
  digest,
  join as joinTunnel,
  remainder,
  startConnector,
  startEdge,
  type TestEdge,
  until,
} from '../../fixtures/edge-harness.ts';
import { createSeeded } from '../../seeded.ts';

const domain = 'box.edge.test';
const quick = { ping: 100, pingTimeout: 300, dial: 2_000 };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function anEdge(options: Parameters<typeof startEdge>[0] = {}): Promise<TestEdge> {
  const edge = await startEdge(options);
  closers.push(() => edge.edge.close(0));
  return edge;
}
async function aLine(...options: Parameters<typeof startBadLine>): ReturnType<typeof startBadLine> {
  const line = await startBadLine(...options);
  closers.push(() => line.close());
  return line;
}
function over(line: { port: number }, joined: JoinedEdge, options: Parameters<typeof connectorFor>[1] = {}): Connector {
  const connector = connectorFor({ ...joined, port: line.port }, { transports: ['tls'], ...options });
  closers.push(() => connector.stop(0));
  return connector;
}
const echo = (stream: Duplex): void => {
  stream.on('error', () => undefined);
  stream.pipe(stream);
};
async function works(port: number): Promise<void> {
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(hello);
  expect((await digest(socket)).bytes).toBe(hello.length);
}

test('a black hole without RST: both ends notice by PING, the connector dials again, and calls get through', async () => {
  const edge = await anEdge({ times: quick });
  const line = await aLine(edge.port);
  const connector = over(line, await joinTunnel(edge), { times: quick });
  await startConnector(connector, echo);
  await works(edge.port);
  line.swallow();
  await until(connector, () => connector.status().connections.length === 0);
  await until(connector, () => connector.status().connections.length === 2);
  await works(edge.port);
  // The edge has let go of the dead ones too: nothing is routed into the hole.
  await expect.poll(() => edge.edge.status().tunnels[0]?.connections.length).toBe(2);
});

test('after sleep (retryNow) a dead connection is found out at once, not at the next interval', async () => {
  const edge = await anEdge();
  const line = await aLine(edge.port);
  // The product's own interval: without being asked, nothing would be noticed for 15 s.
  const connector = over(line, await joinTunnel(edge), { times: { pingTimeout: 300, dial: 2_000 } });
  await startConnector(connector, echo);
  line.swallow();
  const started = performance.now();
  connector.retryNow();
  await until(connector, () => connector.status().connections.length === 0);
  await until(connector, () => connector.status().connections.length === 2);
  expect(performance.now() - started).toBeLessThan(5_000);
  await works(edge.port);
});

test('a new connection into a black hole is given up, and the next attempt gets through', async () => {
  const edge = await anEdge();
  const line = await aLine(edge.port);
  line.swallowNew(true);
  const connector = over(line, await joinTunnel(edge), { times: { dial: 300 } });
  connector.start(echo);
  await until(connector, () => connector.status().state === 'trouble');
  expect(connector.status().error).toMatchObject({ code: 'edge_blocked', hop: 'edge' });
  line.swallowNew(false);
  await until(connector, () => connector.status().connections.length === 2);
  await works(edge.port);
});

test('300 ms there and back, and one chunk in twenty late as a lost segment is: every byte arrives, the tunnel holds', async () => {
  const edge = await anEdge({ times: { ping: 500, pingTimeout: 5_000 } });
  const line = await aLine(edge.port, {
    delayMs: 150,
    lossShare: 0.05,
    lossDelayMs: 400,
    chance: createSeeded(7).chance,
  });
  const connector = over(line, await joinTunnel(edge), { times: { ping: 500, pingTimeout: 5_000 } });
  const inner = await createInner(domain, (socket) => socket.pipe(socket));
  await startConnector(connector, inner.feed);
  const since = connector.status().connections.map((one) => one.since);
  const exchanges = Array.from({ length: 8 }, async (_, index) => {
    const agent = await agentTo(edge.port, domain, inner.ca);
    const sent = randomBytes(20_000 * (index + 1));
    agent.end(sent);
    expect((await digest(agent)).hash).toBe(createHash('sha256').update(sent).digest('hex'));
  });
  await Promise.all(exchanges);
  expect(connector.status().connections.map((one) => one.since)).toEqual(since);
  expect(Math.min(...connector.status().connections.map((one) => one.rttMs ?? 0))).toBeGreaterThanOrEqual(300);
}, 30_000);

test('a reader that stops holds its writer back at both ends, and nobody else', async () => {
  const edge = await anEdge();
  const streams: Duplex[] = [];
  const connector = over(edge, await joinTunnel(edge), { connections: 1 });
  await startConnector(connector, (stream) => streams.push(stream), 1);
  const stalled = connectTcp({ host: '127.0.0.1', port: edge.port });
  closers.push(async () => stalled.destroy());
  stalled.on('error', () => undefined);
  stalled.pause();
  stalled.write(await clientHello(domain));
  await expect.poll(() => streams.length).toBe(1);
  const [app] = streams;
  app?.on('error', () => undefined);
  let taken = 0;
  const chunk = Buffer.alloc(65_536, 1);
  // Writes for as long as somebody takes it; a second without anything taken is a stop.
  for (let held = false; !held && taken < 64 * 1_048_576; ) {
    const room = app?.write(chunk) ?? false;
    taken += chunk.length;
    if (room || !app) continue;
    held = await Promise.race([
      once(app, 'drain').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, true)),
    ]);
  }
  // Window, kernel buffers of the agent's own connection, and one chunk each: far from "everything".
  expect(taken).toBeLessThan(16 * 1_048_576);
  expect(app?.writableLength).toBeLessThan(4 * streamWindow);
  const other = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
  other.end(await clientHello(domain));
  await expect.poll(() => streams.length).toBe(2);
  streams[1]?.pipe(streams[1]);
  expect((await digest(other)).bytes).toBeGreaterThan(100);
});

test('garbage at every layer costs the sender only: TLS, HTTP, HTTP/2 behind a good certificate, WebSocket', async () => {
  const edge = await anEdge();
  const joined = await joinTunnel(edge);
  const connector = over(edge, joined);
  await startConnector(connector, echo);
  const since = connector.status().connections.map((one) => one.since);
  const own = { host: '127.0.0.1', port: edge.port, servername: 'edge.localhost', ca: [joined.ca] };
  const rubbish = (): Buffer => randomBytes(3_000);
  const dies = async (socket: TLSSocket): Promise<void> => {
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.write(rubbish());
    await remainder(socket);
  };
  for (let round = 0; round < 5; round += 1) {
    const raw = connectTcp({ host: '127.0.0.1', port: edge.port });
    raw.write(rubbish());
    await remainder(raw);
    await dies(connectTls({ ...own, ALPNProtocols: ['http/1.1'] }));
    const { certificate: cert, key } = joined;
    await dies(connectTls({ ...own, ALPNProtocols: ['sallyport/1'], cert, key }));
    const webSocket = new WebSocket(`wss://127.0.0.1:${edge.port}/connect`, ['sallyport.h2.v1'], {
      ca: joined.ca,
      servername: 'edge.localhost',
    } as object);
    webSocket.on('error', () => undefined);
    await once(webSocket, 'open');
    webSocket.send(rubbish());
    await once(webSocket, 'close');
    // Cuts through the middle of a frame, behind the WebSocket library's back.
    const cut = new WebSocket(`wss://127.0.0.1:${edge.port}/connect`, ['sallyport.h2.v1'], {
      ca: joined.ca,
      servername: 'edge.localhost',
    } as object);
    cut.on('error', () => undefined);
    const [{ socket }] = (await once(cut, 'upgrade')) as [{ socket: TLSSocket }];
    socket.write(rubbish());
    await once(cut, 'close');
  }
  await works(edge.port);
  expect(connector.status().connections.map((one) => one.since)).toEqual(since);
  expect(edge.events.filter((event) => event.event === 'error')).toEqual([]);
});

test('a clock that jumps by hours, both ways, at either end, changes nothing', async () => {
  let atEdge = 0;
  let atApp = 0;
  const edge = await anEdge({ times: quick, clock: { ...systemClock, now: () => Date.now() + atEdge } });
  const clock = { ...systemClock, now: () => Date.now() + atApp };
  const connector = over(edge, await joinTunnel(edge), { times: quick, clock });
  await startConnector(connector, echo);
  const since = connector.status().connections.map((one) => one.since);
  const rounds = (): number[] => connector.status().connections.map((one) => one.rttMs ?? 0);
  for (const [edgeHours, appHours] of [
    [5, 0],
    [0, -7],
    [-9, 12],
  ] as const) {
    atEdge = edgeHours * 3_600_000;
    atApp = appHours * 3_600_000;
    const before = rounds();
    await expect.poll(rounds).not.toEqual(before);
    await works(edge.port);
  }
  expect(connector.status().connections.map((one) => one.since)).toEqual(since);
});

test('an edge that is stopped (SIGSTOP) is given up by PING, and taken again when it goes on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sp-stop-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'edge.ts');
  const root = join(import.meta.dirname, '../../..');
  await writeFile(
    file,
    `import { startEdge } from ${JSON.stringify(join(root, 'test/fixtures/edge-harness.ts'))};
     const edge = await startEdge();
     console.log(JSON.stringify({ port: edge.port, line: await edge.joinLine('${domain}') }));`,
  );
  const child: ChildProcess = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(async () => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [text] = (await once(lines, 'line')) as [string];
  const { port, line } = JSON.parse(text) as { port: number; line: string };
  const { joinEdge } = await import('../../../electron/core/tunnel/connectors/enrol.ts');
  const connector = over({ port }, await joinEdge(line), { times: { ...quick, dial: 500 } });
  await startConnector(connector, echo);
  child.kill('SIGSTOP');
  await until(connector, () => connector.status().state === 'trouble');
  child.kill('SIGCONT');
  await until(connector, () => connector.status().connections.length === 2);
  await works(port);
}, 40_000);
