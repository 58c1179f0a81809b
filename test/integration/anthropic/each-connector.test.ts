import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startKeptChild } from '../../../electron/core/servers/stdio/kept-child.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { createCloudflaredConnector } from '../../../electron/core/tunnel/connectors/anthropic/cloudflared/supervisor.ts';
import { readConnectorToken } from '../../../electron/core/tunnel/connectors/anthropic/connector-token.ts';
import { readEdgeAddress } from '../../../electron/core/tunnel/connectors/anthropic/native/edge-addresses.ts';
import { createNativeConnector } from '../../../electron/core/tunnel/connectors/anthropic/native/native-connector.ts';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import {
  type CloudflareEdge,
  type EdgeSide,
  startCloudflareEdge,
} from '../../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { containedHere, uncontained } from '../../fixtures/cloudflare-edge/contained-here.ts';
import { findCloudflaredHere } from '../../fixtures/cloudflare-edge/find-cloudflared-here.ts';
import { installFake } from '../../fixtures/cloudflare-edge/install-fake.ts';

const token = Buffer.from(
  JSON.stringify({ a: 'acc', t: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', s: randomBytes(16).toString('base64') }),
).toString('base64');
const secret = readConnectorToken(token).secret;
const real = findCloudflaredHere();
const walls = await containedHere();

const kinds = [
  ['the native connector', 'native', undefined],
  ['cloudflared, the scripted fake', 'fake', undefined],
  ['cloudflared, the scripted fake, contained', 'contained', walls.ok ? undefined : 'bwrap'],
  ['the real cloudflared', 'real', real === undefined ? 'cloudflared' : undefined],
] as const;

/** What every connector of Anthropic's tunnel does, whoever holds the connections; the stand-in edge sees to it. */
describe.each(kinds)('%s', (_name, kind, missing) => {
  const able = missing === undefined ? test : test.skip;
  const named = (name: string): string => (missing === undefined ? name : `${name} (skipped: no ${missing} here)`);
  let folder: string;
  let edge: CloudflareEdge;
  let connector: Connector | undefined;
  let notes: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-each-'));
    edge = await startCloudflareEdge();
    notes = [];
  });
  afterEach(async () => {
    await connector?.stop(1_000);
    connector = undefined;
    await edge.close();
    await rm(folder, { recursive: true, force: true });
  });

  function start(connections = 1): void {
    const onNote = (message: string): void => void notes.push(message);
    const shared = { clock: systemClock, onNote, edgeCa: edge.ca, random: () => 0 };
    if (kind === 'native') {
      connector = createNativeConnector({
        ...shared,
        token: () => readConnectorToken(token),
        addresses: async () => [readEdgeAddress(edge.address)],
        connections,
      });
    } else {
      if (kind !== 'real') installFake(folder);
      connector = createCloudflaredConnector({
        ...shared,
        token: () => token,
        startChild: startKeptChild,
        containment: kind === 'contained' ? containedHere : uncontained,
        folder: join(folder, 'own'),
        environment: { PATH: `${folder}:/usr/bin:/bin`, HOME: folder },
        ...(kind === 'real' && real !== undefined ? { chosen: real } : {}),
        listen: 0,
        edges: Array.from({ length: connections }, () => edge.address),
        pollMs: 50,
      });
    }
    connector.start((stream) => stream.pipe(stream));
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
  const echoes = async (side: EdgeSide, words: string): Promise<void> => {
    const stream = await side.websocket('files.example');
    const echoed = once(stream, 'data');
    stream.write(words);
    expect(String((await echoed)[0])).toBe(words);
    stream.destroy();
  };

  able(named('holds four connections as one connector, by the secret of its token'), async () => {
    const all = Promise.all([1, 2, 3, 4].map(() => edge.next()));
    start(4);
    const sides = await all;
    expect(sides.map((side) => side.registration.connIndex).sort()).toEqual([0, 1, 2, 3]);
    expect(new Set(sides.map((side) => side.registration.clientId)).size).toBe(1);
    expect(sides[0]?.registration.secret).toBe(Buffer.from(secret).toString('base64'));
    await until(({ connections }) => connections.length === 4);
    await Promise.all(sides.map((side, index) => echoes(side, `by number ${index}`)));
  });

  able(named('carries a WebSocket’s bytes both ways, whatever their frames'), async () => {
    const came = edge.next();
    start();
    const stream = await (await came).websocket('files.example', { odd: true, frame: 7_777 });
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
    stream.end();
    await once(stream, 'end');
  });

  able(named('comes back after a cut'), async () => {
    const first = edge.next();
    start();
    const side = await first;
    const again = edge.next();
    side.kill();
    await echoes(await again, 'again');
    await connected();
  });

  able(named('connects anew when the machine wakes to a connection that is dead and does not say so'), async () => {
    const first = edge.next();
    start();
    const side = await first;
    await connected();
    const again = edge.next();
    side.freeze();
    connector?.retryNow();
    await echoes(await again, 'awake');
  });

  able(named('takes its leave when it stops'), async () => {
    const came = edge.next();
    start();
    const side = await came;
    await connected();
    const stopped = connector?.stop(3_000);
    await side.unregistered;
    await stopped;
    expect(connector?.status().state).toBe('off');
  });

  able(named('says that the token is refused, and never what it is'), async () => {
    edge.faults.refuse = 'Unauthorized: Invalid tunnel secret';
    start();
    await until(({ error }) => error?.code === 'tunnel_token_refused');
    expect(JSON.stringify([connector?.status(), notes])).not.toContain(token);
  });

  able(named('names the port where the network lets nothing out'), async () => {
    await edge.close();
    start();
    await until(({ error }) => error?.code === 'tunnel_port_blocked');
    expect(`${connector?.status().error?.message} ${connector?.status().error?.hint}`).toMatch(/port/);
    edge = await startCloudflareEdge();
  });
});
