import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startKeptChild } from '../../../electron/core/servers/stdio/kept-child.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { createCloudflaredConnector } from '../../../electron/core/tunnel/connectors/anthropic/cloudflared/supervisor.ts';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import { startCloudflareEdge } from '../../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { uncontained } from '../../fixtures/cloudflare-edge/contained-here.ts';
import { findCloudflaredHere } from '../../fixtures/cloudflare-edge/find-cloudflared-here.ts';
import { installFake } from '../../fixtures/cloudflare-edge/install-fake.ts';

const token = Buffer.from(
  JSON.stringify({ a: 'acc', t: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', s: Buffer.from('sesame').toString('base64') }),
).toString('base64');

let folder: string;
let connector: Connector | undefined;
let notes: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-cfd-'));
  notes = [];
});
afterEach(async () => {
  await connector?.stop(500);
  connector = undefined;
  await rm(folder, { recursive: true, force: true });
});

function start(extra: Partial<Parameters<typeof createCloudflaredConnector>[0]> = {}): Connector {
  connector = createCloudflaredConnector({
    token: () => token,
    startChild: startKeptChild,
    containment: uncontained,
    clock: systemClock,
    folder: join(folder, 'own'),
    environment: { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, SECRET_OF_MINE: 'x' },
    listen: 0,
    onNote: (message) => notes.push(message),
    random: () => 0,
    pollMs: 50,
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
const code = (wanted: string): Promise<void> => until(({ error }) => error?.code === wanted);
const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('cloudflared, supervised', () => {
  test('runs with a configuration of its own, the token in the environment alone, and says where it is connected', async () => {
    const fake = installFake(folder);
    start();
    await connected();
    const { args, env, config, pid } = fake.seen();
    expect(args.join(' ')).toMatch(
      /^tunnel --config \S+cloudflared\.yml --no-autoupdate --metrics 127\.0\.0\.1:0 --output json .* run --protocol http2 --url http:\/\/127\.0\.0\.1:[0-9]+$/,
    );
    expect(config).toBe('no-autoupdate: true\n');
    expect(env).toMatchObject({
      TUNNEL_TOKEN: token,
      TUNNEL_MANAGEMENT_DIAGNOSTICS: 'false',
      HOME: join(folder, 'own'),
    });
    expect(env.SECRET_OF_MINE).toBeUndefined();
    expect(args.join(' ')).not.toContain(token);
    const files = (await readdir(join(folder, 'own'))).filter((name) => name !== 'seen.json');
    for (const file of files) expect(await readFile(join(folder, 'own', file), 'utf8')).not.toContain(token);
    expect(JSON.stringify([connector?.status(), notes])).not.toContain(token);
    expect(connector?.status().connections.map(({ edge, transport }) => [edge, transport])).toEqual(
      [0, 1, 2, 3].map((index) => [`fra0${index}`, 'http2']),
    );
    expect(connector?.status().remarks?.join(' ')).toMatch(/cloudflared 2026\.8\.2.*Not contained/);
    await connector?.stop(3_000);
    expect(runs(pid)).toBe(false);
  });

  test('says that it is missing, too old, or not cloudflared, and takes it up once it is there', async () => {
    start({ environment: { PATH: folder } });
    await code('cloudflared_missing');
    expect(connector?.status().error?.hint).toContain('downloads nothing');
    installFake(folder, { version: '2024.1.0' });
    connector?.retryNow();
    await code('cloudflared_too_old');
    await writeFile(join(folder, 'cloudflared'), '#!/bin/sh\necho hello\n', { mode: 0o755 });
    connector?.retryNow();
    await code('cloudflared_broken');
    installFake(folder);
    connector?.retryNow();
    await connected();
  });

  test.each([
    [
      'a token that is refused',
      {
        ready: 0,
        lines: [
          {
            message: 'Register tunnel error from server side',
            connIndex: 0,
            error: 'Unauthorized: Invalid tunnel secret',
          },
        ],
      },
      'tunnel_token_refused',
    ],
    [
      'a network without port 7844',
      {
        ready: 0,
        lines: [
          {
            message: 'Unable to establish connection with Cloudflare edge',
            error: 'dial tcp 198.41.192.7:7844: i/o timeout',
          },
        ],
      },
      'tunnel_port_blocked',
    ],
    [
      'a token that is none',
      { exit: { code: 255, message: 'Provided Tunnel token is not valid.' } },
      'tunnel_token_invalid',
    ],
    ['an end at every start', { exit: { code: 1, message: 'panic: no' } }, 'cloudflared_keeps_ending'],
    [
      'a configuration without routes, though it is connected',
      { service: 'http_status:503', lines: [{ message: 'No ingress rules were defined in provided config' }] },
      'tunnel_unrouted',
    ],
  ])('recognises %s', async (_what, script, wanted) => {
    installFake(folder, script);
    start();
    await code(wanted);
    expect(connector?.status().state).toBe('trouble');
    expect(notes.join('\n')).toContain(connector?.status().error?.message);
  });

  test('a cloudflared that only complains about its buffers is not in trouble', async () => {
    const message =
      'failed to sufficiently increase receive buffer size (was: 208 kiB, wanted: 7168 kiB, got: 416 kiB).';
    installFake(folder, {
      lines: [
        { level: 'warn', message },
        { level: 'warn', message, connIndex: 0 },
      ],
    });
    start();
    await connected();
    expect(connector?.status().error).toBeUndefined();
    expect(notes).toEqual([]);
  });

  test('stops with an alarm when a configuration is pushed that leads elsewhere, and stays stopped', async () => {
    const fake = installFake(folder);
    start();
    await connected();
    const { port, pid } = fake.seen();
    const own = fake.seen().args.at(-1);
    await post(port, { version: 3, config: { ingress: [{ service: own }, { service: 'http_status:404' }] } });
    await post(port, { version: 4, config: { ingress: [{ service: 'http://192.168.1.1:80' }] } });
    await code('tunnel_overridden');
    expect(connector?.status().error?.message).toContain('http://192.168.1.1:80');
    await until(({ state }) => state === 'trouble');
    await gone(pid);
    const before = fake.seen().pid;
    connector?.retryNow();
    expect(fake.seen().pid).toBe(before);
  });

  test('stops at the log line of a push too, before any look at /config', async () => {
    const fake = installFake(folder, {
      lines: [
        {
          message: 'Updated to new configuration',
          version: 1,
          config: '{"ingress":[{"service":"tcp://10.0.0.1:22"}]}',
        },
      ],
    });
    start({ pollMs: 5 });
    await code('tunnel_overridden');
    await gone(fake.seen().pid);
    expect(connector?.status()).toMatchObject({ state: 'trouble', error: { code: 'tunnel_overridden' } });
  });

  test('starts it again when it is killed, and anew after sleep', async () => {
    const fake = installFake(folder);
    start();
    await connected();
    const first = fake.seen();
    process.kill(first.pid, 'SIGKILL');
    await code('cloudflared_ended');
    expect(notes.join('\n')).toContain('ended by SIGKILL');
    await connected();
    const second = fake.seen();
    expect(second.pid).not.toBe(first.pid);
    // The port at which it hands over stays.
    expect(second.args.at(-1)).toBe(first.args.at(-1));
    connector?.retryNow();
    await until(({ state }) => state !== 'connected');
    await connected();
    expect(fake.seen().pid).not.toBe(second.pid);
  });

  test('kills one that does not heed SIGTERM', async () => {
    const fake = installFake(folder, { stubborn: true });
    start();
    await connected();
    await connector?.stop(300);
    expect(runs(fake.seen().pid)).toBe(false);
  });

  test('points out a configuration of the person’s own, which is left alone', async () => {
    installFake(folder);
    await import('node:fs/promises').then(({ mkdir }) => mkdir(join(folder, '.cloudflared')));
    await writeFile(join(folder, '.cloudflared/config.yml'), 'tunnel: mine\n');
    start();
    await connected();
    await until(({ remarks }) => remarks?.some((one) => one.includes('.cloudflared/config.yml is not used')) ?? false);
  });

  test('leaves no cloudflared behind when the app is killed', async () => {
    const fake = installFake(folder);
    const app = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../fixtures/cloudflare-edge/supervising-app.ts'), folder, token],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(app.stdout, 'data');
    const { pid } = fake.seen();
    expect(runs(pid)).toBe(true);
    app.kill('SIGKILL');
    await gone(pid);
  });

  test('an alarm outlives the app: nothing is started before the way is chosen anew', async () => {
    const fake = installFake(folder);
    const kept: string[] = [];
    start({ onOverridden: (where) => kept.push(where) });
    await connected();
    const { port, pid } = fake.seen();
    await post(port, { version: 4, config: { ingress: [{ service: 'tcp://10.0.0.1:22' }] } });
    await code('tunnel_overridden');
    expect(kept).toEqual(['tcp://10.0.0.1:22']);
    await gone(pid);
    await connector?.stop(500);
    start({ overridden: kept[0] });
    await code('tunnel_overridden');
    expect(connector?.status().error?.message).toContain('tcp://10.0.0.1:22');
    connector?.retryNow();
    await connector?.stop(500);
    expect(fake.seen().pid).toBe(pid);
  });

  test.each([
    ['auto', true, 'quic'],
    ['auto', false, 'http2'],
    ['quic', false, 'quic'],
    [undefined, true, 'http2'],
  ] as const)('protocol %s where UDP gets through: %s → %s', async (protocol, through, expected) => {
    const fake = installFake(folder);
    start({ protocol, udpReaches: async () => through });
    await connected();
    expect(fake.seen().args.join(' ')).toContain(`run --protocol ${expected} `);
    expect(notes.some((note) => note.includes('by UDP'))).toBe(protocol !== undefined && !through);
  });
});

const real = findCloudflaredHere();

/** The same with the program itself where there is one; the fake stands in for it everywhere. */
describe.each([
  ['the scripted fake', undefined],
  ['the real cloudflared', real],
])('%s against the stand-in edge', (name, program) => {
  const missing = name === 'the real cloudflared' && program === undefined;
  const where = missing ? ' (skipped: no cloudflared here)' : '';

  test.skipIf(missing)(`brings WebSockets from the edge through it${where}`, { timeout: 180_000 }, async () => {
    const edge = await startCloudflareEdge();
    try {
      if (program === undefined) installFake(folder);
      const came = edge.next();
      start({ edges: [edge.address], edgeCa: edge.ca, ...(program === undefined ? {} : { chosen: program }) });
      const side = await came;
      await connected();
      expect(side.registration.secret).toBe(Buffer.from('sesame').toString('base64'));
      const stream = await side.websocket('files.example', { odd: true });
      const echoed = once(stream, 'data');
      stream.write('through');
      expect(String((await echoed)[0])).toBe('through');
      // What the native connector refuses, this one does: the push that the alarm is for.
      // It is stopped so fast that the push may stay unanswered.
      const push = side.request(
        { ':method': 'PUT', ':path': '/', 'cf-cloudflared-proxy-connection-upgrade': 'update-configuration' },
        JSON.stringify({ version: 7, config: { ingress: [{ service: 'ssh://10.0.0.1:22' }] } }),
      );
      await push.catch(() => {});
      await code('tunnel_overridden');
      await side.closed;
    } finally {
      await connector?.stop(0);
      await edge.close();
    }
  });
});

async function gone(pid: number): Promise<void> {
  while (runs(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

function post(port: number, body: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', path: '/fake/push', method: 'POST' }, (response) => {
      response.resume();
      response.once('end', resolve);
    });
    outgoing.once('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
