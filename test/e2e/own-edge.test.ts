import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { createWebSocketDuplex } from '../../electron/core/tunnel/edge/websocket-duplex.ts';
import { type AppProcess, cliPath, runCli, startApp } from '../app-process.ts';
import { serveLegacyHttp } from '../fixtures/mcp-servers/http-servers.ts';

const legacyInitialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'door', version: '1' } },
};

/** POSTs one JSON-RPC message over a TLS connection that is there already. */
function post(socket: Duplex, host: string, path: string, token: string, message: object): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const agent = new https.Agent({ keepAlive: false });
    agent.createConnection = () => socket;
    const headers = {
      host,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    const outgoing = https.request({ method: 'POST', path, headers, agent }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      incoming.on('end', () => resolve([incoming.statusCode ?? 0, body]));
    });
    outgoing.once('error', reject);
    outgoing.end(JSON.stringify(message));
  });
}

/** Knocks at the agent door for the laptop's tunnel; `ws` hands these options on to TLS. */
function knock(port: number, options: ClientOptions & tls.ConnectionOptions): WebSocket {
  const outer = { servername: 'agents.edge.localhost', ...options };
  return new WebSocket(`wss://127.0.0.1:${port}/tunnel/laptop.edge.localhost`, [], outer);
}

describe('an edge of one’s own, the app, and an HTTP server: four processes', () => {
  let base: string;
  let edge: ChildProcess;
  let edgePort: number;
  let app: AppProcess;
  let upstream: Awaited<ReturnType<typeof serveLegacyHttp>>;
  let config: string;
  let shared: { url: string };
  let token: string;
  let ca: string;

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'sallyport-edge-'));
    const folder = join(base, 'edge');
    config = join(folder, 'edge.yaml');
    const init = await runCli([
      'edge',
      'init',
      folder,
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--operations',
      'off',
      '--json',
    ]);
    expect(init.status, init.stderr).toBe(0);
    const yaml = await readFile(config, 'utf8');
    await writeFile(config, yaml.replace('allow: []', 'allow: [127.0.0.1]'));
    edge = spawn(process.execPath, [cliPath, 'edge', 'run', '--config', config, '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (!edge.stdout) throw new Error('no stdout');
    const ended = once(edge, 'close').then(() => ['{}']);
    const [ready] = (await Promise.race([once(createInterface({ input: edge.stdout }), 'line'), ended])) as [string];
    edgePort = (JSON.parse(ready) as { port: number }).port;
    const invited = await runCli(['edge', 'invite', '--config', config, '--name', 'laptop', '--json']);
    const { join: line } = invited.json<{ join: string }>();
    // Names under .localhost are not looked up everywhere; the edge answers to its address as well.
    const reachable = line.replace('sallyport-join:edge.localhost:', 'sallyport-join:127.0.0.1:');

    app = await startApp();
    const used = await runCli(['tunnel', 'use', 'edge', '--join-file', '-', '--json', '--data-dir', app.dataDir], {
      input: reachable,
    });
    expect(used.json()).toMatchObject({ way: 'edge', domain: 'laptop.edge.localhost' });
    upstream = await serveLegacyHttp();
    await app.cli('servers', 'add', 'remote', '--url', upstream.url);
    shared = await app.cli<{ url: string }>('servers', 'share', 'remote');
    ca = (await app.cli<{ pem: string }>('tunnel', 'ca')).pem;
    token = (await app.cli<{ token: string }>('agents', 'token', '--server', 'remote')).token;
  });

  afterAll(async () => {
    await app?.dispose();
    edge?.kill('SIGTERM');
    if (edge && edge.exitCode === null) await once(edge, 'close');
    await upstream?.close();
    await rm(base, { recursive: true, force: true });
  });

  const insideTls = async (socket: Duplex): Promise<tls.TLSSocket> => {
    const secure = tls.connect({ socket, servername: 'laptop.edge.localhost', ca, ALPNProtocols: ['http/1.1'] });
    await once(secure, 'secureConnect');
    return secure;
  };

  it('gives the server a URL under the tunnel’s own name', () => {
    expect(shared.url).toBe(`https://laptop.edge.localhost:${edgePort}/remote/mcp`);
  });

  it('door (a): a TLS client reaches the HTTP server by SNI alone, and its token goes no further', async () => {
    const { connect } = await import('node:net');
    const raw = connect(edgePort, '127.0.0.1');
    const secure = await insideTls(raw);
    const [status, body] = await post(
      secure,
      `laptop.edge.localhost:${edgePort}`,
      '/remote/mcp',
      token,
      legacyInitialize,
    );
    expect(status).toBe(200);
    expect(body).toContain('"protocolVersion":"2025-11-25"');
    expect(upstream.seen.length).toBeGreaterThan(0);
    for (const { headers } of upstream.seen) expect(headers.authorization).toBeUndefined();
  });

  it('door (b): a WebSocket over outer mutual TLS carries the same inner TLS', async () => {
    const added = await runCli(['edge', 'agent', 'add', 'hosted', '--config', config, '--json']);
    const files = added.json<{ certificate: string; key: string; ca: string }>();
    const [certificate, key, edgeCa] = await Promise.all(
      [files.certificate, files.key, files.ca].map((file) => readFile(file, 'utf8')),
    );
    const webSocket = knock(edgePort, { cert: certificate, key, ca: edgeCa });
    await once(webSocket, 'open');
    const secure = await insideTls(createWebSocketDuplex(webSocket));
    const [status, body] = await post(
      secure,
      `laptop.edge.localhost:${edgePort}`,
      '/remote/mcp',
      token,
      legacyInitialize,
    );
    expect(status).toBe(200);
    expect(body).toContain('"protocolVersion":"2025-11-25"');
  });

  it('door (b) stays shut without a certificate of this edge', async () => {
    const webSocket = knock(edgePort, { rejectUnauthorized: false });
    const [error] = (await once(webSocket, 'error')) as [Error];
    expect(error.message).toMatch(/403|alert|socket hang up|disconnected|ECONNRESET/);
  });

  it('the way back to the embedded edge ends every token, since every URL changed', async () => {
    expect(await app.cli('tunnel', 'use', 'embedded')).toMatchObject({ way: 'embedded', domain: 'localhost' });
    const { agents } = await app.cli<{ agents: { grants: unknown[] }[] }>('agents', 'list');
    expect(agents.flatMap((agent) => agent.grants)).toEqual([]);
  });
});
