import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { readConnectorToken } from '../../../electron/core/tunnel/connectors/anthropic/connector-token.ts';
import { readEdgeAddress } from '../../../electron/core/tunnel/connectors/anthropic/native/edge-addresses.ts';
import { createNativeConnector } from '../../../electron/core/tunnel/connectors/anthropic/native/native-connector.ts';
import type { Connector, PeerInfo } from '../../../electron/core/tunnel/connectors/connector.ts';
import { type Network, readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import { parseProxy } from '../../../electron/core/tunnel/connectors/proxy.ts';
import {
  type CloudflareEdge,
  type EdgeSide,
  startCloudflareEdge,
} from '../../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { startProxy } from '../../fixtures/http-proxy.ts';

const tunnelId = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const token = readConnectorToken(
  Buffer.from(JSON.stringify({ a: 'account-tag', t: tunnelId, s: Buffer.from('secret!').toString('base64') })).toString(
    'base64',
  ),
);

let edge: CloudflareEdge;
let connector: Connector | undefined;
let notes: string[];
beforeEach(async () => {
  edge = await startCloudflareEdge();
  notes = [];
});
afterEach(async () => {
  await connector?.stop(100);
  connector = undefined;
  await edge.close();
});

function start(
  options: {
    connections?: number;
    ca?: string;
    onConnection?: (stream: Duplex, peer: PeerInfo) => void;
    times?: { ping: number; pingTimeout: number };
    network?: Network;
  } = {},
): Connector {
  connector = createNativeConnector({
    token: () => token,
    addresses: async () => [readEdgeAddress(edge.address)],
    edgeCa: options.ca ?? edge.ca,
    clock: systemClock,
    onNote: (message) => notes.push(message),
    connections: options.connections ?? 1,
    random: () => 0,
    ...(options.network ? { network: options.network } : {}),
    // Short ones only where a test waits for them: a busy machine may answer late.
    times: options.times ?? {},
  });
  connector.start(options.onConnection ?? ((stream) => stream.pipe(stream)));
  return connector;
}

/** Waits until the connector says so. */
async function until(test: () => boolean): Promise<void> {
  if (test()) return;
  await new Promise<void>((resolve) => {
    const stop = connector?.onChange(() => {
      if (!test()) return;
      stop?.();
      resolve();
    });
  });
}

async function started(options: Parameters<typeof start>[0] = {}): Promise<EdgeSide> {
  const side = edge.next();
  start(options);
  const came = await side;
  await until(() => connector?.status().state === 'connected');
  return came;
}

describe('the native connector against the stand-in edge', () => {
  test('registers as the token says, without ALPN, and says where', async () => {
    const side = await started();
    expect(side.registration).toMatchObject({
      accountTag: 'account-tag',
      secret: Buffer.from('secret!').toString('base64'),
      tunnelId: tunnelId.replaceAll('-', ''),
      connIndex: 0,
      features: ['serialized_headers'],
    });
    expect(side.registration.clientId).toMatch(/^[0-9a-f]{32}$/);
    expect([side.serverName, side.alpn]).toEqual(['h2.cftunnel.com', false]);
    expect(connector?.status().connections[0]).toMatchObject({ edge: 'LAB', transport: 'http2' });
  });

  test.each([[false], [true]])('carries a WebSocket’s bytes both ways (odd frames: %s)', async (odd) => {
    const peers: PeerInfo[] = [];
    const side = await started({
      onConnection: (stream, peer) => {
        peers.push(peer);
        stream.pipe(stream);
      },
    });
    const answer = await side.upgrade('files.example', '/p?q=1', {
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'a, b',
    });
    expect(answer.status).toBe(200);
    expect(answer.meta).toBe('{"src":"origin"}');
    expect(Object.fromEntries(answer.headers)).toEqual({
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      'Sec-WebSocket-Protocol': 'a',
    });
    answer.stream.destroy();
    const stream = await side.websocket('files.example', { odd, frame: odd ? 7_777 : 100_000 });
    const sent = Buffer.alloc(2_000_000, 'sallyport ');
    const hash = createHash('sha256');
    let got = 0;
    const back = new Promise<void>((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        got += chunk.length;
        if (got === sent.length) resolve();
      });
    });
    stream.write(sent);
    await back;
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
    expect(Math.max(...stream.sizes)).toBeLessThanOrEqual(32 * 1_024);
    expect(peers[1]).toMatchObject({ remoteAddress: '160.79.104.10', edge: 'native', door: 'agent' });
    stream.end();
    await once(stream, 'end');
  });

  test('refuses connections to addresses and pushed configurations, and tells', async () => {
    const side = await started();
    const tcp = await side.request({
      ':method': 'GET',
      ':path': '/',
      ':authority': '192.168.1.1:22',
      'cf-cloudflared-proxy-src': 'x',
    });
    expect(tcp).toMatchObject({ status: 502, meta: '{"src":"cloudflared"}' });
    const push = await side.request(
      {
        ':method': 'PUT',
        ':path': '/',
        'cf-cloudflared-proxy-connection-upgrade': 'update-configuration',
      },
      JSON.stringify({ version: 1, config: { ingress: [{ service: 'http://192.168.1.1' }] } }),
    );
    expect(push).toMatchObject({ status: 502, meta: '{"src":"cloudflared"}' });
    // A management stream is an ordinary request to a host of its own: nothing here answers it.
    const management = await side.request({
      ':method': 'GET',
      ':path': '/logs',
      ':authority': 'management.argotunnel.com',
    });
    expect(management.status).toBe(426);
    expect(notes.join('\n')).toMatch(/a connection to 192\.168\.1\.1:22.*refused/);
    expect(notes.join('\n')).toMatch(/another configuration.*refused/);
    expect(connector?.status().remarks?.join()).toContain('asked 2 times');
  });

  test('comes back after a cut, after GOAWAY, and when nothing answers its pings', async () => {
    let side = await started({ times: { ping: 100, pingTimeout: 1_500 } });
    for (const fault of ['kill', 'drain', 'freeze'] as const) {
      const again = edge.next();
      side[fault]();
      side = await again;
      await until(() => connector?.status().state === 'connected');
      const stream = await side.websocket('x.example');
      const echoed = once(stream, 'data');
      stream.write(fault);
      expect(String((await echoed)[0])).toBe(fault);
      stream.destroy();
    }
  });

  test('lets a running stream end after GOAWAY, while a new connection takes what comes', async () => {
    const first = await started();
    const running = await first.websocket('x.example');
    const again = edge.next();
    first.drain();
    await again;
    const echoed = once(running, 'data');
    running.write('still here');
    expect(String((await echoed)[0])).toBe('still here');
  });

  test.each([
    ['Unauthorized: Invalid tunnel secret', 'tunnel_token_refused'],
    ['EDUPCONN', 'edge_registration_failed'],
  ])('says what "%s" means', async (cause, code) => {
    edge.faults.refuse = cause;
    start();
    await until(() => connector?.status().state === 'trouble');
    expect(connector?.status().error?.code).toBe(code);
    expect(JSON.stringify(connector?.status())).not.toContain('secret!');
  });

  test('refuses an edge that proves nothing, and tries again where one hangs up', async () => {
    const stranger = await startCloudflareEdge();
    start({ ca: stranger.ca });
    await until(() => connector?.status().state === 'trouble');
    expect(connector?.status().error).toMatchObject({ code: 'edge_untrusted', hop: 'edge' });
    expect(edge.sides).toEqual([]);
    await connector?.stop(0);
    await stranger.close();
    edge.faults.hangUp = true;
    start();
    await until(() => connector?.status().error?.code === 'edge_unreachable');
    edge.faults.hangUp = false;
    await until(() => connector?.status().state === 'connected');
  });

  test('names the port where the network lets nothing out', async () => {
    await edge.close();
    start();
    await until(() => connector?.status().state === 'trouble');
    expect(connector?.status().error).toMatchObject({ code: 'tunnel_port_blocked', hop: 'tunnel' });
    expect(connector?.status().error?.hint).toContain(edge.address.split(':')[1]);
    edge = await startCloudflareEdge();
  });
});

test('goes by the HTTP proxy of the way out', async () => {
  const proxy = await startProxy({ credentials: 'ana:word' });
  try {
    const way = parseProxy(`http://ana:word@127.0.0.1:${proxy.port}`, 'proxy');
    await started({ network: { ...readNetwork({}), proxyFor: () => way } });
    expect(proxy.asked).toEqual([edge.address]);
  } finally {
    await connector?.stop(100);
    connector = undefined;
    await proxy.close();
  }
});
