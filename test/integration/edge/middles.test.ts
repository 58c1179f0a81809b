import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { formatJoinLine, parseJoinLine } from '../../../electron/core/tunnel/edge/join-line.ts';
import {
  agentTo,
  connectorFor,
  createInner,
  startConnector,
  startEdge,
  type TestEdge,
} from '../../fixtures/edge-harness.ts';
import { startNoRawProxy } from '../../fixtures/edge-no-raw-proxy.ts';
import { startLoadBalancer } from '../../fixtures/load-balancer.ts';

// Who ends the outer TLS between app and edge: a network that inspects, a load balancer before the edge, and both. The connector comes
// through, edge and app know each other by their certificates all the same, and neither of the two can read what agents say.

const domain = 'box.edge.test';
let edge: TestEdge;
const cleanUps: (() => Promise<void>)[] = [];

beforeEach(async () => {
  edge = await startEdge({ name: 'edge.localhost' });
});
afterEach(async () => {
  for (const clean of cleanUps.splice(0).reverse()) await clean();
  await edge.edge.close(0);
});

interface Middle {
  readonly port: number;
  /** CAs that the app has to trust for the outer way. */
  readonly ca: string;
  seen(): string;
}

const kinds: Record<string, () => Promise<Middle>> = {
  'an inspecting proxy': async () => {
    const proxy = await startNoRawProxy(edge.port, 'inspect');
    cleanUps.push(() => proxy.close());
    return proxy;
  },
  'a TLS-terminating load balancer': async () => {
    const balancer = await startLoadBalancer(edge.port);
    cleanUps.push(() => balancer.close());
    return balancer;
  },
  'both, one behind the other': async () => {
    const balancer = await startLoadBalancer(edge.port);
    cleanUps.push(() => balancer.close());
    const proxy = await startNoRawProxy(balancer.port, 'inspect');
    cleanUps.push(() => proxy.close());
    return { port: proxy.port, ca: proxy.ca, seen: () => balancer.seen() + proxy.seen() };
  },
};

for (const [kind, start] of Object.entries(kinds)) {
  test(`${kind} between app and edge: connected, both known by their certificates, and it reads nothing of an agent`, async () => {
    const middle = await start();
    const line = parseJoinLine(await edge.joinLine(domain));
    const joined = await joinEdge(formatJoinLine({ ...line, port: middle.port }), { carrierCa: middle.ca });
    const connector = connectorFor(joined, { connections: 1, carrierCa: middle.ca, times: { dial: 3_000 } });
    cleanUps.push(() => connector.stop(0));
    const planted = { question: randomBytes(12).toString('hex'), answer: randomBytes(12).toString('hex') };
    const inner = await createInner(domain, (socket) => {
      socket.once('data', (chunk: Buffer) => socket.end(`${planted.answer} to ${chunk}`));
    });
    await startConnector(connector, inner.feed, 1);
    expect(connector.status().connections).toMatchObject([{ transport: 'websocket' }]);
    const agent = await agentTo(edge.port, domain, inner.ca);
    agent.write(planted.question);
    const [heard] = (await once(agent, 'data')) as [Buffer];
    expect(heard.toString()).toBe(`${planted.answer} to ${planted.question}`);
    agent.destroy();

    // It did read what is for it: the way to the WebSocket.
    expect(middle.seen()).toContain('/connect');
    for (const text of Object.values(planted)) expect(middle.seen()).not.toContain(text);

    // The edge knows who came by the certificate inside, not by the middle's connection: revoked, it is out.
    const up = edge.events.find((event) => event.event === 'connector_up');
    expect(up?.serial).toBeDefined();
    await edge.edge.revoke(up?.serial ?? '');
    await expect
      .poll(() => edge.events.filter((event) => event.event === 'connector_refused').map(({ reason }) => reason), {
        timeout: 15_000,
      })
      .toContain('certificate_revoked');
    expect(connector.status().connections).toEqual([]);
  }, 30_000);
}
