import 'reflect-metadata';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { ExtendedKeyUsageExtension, X509CertificateGenerator } from '@peculiar/x509';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { createMemoryEdgeStore } from '../../../electron/core/tunnel/edge/edge-store.ts';
import { createEmbeddedEdge } from '../../../electron/core/tunnel/edge/embedded-edge.ts';
import { formatJoinLine, parseJoinLine } from '../../../electron/core/tunnel/edge/join-line.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { exportPrivateKey, generateKeyPair } from '../../../electron/core/tunnel/pki/key-pair.ts';
import {
  agentTo,
  clientHello,
  connectorFor,
  createInner,
  digest,
  join,
  startConnector,
  startEdge,
  type TestEdge,
  until,
} from '../../fixtures/edge-harness.ts';
import { type NoRawProxy, startNoRawProxy } from '../../fixtures/edge-no-raw-proxy.ts';

const domain = 'box.edge.test';
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function anEdge(...options: Parameters<typeof startEdge>): Promise<TestEdge> {
  const edge = await startEdge(...options);
  cleanUps.push(() => edge.edge.close(0));
  return edge;
}

function kept(connector: Connector): Connector {
  cleanUps.push(() => connector.stop(0));
  return connector;
}

async function proxied(edge: TestEdge, mode: 'drop' | 'inspect'): Promise<NoRawProxy> {
  const proxy = await startNoRawProxy(edge.port, mode);
  cleanUps.push(() => proxy.close());
  return proxy;
}

/** The agent's greeting comes back through edge and connector. */
async function works(edge: TestEdge): Promise<void> {
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
  socket.end(hello);
  expect((await digest(socket)).bytes).toBe(hello.length);
}

const echo = (stream: NodeJS.ReadWriteStream): void => void stream.pipe(stream);

test('status follows the truth: off, connecting, connected with round trips, off', async () => {
  const edge = await anEdge();
  const connector = kept(connectorFor(await join(edge)));
  expect(connector.status()).toEqual({ state: 'off', connections: [] });
  connector.start(echo);
  expect(connector.status().state).toBe('connecting');
  await until(connector, () => connector.status().connections.length === 2);
  const [connection] = connector.status().connections;
  expect(connection).toMatchObject({ edge: `127.0.0.1:${edge.port}`, transport: 'tls' });
  expect(connection?.rttMs).toBeGreaterThan(0);
  await connector.stop();
  expect(connector.status().state).toBe('off');
  expect(edge.edge.status().tunnels).toEqual([{ domain, connections: [] }]);
});

test('an edge that comes back is found again', async () => {
  const { authority } = await createAuthority({ commonName: 'Edge', now: Date.now() });
  const store = createMemoryEdgeStore();
  const first = await startEdge({ authority, store });
  const connector = kept(connectorFor(await join(first)));
  await startConnector(connector, echo);
  await first.edge.close(0);
  await until(connector, () => connector.status().state === 'trouble');
  expect(connector.status().error).toMatchObject({ code: 'edge_unreachable', hop: 'edge' });
  const again = await anEdge({ authority, store }, first.port);
  await until(connector, () => connector.status().connections.length === 2);
  await works(again);
});

test('an edge with another key is refused, before and after the handshake', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const other = await anEdge();
  const misled = kept(connectorFor({ ...joined, port: other.port }));
  misled.start(echo);
  await until(misled, () => misled.status().state === 'trouble');
  expect(misled.status().error).toMatchObject({ code: 'edge_untrusted', hop: 'edge' });
  expect(other.events.filter(({ event }) => event === 'connector_up')).toEqual([]);

  const wrongPin = kept(connectorFor({ ...joined, caPin: 'A'.repeat(43) }));
  wrongPin.start(echo);
  await until(wrongPin, () => wrongPin.status().state === 'trouble');
  expect(wrongPin.status().error).toMatchObject({ code: 'edge_untrusted' });
});

test('a revoked certificate loses its connections at once and is refused from then on', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const connector = kept(connectorFor(joined));
  await startConnector(connector, echo);
  const running = connectTcp({ host: '127.0.0.1', port: edge.port });
  running.on('error', () => undefined);
  running.write(await clientHello(domain));
  await once(running, 'data');
  const cut = once(running, 'close');
  const serial = edge.events.find(({ event }) => event === 'enrolled')?.serial ?? '';
  expect(await edge.edge.revoke(serial)).toMatchObject({ serial, name: domain });
  await cut;
  await until(connector, () => connector.status().error?.code === 'edge_refused');
  expect(connector.status().error?.message).toContain('revoked');
  expect(edge.events).toContainEqual(
    expect.objectContaining({ event: 'connector_refused', reason: 'certificate_revoked' }),
  );
});

test('a revocation that another process stored cuts open connections too', async () => {
  const store = createMemoryEdgeStore();
  const edge = await anEdge({ store });
  const connector = kept(connectorFor(await join(edge)));
  await startConnector(connector, echo);
  const [client] = await store.clients();
  await store.revoke(client?.serial ?? '', new Date().toISOString());
  await until(connector, () => connector.status().error?.code === 'edge_refused');
});

