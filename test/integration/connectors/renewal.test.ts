import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import { createConnectorIdentity } from '../../../electron/core/tunnel/connectors/connector-identity.ts';
import { createEdgeConnector } from '../../../electron/core/tunnel/connectors/edge-connector.ts';
import { type JoinedEdge, renewAtEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import {
  createMemoryEdgeStore,
  type EdgeStore,
  installationOf,
} from '../../../electron/core/tunnel/edge/edge-store.ts';
import { createCsr } from '../../../electron/core/tunnel/pki/certificate-request.ts';
import {
  clientHello,
  connectorFor,
  digest,
  join,
  startConnector,
  startEdge,
  type TestEdge,
  until,
} from '../../fixtures/edge-harness.ts';
import { startNoRawProxy } from '../../fixtures/edge-no-raw-proxy.ts';
import { createManualClock } from '../../manual-clock.ts';

const domain = 'box.edge.test';
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function anEdge(options: Parameters<typeof startEdge>[0] = {}): Promise<TestEdge & { store: EdgeStore }> {
  const store = createMemoryEdgeStore();
  const edge = await startEdge({ store, ...options });
  closers.push(() => edge.edge.close(0));
  return { ...edge, store };
}

const optionsOf = (joined: JoinedEdge) => ({ address: joined, ca: joined.ca, present: joined });

async function works(edge: TestEdge): Promise<void> {
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
  socket.end(hello);
  expect((await digest(socket)).bytes).toBe(hello.length);
}

test('a certificate is renewed over the wire, for the same domain and installation, with a key made here', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const renewed = await renewAtEdge(optionsOf(joined));
  expect(renewed.key).not.toBe(joined.key);
  const [first, second] = await edge.store.clients();
  expect(second).toMatchObject({ kind: 'connector', name: domain, installation: first?.serial });
  const connector = connectorFor({ ...joined, ...renewed });
  closers.push(() => connector.stop(0));
  await startConnector(connector, (stream) => stream.pipe(stream));
  await works(edge);
  // Three good ones at most: a thief of one certificate cannot gather more.
  await renewAtEdge(optionsOf(joined));
  await expect(renewAtEdge(optionsOf(joined))).rejects.toMatchObject({ code: 'renewal_refused', hop: 'edge' });
  await expect(renewAtEdge(optionsOf(joined))).rejects.toMatchObject({ code: 'too_many_requests' });
});

test('where a network inspects TLS, renewal goes through the WebSocket', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const proxy = await startNoRawProxy(edge.port, 'inspect');
  closers.push(() => proxy.close());
  const address = { ...joined, port: proxy.port };
  const renewed = await renewAtEdge({ address, ca: joined.ca, present: joined, carrierCa: proxy.ca });
  expect(renewed.certificate).not.toBe(joined.certificate);
});

test('a revoked certificate, an agent’s, and none at all are not renewed', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const { csrPem, keyPem } = await createCsr();
  const agent = await edge.edge.enrolment.addAgent('cloud', csrPem);
  const asAgent = { ...optionsOf(joined), present: { certificate: agent.pem, key: keyPem } };
  await expect(renewAtEdge(asAgent)).rejects.toMatchObject({ code: 'renewal_refused' });
  const other = await startEdge();
  closers.push(() => other.edge.close(0));
  const foreign = { ...optionsOf(joined), present: await join(other) };
  await expect(renewAtEdge(foreign)).rejects.toMatchObject({ code: 'certificate_needed' });
  const [client] = await edge.store.clients();
  await edge.edge.revoke(client?.serial ?? '');
  await expect(renewAtEdge(optionsOf(joined))).rejects.toMatchObject({ code: 'certificate_needed' });
  expect((await edge.store.clients()).filter((one) => one.kind === 'connector')).toHaveLength(1);
});

test('after four months the connections move over to the new certificate; nothing is cut and no stand-by takes over', async () => {
  const edge = await anEdge();
  const joined = await join(edge);
  const clock = createManualClock(Date.now());
  let renewed = 0;
  const done = new Promise<void>((resolve) => {
    const identity = createConnectorIdentity({
      first: joined,
      clock,
      renew: (present) => renewAtEdge({ ...optionsOf(joined), present }),
      store: async () => {
        renewed += 1;
      },
      onRenewed: () => void connector.renewConnections().then(resolve),
      onTrouble: (error) => expect.unreachable(error.message),
    });
    const connector = createEdgeConnector({
      address: joined,
      domain,
      ca: joined.ca,
      identity: identity.current,
      clock: systemClock,
    });
    active = connector;
    closers.push(async () => {
      identity.close();
      await connector.stop(0);
    });
  });
  let opened: ((stream: NodeJS.ReadWriteStream) => void) | undefined;
  const running = new Promise<NodeJS.ReadWriteStream>((resolve) => {
    opened = resolve;
  });
  await startConnector(active as Connector, (stream) => {
    opened?.(stream);
    stream.pipe(stream);
  });
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port, allowHalfOpen: true });
  socket.write(await clientHello(domain));
  await once(socket, 'data');
  await running;
  opened = undefined;
  const standBy = connectorFor(await join(edge));
  closers.push(() => standBy.stop(0));
  await startConnector(standBy, () => expect.unreachable('the stand-by took over'));

  clock.advance(119 * 86_400_000);
  expect(renewed).toBe(0);
  clock.advance(2 * 86_400_000);
  await done;
  expect(renewed).toBe(1);
  const clients = await edge.store.clients();
  const successor = clients.find((client) => client.installation !== undefined);
  expect(installationOf(successor as NonNullable<typeof successor>)).toBe(clients[0]?.serial);
  await expect
    .poll(() => edge.edge.status().tunnels[0]?.connections.filter((one) => one.serial === successor?.serial).length)
    .toBe(2);
  await works(edge);
  socket.end('still there');
  expect((await digest(socket)).bytes).toBe('still there'.length);
});
let active: Connector | undefined;

test('a certificate that ends while its connection is up ends the connection, and says why', async () => {
  let ahead = 0;
  const edge = await anEdge({ clock: { ...systemClock, now: () => Date.now() + ahead } });
  const connector = connectorFor(await join(edge));
  closers.push(() => connector.stop(0));
  await startConnector(connector, (stream) => stream.pipe(stream));
  ahead = 181 * 86_400_000;
  await edge.edge.enrolment.invite();
  await until(connector, () => connector.status().error?.code === 'edge_refused');
  expect(connector.status()).toMatchObject({
    state: 'trouble',
    error: { message: expect.stringContaining('has ended') },
  });
});

test('one lost connection of two does not hand the tunnel to a stand-by', async () => {
  const edge = await anEdge();
  let mine = 0;
  const first = connectorFor(await join(edge));
  closers.push(() => first.stop(0));
  await startConnector(first, (stream) => {
    mine += 1;
    stream.pipe(stream);
  });
  const second = connectorFor(await join(edge));
  closers.push(() => second.stop(0));
  await startConnector(second, () => expect.unreachable('the stand-by took over'));
  // Each connection of the active one is replaced in turn: the stand-by's are then the older ones.
  await first.renewConnections();
  await expect.poll(() => edge.edge.status().tunnels[0]?.connections.length).toBe(4);
  for (let at = 0; at < 4; at += 1) await works(edge);
  expect(mine).toBe(4);
});
