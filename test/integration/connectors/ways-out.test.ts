import { createHash, randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { parseProxy } from '../../../electron/core/tunnel/connectors/proxy.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import {
  agentTo,
  connectorFor,
  createInner,
  digest,
  startConnector,
  startEdge,
  until,
} from '../../fixtures/edge-harness.ts';
import { startNoRawProxy } from '../../fixtures/edge-no-raw-proxy.ts';
import { startProxy } from '../../fixtures/http-proxy.ts';

const domain = 'box.edge.test';
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Sends bytes from an agent to the app and back. */
async function echoes(port: number, connector: Connector, connections: number): Promise<void> {
  const inner = await createInner(domain, (socket) => socket.pipe(socket));
  closers.push(() => connector.stop(0));
  await startConnector(connector, inner.feed, connections);
  const agent = await agentTo(port, domain, inner.ca);
  const sent = randomBytes(300_000);
  agent.end(sent);
  expect((await digest(agent)).hash).toBe(createHash('sha256').update(sent).digest('hex'));
}

test('joining and the connections go through an HTTP proxy, with credentials', async () => {
  const edge = await startEdge();
  closers.push(() => edge.edge.close(0));
  const proxy = await startProxy({ credentials: 'user:pass word' });
  closers.push(proxy.close);
  const way = parseProxy(`http://user:pass%20word@127.0.0.1:${proxy.port}`, 'HTTPS_PROXY');
  const joined = await joinEdge(await edge.joinLine(domain), { proxyFor: () => way });
  const asked = proxy.asked.length;
  expect(asked).toBeGreaterThan(0);
  await echoes(edge.port, connectorFor(joined, { proxy: () => way }), 2);
  expect(proxy.asked.slice(asked)).toEqual(Array(2).fill(`127.0.0.1:${edge.port}`));
});

test('a proxy spoken to over TLS, checked against the CAs given', async () => {
  const edge = await startEdge();
  closers.push(() => edge.edge.close(0));
  const { authority } = await createAuthority({ commonName: 'Office', now: Date.now() });
  const issued = await issueServerCertificate({ authority, hosts: ['127.0.0.1'], now: Date.now() });
  const proxy = await startProxy({ tls: { cert: issued.pem, key: issued.keyPem } });
  closers.push(proxy.close);
  const way = parseProxy(`https://127.0.0.1:${proxy.port}`, 'HTTPS_PROXY');
  await expect(joinEdge(await edge.joinLine(domain), { proxyFor: () => way })).rejects.toMatchObject({
    code: 'proxy_unreachable',
  });
  const joined = await joinEdge(await edge.joinLine(domain), { proxyFor: () => way, carrierCa: authority.pem });
  await echoes(edge.port, connectorFor(joined, { proxy: () => way, carrierCa: authority.pem }), 2);
});

test('a proxy that wants other credentials, or none that is there, is named as that', async () => {
  const edge = await startEdge();
  closers.push(() => edge.edge.close(0));
  const proxy = await startProxy({ credentials: 'user:right' });
  const wrong = parseProxy(`http://user:wrong-word@127.0.0.1:${proxy.port}`, 'HTTPS_PROXY');
  const refused = joinEdge(await edge.joinLine(domain), { proxyFor: () => wrong });
  await expect(refused).rejects.toMatchObject({ code: 'proxy_auth_needed', hop: 'edge' });
  await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('wrong-word') });
  await proxy.close();
  await expect(joinEdge(await edge.joinLine(domain), { proxyFor: () => wrong })).rejects.toMatchObject({
    code: 'proxy_unreachable',
  });
});

test('behind a proxy, a network that inspects TLS is got through by the WebSocket, with its CA from a bundle', async () => {
  const edge = await startEdge();
  closers.push(() => edge.edge.close(0));
  const inspector = await startNoRawProxy(edge.port, 'inspect');
  closers.push(inspector.close);
  const proxy = await startProxy();
  closers.push(proxy.close);
  const way = parseProxy(`http://127.0.0.1:${proxy.port}`, 'HTTPS_PROXY');
  const line = (await edge.joinLine(domain)).replace(`:${edge.port}:`, `:${inspector.port}:`);
  const joined = await joinEdge(line, { proxyFor: () => way, carrierCa: inspector.ca });
  const connector = connectorFor(joined, { proxy: () => way, carrierCa: inspector.ca });
  await echoes(edge.port, connector, 2);
  await until(connector, () => connector.status().connections.every((one) => one.transport === 'websocket'));
  expect(new Set(proxy.asked)).toEqual(new Set([`127.0.0.1:${inspector.port}`]));
});
