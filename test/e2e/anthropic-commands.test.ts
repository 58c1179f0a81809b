import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AppProcess, startApp } from '../app-process.ts';
import { type CloudflareEdge, startCloudflareEdge } from '../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { installFake } from '../fixtures/cloudflare-edge/install-fake.ts';

const domain = 'abcd1234.tunnel.example';
const token = Buffer.from(
  JSON.stringify({ a: 'acc', t: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', s: Buffer.from('sesame').toString('base64') }),
).toString('base64');
let app: AppProcess;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-commands-'));
  app = await startApp();
});
afterAll(async () => {
  await app?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
const written = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};
const errorOf = async (...args: string[]): Promise<{ code: string; message: string }> => {
  const result = await app.tryCli(...args);
  return (JSON.parse(result.stderr) as { error: { code: string; message: string } }).error;
};

describe('tunnel import', () => {
  const config = (port: number): string => `listen_addr: "0.0.0.0:${port}"
log_level: debug
shutdown_timeout: 30s
tunnel_domain: ${domain}
tls:
  cert_file: /certs/tls.crt
  key_file: /certs/tls.key
routes:
  files: http://10.1.2.3:8000
  git.internal.example: https://10.1.2.4:9443
upstream:
  allowed_ips: [10.0.0.0/8]
  disable_ip_validation: false
  tls:
    ca_file: /certs/ca.pem
    include_system_cas: true
`;

  it('refuses in the proxy’s words, with file and line, and changes nothing', async () => {
    const bad = await written('bad.yaml', `tunnel_domain: ${domain}\nroutes:\n  files: http://8.8.8.8:80\n`);
    expect(await errorOf('tunnel', 'import', bad)).toMatchObject({
      code: 'bad_proxy_config',
      message: expect.stringMatching(/^bad\.yaml:3:\d+: .*IP validation failed: 8\.8\.8\.8 is not a private address/),
    });
    const odd = await written('odd.yaml', `tunnel_domain: ${domain}\nroutes: {}\nlisten: 1\n`);
    expect((await errorOf('tunnel', 'import', odd)).message).toContain('field listen not found');
    expect((await errorOf('tunnel', 'import', join(folder, 'none.yaml'))).code).toBe('file_unreadable');
    expect(await app.cli('tunnel', 'status')).toMatchObject({ way: 'embedded' });
    expect(await app.cli('servers', 'list')).toEqual({ servers: [] });
  });

  it('takes every field over or says why not; a second run knows what the first one added', async () => {
    const port = await freePort();
    const file = await written('config.yaml', config(port));
    const first = await app.cli<{ servers: object[]; remarks: string[] }>('tunnel', 'import', file);
    expect(first).toMatchObject({
      domain,
      listen: port,
      servers: [
        { slug: 'files', host: `files.${domain}`, url: 'http://10.1.2.3:8000/mcp', added: true },
        { host: 'git.internal.example', url: 'https://10.1.2.4:9443/mcp', added: true },
      ],
    });
    for (const field of ['cert_file', 'log_level', 'shutdown_timeout', 'ca_file', 'Addresses of upstreams']) {
      expect(first.remarks.join('\n')).toContain(field);
    }
    const status = await app.cli<{ way: string; domain: string; remarks: string[] }>('tunnel', 'status');
    expect(status).toMatchObject({ way: 'anthropic', domain });
    expect(status.remarks.join('\n')).toContain(`http://127.0.0.1:${port}`);
    const { servers } = await app.cli<{ servers: { shared: boolean; publicUrl?: string }[] }>('servers', 'list');
    expect(servers.map(({ shared }) => shared)).toEqual([false, false]);
    const again = await app.cli<{ servers: { added: boolean }[] }>('tunnel', 'import', file);
    expect(again.servers.map(({ added }) => added)).toEqual([false, false]);
    // The listener is there for the cloudflared that goes on running, on loopback whatever the file said.
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(answer.status).toBe(426);
  });
});

describe('tunnel record', () => {
  let edge: CloudflareEdge;
  beforeAll(async () => {
    edge = await startCloudflareEdge();
    const came = edge.next();
    const held = ['--edge', edge.address, '--edge-ca', await written('edge-ca.pem', edge.ca), '--mode', 'native'];
    const given = ['--domain', domain, '--token-file', await written('token', token)];
    await app.cli('tunnel', 'use', 'anthropic', ...given, ...held);
    await came;
  });
  afterAll(() => edge?.close());

  it('notes metadata of as many connections as asked for, never content, and writes a new file only', async () => {
    expect((await errorOf('tunnel', 'record', '--save', join(folder, 'record.json'))).code).toBe('nothing_recorded');
    await app.cli('tunnel', 'record', '--connections', '2');
    const { pem: ca } = await app.cli<{ pem: string }>('tunnel', 'ca');
    const port = await edge.door(`files.${domain}`, { frame: 700 });
    for (let turn = 0; turn < 3; turn += 1) {
      await new Promise<void>((resolve, reject) => {
        const outgoing = https.request(
          {
            host: '127.0.0.1',
            port,
            ca,
            agent: false,
            servername: `files.${domain}`,
            path: '/mcp?secret=in-the-query',
            headers: { host: `files.${domain}`, authorization: 'Bearer planted-bearer' },
          },
          (response) => {
            response.resume();
            response.on('end', resolve);
          },
        );
        outgoing.on('error', reject);
        outgoing.end();
      });
    }
    const file = join(folder, 'record.json');
    await app.cli('tunnel', 'record', '--save', file);
    const text = await readFile(file, 'utf8');
    const record = JSON.parse(text) as { waitingFor: number; events: { what: string; [more: string]: unknown }[] };
    expect(record.waitingFor).toBe(0);
    expect(record.events.filter(({ what }) => what === 'upgrade')).toHaveLength(2);
    expect(record.events.find(({ what }) => what === 'secured')).toMatchObject({
      version: 'TLSv1.3',
      sni: `files.${domain}`,
    });
    expect(record.events.find(({ what }) => what === 'request')).toMatchObject({ host: `files.${domain}` });
    expect(record.events.some(({ what, length }) => what === 'frame' && Number(length) > 0)).toBe(true);
    for (const planted of ['planted-bearer', 'in-the-query', '160.79.104.10', token, 'sesame']) {
      expect(text).not.toContain(planted);
    }
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await errorOf('tunnel', 'record', '--save', file)).code).toBe('record_unwritable');
  });
});