test('a certificate of a CA that the edge does not know is refused in words', async () => {
  const edge = await anEdge();
  const elsewhere = await anEdge();
  const foreign = await join(elsewhere);
  const { ca, caPin } = await join(edge);
  const connector = kept(connectorFor({ ...foreign, port: edge.port, ca, caPin }));
  connector.start(echo);
  await until(connector, () => connector.status().state === 'trouble');
  expect(connector.status().error).toMatchObject({ code: 'edge_refused', hop: 'edge' });
});

test('a foreign certificate with the serial number of a known one is refused', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const serialNumber = edge.events.find(({ event }) => event === 'enrolled')?.serial ?? '';
  const { authority } = await createAuthority({ commonName: 'Forger', now: Date.now() });
  const keys = await generateKeyPair();
  const forged = await X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${domain}`,
    issuer: authority.certificate.subjectName,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 60_000),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: keys.publicKey as CryptoKey,
    signingKey: authority.signingKey as CryptoKey,
    extensions: [new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2'])],
  });
  const certificate = forged.toString('pem');
  const connector = kept(connectorFor({ ...joined, certificate, key: await exportPrivateKey(keys.privateKey) }));
  connector.start(echo);
  await until(connector, () => connector.status().state !== 'connecting');
  expect(connector.status().error).toMatchObject({ code: 'edge_refused' });
  expect(edge.edge.status().tunnels).toEqual([{ domain, connections: [] }]);
});

test('a certificate that the edge has no record of is refused', async () => {
  const { authority } = await createAuthority({ commonName: 'Edge', now: Date.now() });
  const before = await startEdge({ authority });
  const joined = await join(before);
  await before.edge.close(0);
  await anEdge({ authority }, before.port);
  const connector = kept(connectorFor(joined));
  connector.start(echo);
  await until(connector, () => connector.status().error?.code === 'edge_refused');
});

test('an edge that falls silent is noticed by PING, on both sides', async () => {
  const edge = await anEdge({ times: { ping: 50, pingTimeout: 100 } });
  const joined = await join(edge);
  // A relay that can stop passing bytes on without closing anything, as a dead line does.
  const pairs: [Socket, Socket][] = [];
  const relay = createServer((near) => {
    const far = connectTcp({ host: '127.0.0.1', port: edge.port });
    pairs.push([near, far]);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far);
    far.pipe(near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  cleanUps.push(async () => {
    for (const socket of pairs.flat()) socket.destroy();
    relay.close();
  });
  const { port } = relay.address() as { port: number };
  const connector = kept(connectorFor({ ...joined, port }, { connections: 1, times: { ping: 50, pingTimeout: 100 } }));
  await startConnector(connector, echo, 1);
  for (const [near, far] of pairs) {
    near.unpipe(far);
    far.unpipe(near);
    near.pause();
    far.pause();
  }
  await until(connector, () => connector.status().connections.length === 0);
  await until(connector, () => connector.status().connections.length === 1);
  expect(edge.events.filter(({ event }) => event === 'connector_up').length).toBeGreaterThan(1);
  expect(edge.edge.status().tunnels[0]?.connections).toHaveLength(1);
});

for (const mode of ['drop', 'inspect'] as const) {
  test(`where raw TLS does not get through (${mode}) a WebSocket does, and raw TLS is tried again`, async () => {
    const edge = await anEdge();
    const proxy = await proxied(edge, mode);
    const line = parseJoinLine(await edge.joinLine(domain));
    const behind = formatJoinLine({ ...line, port: proxy.port });
    const joined = await joinEdge(behind, { carrierCa: proxy.ca });
    const connector = kept(
      connectorFor(joined, { connections: 1, carrierCa: proxy.ca, times: { rawAgain: 200, dial: 3_000 } }),
    );
    await startConnector(connector, echo, 1);
    expect(connector.status().connections).toMatchObject([{ transport: 'websocket' }]);
    expect(edge.edge.status().tunnels).toMatchObject([{ connections: [{ transport: 'websocket' }] }]);
    await works(edge);
    proxy.letThrough();
    await until(connector, () => connector.status().connections[0]?.transport === 'tls');
    await works(edge);
  });
}

test('an inspecting proxy whose CA nobody trusts is refused', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const proxy = await proxied(edge, 'inspect');
  const connector = kept(connectorFor({ ...joined, port: proxy.port }));
  connector.start(echo);
  await until(connector, () => connector.status().state === 'trouble');
  expect(connector.status().error).toMatchObject({ code: 'edge_untrusted' });
});

test('the embedded edge serves localhost over loopback, with and without SNI', async () => {
  const embedded = await createEmbeddedEdge({ port: 0, clock: systemClock });
  cleanUps.push(() => embedded.close(0));
  const inner = await createInner('localhost', (socket) => socket.pipe(socket));
  await startConnector(embedded.connector, inner.feed, 1);
  expect(embedded.connector.status().connections).toMatchObject([{ edge: 'embedded', transport: 'tls' }]);
  const socket = await agentTo(embedded.port, 'localhost', inner.ca);
  socket.end('hello');
  expect((await digest(socket)).bytes).toBe(5);
  await expect(createEmbeddedEdge({ port: embedded.port, clock: systemClock })).rejects.toMatchObject({
    code: 'port_in_use',
  });
});
