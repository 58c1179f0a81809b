import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import https from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AppProcess, runCli, startApp } from '../app-process.ts';
import { providePythonWith } from '../debian-tools.mjs';
import { type CloudflareEdge, startCloudflareEdge } from '../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { installFake } from '../fixtures/cloudflare-edge/install-fake.ts';
import { pythonStrictClient, runs } from '../integration/pki/python-strict.ts';

const domain = 'abcd1234.tunnel.example';
const hasPython = runs('python3', '-c', 'import ssl; ssl.VERIFY_X509_STRICT');
const pythons = { 'http/1.1': hasPython ? 'python3' : undefined, h2: providePythonWith('h2') };
const token = Buffer.from(
  JSON.stringify({ a: 'acc', t: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', s: Buffer.from('sesame').toString('base64') }),
).toString('base64');

interface TunnelStatus {
  way: string;
  domain: string;
  port: number;
  state: string;
  connections: { edge: string; transport: string }[];
  checklist: { step: string; state: string; detail: string }[];
}

describe.each([['native'], ['cloudflared, the fake one']])('Anthropic’s tunnel, %s', (mode) => {
  let app: AppProcess;
  let edge: CloudflareEdge;
  let folder: string;
  let port: number;
  let bearer: string;
  let ca: string;
  const host = `sample.${domain}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-anthropic-'));
    edge = await startCloudflareEdge();
    await writeFile(join(folder, 'edge-ca.pem'), edge.ca);
    await writeFile(join(folder, 'token'), `${token}\n`);
    app = await startApp();
    const came = edge.next();
    const way =
      mode === 'native' ? ['--mode', 'native'] : ['--mode', 'cloudflared', '--cloudflared', installFake(folder).path];
    const status = await app.cli<TunnelStatus>(
      ...['tunnel', 'use', 'anthropic', '--domain', domain, '--token-file', join(folder, 'token')],
      ...['--edge', edge.address, '--edge-ca', join(folder, 'edge-ca.pem'), ...way],
    );
    expect(status).toMatchObject({ way: 'anthropic', domain, port: 443 });
    await came;
    ca = (await app.cli<{ pem: string }>('tunnel', 'ca')).pem;
    await writeFile(join(folder, 'ca.pem'), ca);
    await app.cli('servers', 'add', 'sample', '--command', process.execPath, '--arg', sample);
    const shared = await app.cli<{ url: string; resource: string }>('servers', 'share', 'sample');
    expect(shared.url).toBe(`https://${host}/mcp`);
    bearer = (await app.cli<{ token: string }>('agents', 'token', '--server', 'sample')).token;
    port = await edge.door(host, { odd: true, frame: 3_000 });
  });
  afterAll(async () => {
    await app?.dispose();
    await edge?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const sample = join(import.meta.dirname, '../../electron/sample-server.ts');
  const listTools = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/list',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  });
  const headers = (to: string): Record<string, string> => ({
    host: to,
    authorization: `Bearer ${bearer}`,
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/list',
  });

  /** One request over HTTP/1.1; the agent keeps the connection or not. */
  function post(to: string, agent: https.Agent): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = https.request(
        { host: '127.0.0.1', port, servername: to, ca, agent, method: 'POST', path: '/mcp', headers: headers(to) },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      outgoing.on('error', reject);
      outgoing.end(listTools);
    });
  }

  it('answers an agent that verifies strictly, a connection a request and pooled', async () => {
    for (const keepAlive of [false, true]) {
      const agent = new https.Agent({ keepAlive, maxSockets: 1 });
      for (let turn = 0; turn < 3; turn += 1) {
        const { status, text } = await post(host, agent);
        expect([status, text]).toEqual([200, expect.stringContaining('"tools"')]);
      }
      agent.destroy();
    }
  });

  it('answers over HTTP/2', async () => {
    const socket = connectTls({
      socket: connectTcp(port, '127.0.0.1'),
      servername: host,
      ca,
      ALPNProtocols: ['h2'],
    });
    const session = http2.connect(`https://${host}`, { createConnection: () => socket });
    const { host: _host, ...rest } = headers(host);
    const stream = session.request({ ':method': 'POST', ':path': '/mcp', ...rest });
    stream.end(listTools);
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    expect(text).toContain('"tools"');
    session.destroy();
  });

  it('says that no route is for a host, and notes it', async () => {
    const agent = new https.Agent();
    expect(await post(`other.${domain}`, agent)).toEqual({ status: 502, text: 'No route configured for host' });
    agent.destroy();
    const { rows } = await app.cli<{ rows: { message?: string }[] }>('log', 'list', '--limit', '200');
    const notes = rows.map((row) => row.message ?? '').join('\n');
    expect(notes).toContain(`no route for host: other.${domain}`);
    expect(notes).toContain(`route configured: ${host}`);
    expect(notes).toContain(`request started: ${host}`);
  });

  it.skipIf(!hasPython)('is trusted by Python’s ssl with strict X.509, and tells when it is not', async () => {
    const python = async (file: string): Promise<Record<string, string>> => {
      const args = ['-c', pythonStrictClient, file, String(port), host, ''];
      return JSON.parse((await promisify(execFile)('python3', args)).stdout);
    };
    const seen = await python(join(folder, 'ca.pem'));
    expect(seen.version).toBe('TLSv1.3');
    expect(seen.answer).toContain('502 Bad Gateway');
    await python(join(folder, 'edge-ca.pem'));
    const { rows } = await app.cli<{ rows: { message?: string }[] }>('log', 'list', '--limit', '50');
    expect(rows.map((row) => row.message).join('\n')).toContain(
      'tls handshake failed: remote error: tls: unknown certificate authority',
    );
  });

  describe.each([
    ['http/1.1', false],
    ['http/1.1', true],
    ['h2', false],
    ['h2', true],
  ] as const)('over %s, connections kept: %s', (alpn, pooled) => {
    const python = pythons[alpn];
    const missing = python === undefined ? ' (skipped: no python3 here)' : '';
    it.skipIf(missing !== '')(`answers an agent of Python’s that checks strictly${missing}`, async () => {
      const order = { ca: join(folder, 'ca.pem'), port, host, alpn, pooled, headers: headers(host), body: listTools };
      const agent = join(import.meta.dirname, '../fixtures/python_agent.py');
      const running = promisify(execFile)(python ?? '', [agent]);
      running.child.stdin?.end(JSON.stringify(order));
      const seen = JSON.parse((await running).stdout) as { answers: [number, string][] };
      expect(seen).toMatchObject({ alpn, connections: pooled ? 1 : 3 });
      expect(seen.answers).toHaveLength(3);
      for (const answer of seen.answers) expect(answer).toEqual([200, expect.stringContaining('"tools"')]);
    });
  });

  it('knows what is proven: the authority by the first hand-shake, the way from outside never by itself', async () => {
    const status = await app.cli<TunnelStatus>('tunnel', 'status');
    expect(status.state).toBe('connected');
    expect(status.connections[0]).toMatchObject({ edge: 'LAB', transport: 'http2' });
    expect(status.checklist.map(({ step, state }) => [step, state])).toEqual([
      ['tunnel', 'done'],
      ['authority', 'done'],
      ['connector', 'done'],
      ['servers', 'done'],
      ['first-call', 'done'],
    ]);
    const probe = await app.cli<{ ok: boolean; from: string }>('tunnel', 'probe');
    expect(probe).toMatchObject({ ok: true, from: 'here' });
  });

  it('keeps the token out of everything but the secrets', async () => {
    for (const words of [['tunnel', 'status'], ['status'], ['log', 'list', '--limit', '500']]) {
      expect(JSON.stringify(await app.cli(...words))).not.toContain(token);
    }
  });
});

describe('Anthropic’s tunnel, set up wrongly', () => {
  let app: AppProcess;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app?.dispose());

  it.each([
    [['--mode', 'native'], 'tunnel_domain_needed'],
    [['--mode', 'native', '--domain', domain], 'tunnel_token_missing'],
    [['--mode', 'native', '--domain', domain, '--token-file', '-'], 'tunnel_token_invalid'],
    [
      ['--mode', 'cloudflared', '--domain', domain, '--cloudflared', '/nonexistent', '--token-file', '-'],
      'cloudflared_missing',
    ],
  ])('%j is refused by %s, and the old way stays', async (words, code) => {
    const input = code === 'tunnel_token_invalid' ? 'nonsense' : token;
    const result = await runCli(['tunnel', 'use', 'anthropic', ...words, '--json', '--data-dir', app.dataDir], {
      input,
    });
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code } });
    expect((await app.cli<TunnelStatus>('tunnel', 'status')).way).toBe('embedded');
  });
});