describe('an override', () => {
  it('is still there after a restart of the app, and ends with choosing the way anew', async () => {
    const own = await mkdtemp(join(tmpdir(), 'sallyport-override-'));
    let second = await startApp();
    try {
      const pushed = {
        message: 'Updated to new configuration',
        version: 1,
        config: '{"ingress":[{"service":"tcp://10.0.0.1:22"}]}',
      };
      const { path } = installFake(own, { lines: [pushed] });
      await writeFile(join(own, 'token'), token);
      const use = ['tunnel', 'use', 'anthropic', '--cloudflared', path];
      await second.cli(...use, '--domain', domain, '--token-file', join(own, 'token'));
      const alarmed = async (): Promise<string> => {
        for (;;) {
          const { state, detail } = await second.cli<{ state: string; detail?: string }>('tunnel', 'status');
          if (state === 'trouble') return detail ?? '';
        }
      };
      expect(await alarmed()).toContain('tcp://10.0.0.1:22');
      const { dataDir } = second;
      await second.stop('SIGKILL');
      // Had it been started, this one would report itself connected.
      installFake(own);
      second = await startApp({ dataDir });
      expect(await alarmed()).toContain('tcp://10.0.0.1:22');
      const status = await second.cli<{ state: string }>(...use);
      expect(status.state).not.toBe('trouble');
    } finally {
      await second.dispose();
      await rm(own, { recursive: true, force: true });
    }
  });
});
