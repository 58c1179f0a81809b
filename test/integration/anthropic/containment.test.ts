import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createContainment } from '../../../electron/core/join/contained-child.ts';
import { probeIsolation } from '../../../electron/core/servers/stdio/isolation.ts';
import { startKeptChild } from '../../../electron/core/servers/stdio/kept-child.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { openWalls } from '../../../electron/core/tunnel/connectors/anthropic/cloudflared/containment.ts';
import { createCloudflaredConnector } from '../../../electron/core/tunnel/connectors/anthropic/cloudflared/supervisor.ts';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import { provideTool } from '../../debian-tools.mjs';
import {
  type CloudflareEdge,
  type EdgeSide,
  startCloudflareEdge,
} from '../../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { containedHere, uncontained } from '../../fixtures/cloudflare-edge/contained-here.ts';
import { installFake } from '../../fixtures/cloudflare-edge/install-fake.ts';
import { childrenHere, groupOf, processesWith } from '../../fixtures/processes.ts';

const bwrap = process.platform === 'linux' ? provideTool('bwrap') : undefined;
const here = bwrap !== undefined && (await probeIsolation()).ok;
const walled = here ? test : test.skip;
const named = (name: string): string => (here ? name : `${name} (skipped: no bwrap here)`);

const token = Buffer.from(
  JSON.stringify({ a: 'acc', t: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', s: randomBytes(16).toString('base64') }),
).toString('base64');

let folder: string;
let edge: CloudflareEdge;
let victim: Server;
let entered: number;
let connector: Connector | undefined;
let notes: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-walls-'));
  edge = await startCloudflareEdge();
  notes = [];
  entered = 0;
  victim = createServer((socket) => {
    entered += 1;
    socket.on('error', () => {});
    socket.end('secret of this machine');
  });
  victim.listen(0, '0.0.0.0');
  await once(victim, 'listening');
});
afterEach(async () => {
  await connector?.stop(1_000);
  connector = undefined;
  await edge.close();
  victim.close();
  await rm(folder, { recursive: true, force: true });
});

function start(extra: Partial<Parameters<typeof createCloudflaredConnector>[0]> = {}): Connector {
  connector = createCloudflaredConnector({
    token: () => token,
    startChild: startKeptChild,
    containment: containedHere,
    clock: systemClock,
    folder: join(folder, 'own'),
    environment: { PATH: `${folder}:/usr/bin:/bin`, HOME: folder },
    listen: 0,
    onNote: (message) => notes.push(message),
    random: () => 0,
    pollMs: 50,
    edges: [edge.address],
    edgeCa: edge.ca,
    ...extra,
  });
  connector.start((stream) => stream.pipe(stream));
  return connector;
}

async function until(check: (status: ReturnType<Connector['status']>) => boolean): Promise<void> {
  const current = connector;
  if (!current || check(current.status())) return;
  await new Promise<void>((resolve) => {
    const stop = current.onChange(() => {
      if (!check(current.status())) return;
      stop();
      resolve();
    });
  });
}
const connected = (): Promise<void> => until(({ state }) => state === 'connected');
const gone = async (text: string): Promise<void> => {
  while (processesWith(text, 'environ').length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
};

/** What the tunnel's owner can do: have cloudflared connect to any address from where it runs. */
async function dialThrough(side: EdgeSide, address: string): Promise<string> {
  const { status, body } = await side.request({
    ':method': 'GET',
    ':path': '/',
    ':authority': address,
    'cf-cloudflared-proxy-src': '203.0.113.9',
  });
  return `${status} ${body}`;
}

/** Where the victim listens: loopback, and an address of this machine in its network where it has one. */
function victimAddresses(): string[] {
  const { port } = victim.address() as AddressInfo;
  const outer = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal);
  return ['127.0.0.1', ...(outer ? [outer.address] : [])].map((host) => `${host}:${port}`);
}

test('uncontained, the tunnel’s owner reaches what listens on this machine: what the walls are for', async () => {
  installFake(folder);
  const came = edge.next();
  start({ containment: uncontained });
  const side = await came;
  for (const address of victimAddresses()) expect(await dialThrough(side, address)).toContain('secret of this machine');
  expect(connector?.status().remarks?.join(' ')).toContain('Not contained: This is a test. Whoever owns the tunnel');
});

