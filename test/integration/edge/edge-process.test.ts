import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Connector } from '../../../electron/core/tunnel/connectors/connector.ts';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { clientHello, connectorFor, digest, startConnector, until } from '../../fixtures/edge-harness.ts';

const program = fileURLToPath(new URL('../../fixtures/edge-process.ts', import.meta.url));
const children = new Set<ChildProcess>();
let folder: string;
let config: string;
let connector: Connector | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-edge-'));
  config = join(folder, 'edge.yaml');
});

afterEach(async () => {
  await connector?.stop(0);
  connector = undefined;
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function start(...words: string[]): ChildProcess {
  const child = spawn(process.execPath, [program, 'edge', ...words, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Runs one command to its end. */
async function run(
  ...words: string[]
): Promise<{ status: number | null; out: string; document: Record<string, string> }> {
  const child = start(...words);
  let out = '';
  let errors = '';
  child.stdout?.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, document: JSON.parse(status === 0 ? out : errors) };
}

/** Starts the edge and reads its ready line. */
async function runEdge(): Promise<{ child: ChildProcess; port: number; operations: number; log: () => string }> {
  const child = start('run', '--config', config);
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, 'line')) as [string];
  return { child, ...(JSON.parse(line) as { port: number; operations: number }), log: () => errors };
}

async function init(): Promise<void> {
  const words = ['--name', 'edge.test', '--port', '0', '--host', '127.0.0.1', '--operations', '0'];
  expect((await run('init', folder, ...words)).status).toBe(0);
  const text = await readFile(config, 'utf8');
  await writeFile(config, `${text}public: { host: 127.0.0.1 }\n`);
}

async function echoes(port: number, domain: string): Promise<void> {
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(hello);
  expect((await digest(socket)).bytes).toBe(hello.length);
}

test('an edge alone: init, run, invite, join, kill -9 and back, list, revoke, drain', async () => {
  await init();
  expect((await stat(join(folder, 'ca.key'))).mode & 0o777).toBe(0o600);
  expect((await run('init', folder)).document).toMatchObject({ error: { code: 'edge_exists', hop: 'edge' } });

  const first = await runEdge();
  const health = await fetch(`http://127.0.0.1:${first.operations}/healthz`);
  expect(await health.json()).toMatchObject({ ok: true, tunnels: 0 });

  const invite = await run('invite', '--config', config, '--name', 'box');
  expect(invite.document).toMatchObject({ domain: 'box.edge.test', join: expect.stringMatching(/^sallyport-join:/) });
  const joined = await joinEdge(invite.document.join ?? '');
  expect(joined.domain).toBe('box.edge.test');
  connector = connectorFor(joined);
  await startConnector(connector, (stream) => stream.pipe(stream));
  await echoes(first.port, joined.domain);

  first.child.kill('SIGKILL');
  await until(connector, () => connector?.status().state === 'trouble');
  // The port was any free one; the one that comes back must be the same.
  await writeFile(config, (await readFile(config, 'utf8')).replace(/^port: 0$/m, `port: ${first.port}`));
  const second = await runEdge();
  await until(connector, () => connector?.status().connections.length === 2);
  await echoes(second.port, joined.domain);
  await expect(joinEdge(invite.document.join ?? '')).rejects.toMatchObject({ code: 'invite_invalid' });

  const listed = (await run('list', '--config', config)).document as unknown as { connectors: { id: string }[] };
  expect(listed.connectors).toMatchObject([{ name: 'box.edge.test' }]);
  const id = listed.connectors[0]?.id ?? '';
  expect((await run('revoke', id.slice(0, 12), '--config', config)).document).toMatchObject({ id });
  await until(connector, () => connector?.status().error?.code === 'edge_refused');

  expect(second.log()).not.toContain(invite.document.join?.split(':').at(-1));
  second.child.kill('SIGTERM');
  expect(await once(second.child, 'close')).toEqual([143, null]);
}, 90_000);

test('agent add makes a certificate, and keeps no key when given a request', async () => {
  await init();
  await writeFile(config, (await readFile(config, 'utf8')).replace(/^port: 0$/m, 'port: 8443'));
  const { document } = await run('agent', 'add', 'claude', '--config', config);
  expect(document).toMatchObject({ name: 'claude', url: 'wss://agents.127.0.0.1:8443/tunnel/DOMAIN' });
  await access(document.key ?? '');
  expect((await run('agent', 'add', 'claude', '--config', config)).document).toMatchObject({
    error: { code: 'agent_exists' },
  });
  expect((await run('revoke', 'short', '--config', config)).document).toMatchObject({
    error: { code: 'unknown_certificate' },
  });
}, 90_000);

test('a wrong configuration is named by file, line and column', async () => {
  await init();
  const text = await readFile(config, 'utf8');
  await writeFile(config, `${text}lisen: 443\n`);
  const line = text.split('\n').length;
  const { status, document } = await run('run', '--config', config);
  expect(status).toBe(1);
  expect(document).toMatchObject({
    error: { code: 'edge_config_invalid', message: `edge.yaml:${line}:1: unknown key "lisen"` },
  });
  await writeFile(config, text);
  const printed = (await run('run', '--config', config, '--print-config')).document;
  expect(printed).toMatchObject({ config: { name: 'edge.test', operations: 0, limits: { total: 10_000 } } });
}, 90_000);
