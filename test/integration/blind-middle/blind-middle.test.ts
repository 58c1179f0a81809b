import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTap, type TapReport } from '../../byte-tap.ts';
import { createTappedFetch } from '../../demo/tapped-fetch.ts';
import { cliHere } from '../cli/cli.ts';

// The blind middle (security.md S2): an edge and an app as separate processes, an agent here. `prove` says what came out; it is
// run against the product's edge, where nothing may be readable, and against one that ends TLS, where the same proof must fail.

const root = join(import.meta.dirname, '../../..');
const children: ChildProcess[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-blind-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface Printed {
  readonly child: ChildProcess;
  next(): Promise<Record<string, unknown>>;
  /** Ends it by SIGTERM. @returns its last line */
  stop(): Promise<Record<string, unknown>>;
}

function start(file: string, ...args: string[]): Printed {
  const child = spawn(process.execPath, [join(root, file), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    if (line.done) throw new Error(`${file} ended early`);
    return JSON.parse(line.value);
  };
  return {
    child,
    next,
    async stop() {
      child.kill('SIGTERM');
      const last = await next();
      if (child.exitCode === null) await once(child, 'close');
      return last;
    },
  };
}

interface Verdict {
  /** Whether the agent's bytes are those that reached the app's inner TLS, and back. */
  readonly sameBytes: boolean;
  /** Whether the agent met the certificate whose key only the app holds. */
  readonly ownKey: boolean;
  /** Planted things that the edge could read: in its bytes, log, metrics or on its disk. */
  readonly readable: string[];
  readonly appProbe: { ok: boolean; hop?: string };
  readonly log: string;
  readonly metrics: string;
}

async function prove(mode: 'honest' | 'terminate'): Promise<Verdict> {
  const dataDir = join(folder, 'data');
  const edgeFolder = join(folder, 'edge');
  const word = (what: string): string => `planted-${what}-${randomBytes(6).toString('hex')}`;
  const planted = { tool: word('tool'), argument: word('argument'), result: word('result'), header: word('header') };
  const cli = async <T>(...args: string[]): Promise<T> => {
    const run = await cliHere([...args, '--json', '--data-dir', dataDir]);
    expect(run.stderr, args.join(' ')).toBe('');
    return run.json() as T;
  };
  const edge = start('test/fixtures/blind-edge-process.ts', edgeFolder, ...(mode === 'honest' ? [] : [mode]));
  const app = start('test/demo/app-process.ts', dataDir);
  const { join: line, forger } = (await edge.next()) as { join: string; forger: string };
  await app.next();
  await writeFile(join(folder, 'line'), line);
  await cli('tunnel', 'use', 'edge', '--join-file', join(folder, 'line'));
  await expect.poll(async () => (await cli<{ state: string }>('tunnel', 'status')).state).toBe('connected');
  const server = join(root, 'test/fixtures/mcp-servers/echo-stdio.mjs');
  const command = ['--command', process.execPath, '--arg', server, '--arg', planted.tool, '--arg', planted.result];
  await cli('servers', 'add', 'echo', ...command);
  const { url } = await cli<{ url: string }>('servers', 'share', 'echo');
  await cli('tools', 'set', 'echo', planted.tool, 'allow');
  const { token } = await cli<{ token: string }>('agents', 'token', '--server', 'echo');
  const { pem } = await cli<{ pem: string }>('tunnel', 'ca');
  if (mode === 'terminate') {
    edge.child.kill('SIGUSR2');
    expect(await edge.next()).toEqual({ ending: true });
  }
  const probe = (await cliHere(['tunnel', 'probe', '--json', '--data-dir', dataDir])).json() as Verdict['appProbe'];

  const tap = createTap();
  // As if somebody had got a certificate for the domain that this agent believes: without one, the terminating edge does
  // not even get an agent to speak (the last test).
  const tapped = createTappedFetch(tap, mode === 'honest' ? pem : `${pem}\n${forger}`);
  const client = new Client({ name: 'a', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), {
      fetch: tapped.fetch,
      requestInit: { headers: { authorization: `Bearer ${token}`, 'x-note': planted.header } },
    }),
  );
  expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual([planted.tool]);
  const result = await client.callTool({ name: planted.tool, arguments: { text: planted.argument } });
  expect(JSON.stringify(result.content)).toContain(planted.result);
  await client.close();
  await tapped.close();

  if (mode === 'terminate') {
    // Nothing is shared through it from now on.
    const more = await cliHere(['servers', 'share', 'echo', '--json', '--data-dir', dataDir]);
    expect(more.error()).toMatchObject({ code: 'tunnel_not_ready', hop: 'inner-tls' });
  }
  const { certificate } = await cli<{ certificate: { fingerprint: string } }>('tunnel', 'status');
  const atApp = (await app.stop()) as unknown as { connections: TapReport[] };
  const atEdge = (await edge.stop()) as unknown as { captured: string; log: string; metrics: string };
  const mine = tap.report().connections;
  expect(mine.length).toBeGreaterThan(0);
  const reached = (one: TapReport): boolean =>
    atApp.connections.some((two) => two.up.sha256 === one.up.sha256 && two.down.sha256 === one.down.sha256);
  const seen =
    Buffer.from(atEdge.captured, 'base64').toString('latin1') + atEdge.log + atEdge.metrics + (await disk(edgeFolder));
  expect(seen.length).toBeGreaterThan(5_000);
  return {
    sameBytes: mine.every(reached),
    ownKey: tapped.metCertificate() === certificate.fingerprint,
    readable: Object.entries({ ...planted, token, slug: '/echo/mcp' })
      .filter(([, text]) => seen.includes(text))
      .map(([name]) => name),
    appProbe: probe,
    log: atEdge.log,
    metrics: atEdge.metrics,
  };
}

/** Every file below a folder, in one text. */
async function disk(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true });
  const paths = names.map((name) => join(directory, name));
  const files = [];
  for (const path of paths) if ((await stat(path)).isFile()) files.push(await readFile(path, 'latin1'));
  return files.join('\n');
}

test('the product’s edge carries the agent’s bytes as they are and can read none of them', async () => {
  const verdict = await prove('honest');
  expect(verdict).toMatchObject({ sameBytes: true, ownKey: true, readable: [], appProbe: { ok: true } });
  // What it does see, and docs/protocol.md §9 says so: the name, the address, sizes and times.
  const closed = (JSON.parse(verdict.log) as { event: string }[]).filter((event) => event.event === 'public_close');
  expect(closed.length).toBeGreaterThan(0);
  for (const event of closed) {
    expect(event).toEqual({
      event: 'public_close',
      domain: 'blind.localhost',
      remote: '127.0.0.1',
      bytesIn: expect.any(Number),
      bytesOut: expect.any(Number),
      reason: expect.any(String),
      ms: expect.any(Number),
    });
  }
  expect(verdict.metrics).toContain('sallyport_edge_tunnel_connections{tunnel="blind.localhost"}');
}, 60_000);

test('the same proof fails against an edge that ends TLS and seals anew, and the app’s own probe notices', async () => {
  const verdict = await prove('terminate');
  expect(verdict.sameBytes).toBe(false);
  expect(verdict.ownKey).toBe(false);
  expect(verdict.readable.sort()).toEqual(['argument', 'header', 'result', 'slug', 'token', 'tool']);
  expect(verdict.appProbe).toMatchObject({ ok: false, hop: 'inner-tls' });
}, 60_000);