walled(named('contained, it reaches the edge and our listener, and nothing else'), async () => {
  installFake(folder);
  const came = edge.next();
  start();
  const side = await came;
  await connected();
  for (const address of victimAddresses()) {
    expect(await dialThrough(side, address)).toBe(address.startsWith('127.') ? '502 ECONNREFUSED' : '502 ENETUNREACH');
  }
  expect(await dialThrough(side, '192.0.2.1:80')).toBe('502 ENETUNREACH');
  expect(entered).toBe(0);
  const stream = await side.websocket('files.example');
  const echoed = once(stream, 'data');
  stream.write('through');
  expect(String((await echoed)[0])).toBe('through');
  expect(connector?.status().remarks?.join(' ')).toContain('Contained: cloudflared has no network here');
  expect(connector?.status().remarks?.join(' ')).not.toContain('Not contained');

  // The token: in the environment of the one child and what it started, in no command line, in no file.
  const holders = processesWith(token, 'environ').map(groupOf);
  expect(new Set(holders).size).toBe(1);
  expect(childrenHere()).toContain(holders[0]);
  expect(processesWith(token, 'cmdline')).toEqual([]);
  for (const name of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!name.isFile() || name.name === 'seen.json') continue;
    expect(await readFile(join(name.parentPath, name.name), 'utf8'), name.name).not.toContain(token);
  }
  expect(JSON.stringify([connector?.status(), notes])).not.toContain(token);

  // It takes its leave before its walls fall, and leaves nothing behind.
  await connector?.stop(5_000);
  await side.unregistered;
  await gone(folder);
  expect(await readdir(join(folder, 'own'))).not.toContain('doors');
});

walled(named('contained, a pushed configuration still ends it with the alarm'), async () => {
  installFake(folder);
  const came = edge.next();
  start();
  const side = await came;
  await connected();
  const push = side.request(
    { ':method': 'PUT', ':path': '/', 'cf-cloudflared-proxy-connection-upgrade': 'update-configuration' },
    JSON.stringify({ version: 7, config: { ingress: [{ service: 'unix:/run/docker.sock' }] } }),
  );
  await push.catch(() => {});
  await until(({ error }) => error?.code === 'tunnel_overridden');
  await gone(folder);
});

walled(named('contained, an app that is killed leaves no process'), async () => {
  installFake(folder);
  const file = join(import.meta.dirname, '../../fixtures/cloudflare-edge/supervising-app.ts');
  const ca = join(folder, 'edge-ca.pem');
  await writeFile(ca, edge.ca);
  const app = spawn(process.execPath, [file, folder, token, edge.address, ca], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(app.stdout, 'data');
  expect(processesWith(join(folder, 'own'), 'environ').length).toBeGreaterThan(1);
  app.kill('SIGKILL');
  await gone(join(folder, 'own'));
});

walled(named('contained, an edge that cannot be reached is named with its reason'), async () => {
  installFake(folder);
  const { port } = victim.address() as AddressInfo;
  victim.close();
  start({ edges: [`127.0.0.1:${port}`] });
  await until(({ error }) => error?.code === 'tunnel_port_blocked');
  expect(connector?.status().error?.message).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
});

test.each([
  ['another system', () => probeIsolation('darwin'), /^On macOS Sallyport cannot/],
  ['no bubblewrap', () => probeIsolation('linux', folder), /^Isolation needs bubblewrap \(bwrap\), and it is not/],
])('%s: it says why it is not contained', async (_what, support, why) => {
  expect(await createContainment(support, ['none'])()).toEqual({ ok: false, why: expect.stringMatching(why) });
});

walled(named('a doorway that does not start in there is found out before anything relies on it'), async () => {
  const broken = [process.execPath, join(folder, 'none.ts')];
  const found = await createContainment(() => probeIsolation(), broken)();
  expect(found).toEqual({ ok: false, why: expect.stringContaining('does not start without a network') });
});

test('QUIC is run uncontained where it was chosen, and says so', async () => {
  installFake(folder);
  start({ protocol: 'quic', edges: undefined, edgeCa: undefined, udpReaches: async () => true });
  await connected();
  expect(connector?.status().remarks?.join(' ')).toContain('Not contained: QUIC was chosen');
});

test.each([
  ['at another port', { host: '198.41.192.7', port: 22 }],
  ['on this network', { host: '192.168.0.1', port: 7844 }],
  ['on this machine', { host: '127.0.0.1', port: 7844 }],
])('DNS that names an address %s leads nowhere', async (_what, address) => {
  const told = Promise.withResolvers<Error>();
  const walls = await openWalls({
    containment: { ok: true, doorway: [], confine: async (one) => one },
    folder,
    listener: { port: 1, accept: () => {} },
    findEdges: async () => [address],
    onUnreachable: told.resolve,
  });
  try {
    expect(walls.edges).toEqual(['127.0.0.2:7844', '127.0.0.3:7844', '127.0.0.4:7844', '127.0.0.5:7844']);
    const socket = connect(join(folder, 'doors', 'edge-0'));
    socket.on('error', () => {});
    expect(await told.promise).toMatchObject({ code: 'edge_not_found' });
    await once(socket, 'close');
  } finally {
    await walls.close();
  }
});
