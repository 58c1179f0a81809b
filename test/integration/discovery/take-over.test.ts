// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files that are read use this form themselves.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDiscoveryHandlers } from '../../../electron/core/handlers/discovery-handlers.ts';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import type { Secrets } from '../../../electron/core/secrets/secrets.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { createServers } from '../../../electron/core/servers/create-servers.ts';
import { createDiscovery } from '../../../electron/core/servers/discovery/discovery.ts';
import { scanLoopback } from '../../../electron/core/servers/discovery/loopback-scan.ts';
import { createOrigins, type Origins } from '../../../electron/core/servers/discovery/origins.ts';
import { listeningPorts, ownPorts, portsOfLsof } from '../../../electron/core/servers/discovery/own-ports.ts';
import { createServerRegistry, type ServerRegistry } from '../../../electron/core/servers/server-registry.ts';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { createSettings } from '../../../electron/core/settings/settings-station.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { startHttpServer } from '../../fixtures/mcp-servers/echo-headers.ts';
import { createManualClock } from '../../manual-clock.ts';
import { callTool, fixture, textOf } from '../servers/station.ts';

const front = { front: 'window' } as const;
let home: string;
let folder: string;
let secrets: Secrets;
let registry: ServerRegistry;
let servers: Servers;
let origins: Origins;
let notes: string[];
let ended: string[];
let clock: ReturnType<typeof createManualClock>;
let handlers: ReturnType<typeof createDiscoveryHandlers>;
const opened: Server[] = [];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'home-'));
  folder = mkdtempSync(join(tmpdir(), 'data-'));
  clock = createManualClock();
  secrets = await createSecrets({
    path: join(folder, 'secrets.json'),
    sealer: createKeyfileSealer({ path: join(folder, 'keyfile') }),
    alsoOpen: [],
  });
  const settings = createSettings({
    path: join(folder, 'settings.json'),
    openFile: () => createConfSettingsFile(folder),
    clock,
  });
  registry = createServerRegistry({ settings, secrets });
  servers = createServers({
    secrets,
    clock: systemClock,
    client: { name: 's', version: '0' },
    environment: process.env,
  });
  notes = [];
  ended = [];
  origins = createOrigins({
    discovery: createDiscovery({ platform: 'linux', home, environment: { NEEDED: 'from the environment' } }),
    registry,
    clock,
    onNote: (_server, message) => notes.push(message),
  });
  handlers = createDiscoveryHandlers({
    registry,
    servers,
    origins,
    log: { note: () => {} },
    scan: () =>
      scanLoopback({
        client: { name: 's', version: '0' },
        ports: opened.map((server) => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })),
        except: new Set(),
      }),
    endSessions: ({ server }) => ended.push(server),
  });
});
afterEach(async () => {
  origins.close();
  await servers.stopAll(200);
  for (const server of opened.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(home, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

function cursor(mcpServers: object): void {
  mkdirSync(join(home, '.cursor'), { recursive: true });
  writeFileSync(join(home, '.cursor/mcp.json'), JSON.stringify({ mcpServers }));
}
const script = fixture('echo-environment.ts');

async function only() {
  const { found } = await handlers['servers.discover']({}, front);
  const [first] = found;
  if (!first) throw new Error('nothing found');
  return { ...first, naming: { source: first.source, file: first.file, found: first.name, digest: first.digest } };
}

test('what is shown holds no value, and nothing runs until the imported server is used', async () => {
  const marker = join(home, 'it-ran');
  cursor({
    notes: { command: process.execPath, args: [script, marker], env: { API_KEY: 'sk-very-secret', PLAIN: 'x' } },
  });
  const shown = await only();
  expect(JSON.stringify(shown)).not.toContain('sk-very-secret');
  expect(shown).toMatchObject({ name: 'notes', env: ['API_KEY', 'PLAIN'], already: false });
  const { slug } = await handlers['servers.import']({ ...shown.naming }, front);
  expect(() => readFileSync(marker)).toThrow();
  expect((await only()).already).toBe(true);

  const stored = readFileSync(join(folder, 'settings.json'), 'utf8');
  expect(stored).toContain('API_KEY');
  expect(stored).not.toContain('sk-very-secret');
  expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).not.toContain('sk-very-secret');

  const session = await servers.connect(registry.find(slug), 'a');
  expect(JSON.parse(textOf(await callTool(session, 'environment')))).toMatchObject({
    API_KEY: 'sk-very-secret',
    PLAIN: 'x',
  });
  expect(readFileSync(marker, 'utf8')).toBe('ran');
});

test('a project’s server runs in its project', async () => {
  const project = mkdtempSync(join(home, 'project-'));
  writeFileSync(join(home, '.claude.json'), JSON.stringify({ projects: { [project]: {} } }));
  const entry = { command: process.execPath, args: [script], env: { K: '${NEEDED}' } };
  writeFileSync(join(project, '.mcp.json'), JSON.stringify({ mcpServers: { here: entry } }));
  const shown = await only();
  const { slug } = await handlers['servers.import']({ ...shown.naming }, front);
  const session = await servers.connect(registry.find(slug), 'a');
  expect(JSON.parse(textOf(await callTool(session, 'environment')))).toMatchObject({
    cwd: project,
    K: 'from the environment',
  });
});

test('an import of something else than what was shown is refused', async () => {
  cursor({ notes: { command: 'a' } });
  const shown = await only();
  cursor({ notes: { command: 'b' } });
  await expect(handlers['servers.import']({ ...shown.naming }, front)).rejects.toMatchObject({ code: 'found_stale' });
  cursor({});
  await expect(handlers['servers.import']({ ...shown.naming }, front)).rejects.toMatchObject({ code: 'found_stale' });
  cursor({ notes: { command: 'a', args: ['${env:NOT_THERE}'] } });
  const odd = await only();
  await expect(handlers['servers.import']({ ...odd.naming }, front)).rejects.toMatchObject({ code: 'cannot_import' });
  expect(registry.all()).toEqual([]);
});

test('values that the file does not hold are asked for', async () => {
  cursor({ notes: { command: 'a', env: { TOKEN: '${input:token}' } } });
  const shown = await only();
  expect(shown.asks).toEqual(['TOKEN']);
  await expect(handlers['servers.import']({ ...shown.naming }, front)).rejects.toMatchObject({ code: 'value_missing' });
  const { slug } = await handlers['servers.import']({ ...shown.naming, values: { TOKEN: 't', OTHER: 'o' } }, front);
  expect(await secrets.get(`server-env:${slug}:TOKEN`)).toBe('t');
  expect(await secrets.get(`server-env:${slug}:OTHER`)).toBeUndefined();
});

test('a changed command is told once, does not run, and runs after it was adopted', async () => {
  cursor({ notes: { command: process.execPath, args: [script], env: { WHICH: 'first' } } });
  const shown = await only();
  const { slug } = await handlers['servers.import']({ ...shown.naming }, front);
  const origin = () => origins.view(registry.find(slug));
  await origins.look();
  expect(origin()).toMatchObject({ state: 'same' });

  cursor({ notes: { command: process.execPath, args: [script, join(home, 'evil')], env: { WHICH: 'second' } } });
  // Nobody asks: the file is followed.
  const told = new Promise<void>((resolve) => void origins.onChange(resolve));
  clock.advance(5 * 60_000);
  await told;
  expect(origin()).toMatchObject({ state: 'changed', now: { args: [script, join(home, 'evil')] } });
  await origins.look();
  expect(notes).toHaveLength(1);
  const before = await servers.connect(registry.find(slug), 'a');
  expect(JSON.parse(textOf(await callTool(before, 'environment')))).toMatchObject({ WHICH: 'first' });
  expect(() => readFileSync(join(home, 'evil'))).toThrow();

  await expect(handlers['servers.adopt']({ server: slug, digest: shown.digest }, front)).rejects.toMatchObject({
    code: 'found_stale',
  });
  await handlers['servers.adopt']({ server: slug, digest: origin()?.now?.digest ?? '' }, front);
  expect(ended).toEqual([slug]);
  expect(origin()).toMatchObject({ state: 'same' });
  const after = await servers.connect(registry.find(slug), 'a');
  expect(JSON.parse(textOf(await callTool(after, 'environment')))).toMatchObject({ WHICH: 'second' });

  cursor({});
  await origins.look();
  expect(origin()).toMatchObject({ state: 'gone' });
  expect(registry.find(slug).target).toMatchObject({ args: [script, join(home, 'evil')] });
});

test('headers of an HTTP server go with every request, and never replace the protocol’s own', async () => {
  const { server, url, seen } = await startHttpServer();
  opened.push(server);
  cursor({ api: { url, headers: { Authorization: 'Bearer own-credential', 'X-Org': 'seven' } } });
  const shown = await only();
  expect(JSON.stringify(shown)).not.toContain('own-credential');
  const { slug } = await handlers['servers.import']({ ...shown.naming }, front);
  expect(readFileSync(join(folder, 'settings.json'), 'utf8')).not.toContain('own-credential');
  await servers.connect(registry.find(slug), 'a');
  expect(seen.length).toBeGreaterThan(0);
  for (const headers of seen) {
    expect(headers).toMatchObject({ authorization: 'Bearer own-credential', 'x-org': 'seven' });
  }
  cursor({ api: { url, headers: { Host: 'evil.example' } } });
  const bad = await only();
  await expect(handlers['servers.import']({ ...bad.naming, name: 'x' }, front)).rejects.toMatchObject({
    code: 'bad_server',
  });
});

test('a scan sends one discover request to each port, and finds what answers like MCP', async () => {
  const requests: string[] = [];
  const listen = async (answer: (body: string) => { status: number; type?: string; text: string }) => {
    const server = createServer((request: IncomingMessage, response) => {
      let body = '';
      request.on('data', (part) => {
        body += String(part);
      });
      request.on('end', () => {
        requests.push(`${request.method} ${request.url} ${String((JSON.parse(body) as { method: string }).method)}`);
        const { status, type = 'application/json', text } = answer(body);
        response.writeHead(status, { 'content-type': type }).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push(server);
    return (server.address() as AddressInfo).port;
  };
  const info = { _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'Tickets\u202e', version: '1' } } };
  const modern = await listen(() => ({ status: 200, text: JSON.stringify({ jsonrpc: '2.0', id: 1, result: info }) }));
  const legacy = await listen(() => ({
    status: 400,
    type: 'text/event-stream',
    text: 'event: message\ndata: {"jsonrpc":"2.0","error":{"code":-32000,"message":"Not initialized"},"id":null}\n\n',
  }));
  await listen(() => ({ status: 200, text: '{"hello":1}' }));
  await listen(() => ({ status: 404, type: 'text/html', text: '<p>no' }));
  const { found, ports } = await handlers['servers.scan']({}, front);
  expect(ports).toBe(4);
  expect(requests).toEqual(Array.from({ length: 4 }, () => 'POST /mcp server/discover'));
  const byUrl = Object.fromEntries(found.map(({ url, name }) => [url, name]));
  expect(Object.keys(byUrl).sort()).toEqual(
    [`http://127.0.0.1:${modern}/mcp`, `http://127.0.0.1:${legacy}/mcp`].sort(),
  );
  expect(byUrl[`http://127.0.0.1:${legacy}/mcp`]).toBe(`server-${legacy}`);
  expect(byUrl[`http://127.0.0.1:${modern}/mcp`]).not.toContain('\u202e');
  const [first] = found;
  if (!first) throw new Error('nothing found');
  await handlers['servers.import'](
    { source: first.source, file: first.file, found: first.name, digest: first.digest, name: 'Scanned' },
    front,
  );
  expect(registry.find('Scanned').target).toEqual({ kind: 'http', url: first.url });
});

test('only this user’s ports on loopback are asked', async () => {
  const uid = process.getuid?.() ?? 0;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(server);
  const { port } = server.address() as AddressInfo;
  if (process.platform === 'linux') expect(await ownPorts('linux', uid)).toContainEqual({ host: '127.0.0.1', port });
  const line = (address: string, state: string, owner: number) =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  ${owner}        0 1 1`;
  const table = [
    'header',
    line('0100007F:1F90', '0A', 1000),
    line('00000000:1F91', '0A', 1000),
    line('0100007F:1F92', '0A', 0),
    line('0100007F:1F93', '01', 1000),
    line('0A00000A:1F94', '0A', 1000),
    line('00000000000000000000000001000000:1F95', '0A', 1000),
  ].join('\n');
  expect(listeningPorts(table, 1000).map((each) => `${each.host}:${each.port}`)).toEqual([
    '127.0.0.1:8080',
    '127.0.0.1:8081',
    '[::1]:8085',
  ]);
  expect(portsOfLsof('p12\nf3\nn127.0.0.1:8080\nn*:9000\nn10.0.0.1:9001\nn[::1]:9002\n')).toHaveLength(3);
  await expect(ownPorts('win32', undefined)).rejects.toThrow('does not tell');
});
