import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectModern, trust } from '../agents.ts';
import { type AppProcess, runCli, startApp } from '../app-process.ts';
import { connectContract } from '../contract-client.ts';
import { processesWith } from './processes.ts';

const filesystemServer = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
);

describe('what goes wrong', () => {
  let base: string;
  let dataDir: string;
  const apps: AppProcess[] = [];
  const start = async (): Promise<AppProcess> => {
    const app = await startApp({ dataDir });
    apps.push(app);
    return app;
  };
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'sallyport-faults-'));
    dataDir = join(base, 'data');
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.dispose();
    await rm(base, { recursive: true, force: true });
  });

  /** A shared server whose process is found by `marker`. */
  const shareFiles = async (app: AppProcess, marker: string): Promise<{ url: string; token: string }> => {
    const folder = join(base, marker);
    await mkdir(folder);
    await app.cli('servers', 'add', 'files', '--command', process.execPath, '--arg', filesystemServer, '--arg', folder);
    const { url } = await app.cli<{ url: string }>('servers', 'share', 'files');
    trust((await app.cli<{ pem: string }>('tunnel', 'ca')).pem);
    const { token } = await app.cli<{ token: string }>('agents', 'token', '--server', 'files');
    return { url, token };
  };

  it('a second instance is refused, and the first goes on', async () => {
    const app = await start();
    const second = await runCli(['run', '--no-open', '--json', '--data-dir', dataDir]);
    expect(second.status).toBe(1);
    expect(JSON.parse(second.stderr).error).toMatchObject({ code: 'already_running', hop: 'app' });
    expect(await app.cli('status')).toMatchObject({ state: 'nothing-shared' });
  });

  it('settings of a newer version are not touched, and the app says so', async () => {
    await mkdir(dataDir, { mode: 0o700 });
    const newer = JSON.stringify({ schemaVersion: 99, something: 'new' });
    await writeFile(join(dataDir, 'settings.json'), newer);
    const refused = await runCli(['run', '--no-open', '--json', '--data-dir', dataDir]);
    expect(refused.status).toBe(1);
    expect(JSON.parse(refused.stderr).error.code).toBe('settings_newer');
    expect(await readFile(join(dataDir, 'settings.json'), 'utf8')).toBe(newer);
  });

  it('damaged settings are kept aside, and the app starts with defaults', async () => {
    await mkdir(dataDir, { mode: 0o700 });
    await writeFile(join(dataDir, 'settings.json'), '{"schemaVersion":1,"serv');
    const app = await start();
    expect(await app.cli('status')).toMatchObject({ state: 'nothing-shared' });
    expect((await readdir(dataDir)).filter((name) => name.startsWith('settings.corrupt-'))).toHaveLength(1);
  });

  it('a remembered port that is in use is an error that names the port', async () => {
    const app = await start();
    const { url } = await shareFiles(app, 'shared');
    await app.stop();
    const port = Number(new URL(url).port);
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    try {
      const refused = await runCli(['run', '--no-open', '--json', '--data-dir', dataDir]);
      expect(refused.status).toBe(1);
      const { error } = JSON.parse(refused.stderr);
      expect(error).toMatchObject({ code: 'port_in_use', hop: 'edge' });
      expect(error.message).toContain(String(port));
    } finally {
      holder.close();
    }
  });

  it('a URL survives a restart, and so do tokens', async () => {
    const first = await start();
    const { url, token } = await shareFiles(first, 'kept');
    await first.stop();
    const second = await start();
    expect(await second.cli('servers', 'list')).toMatchObject({ servers: [{ shared: true, publicUrl: url }] });
    const client = await connectModern(url, token);
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    await client.close();
  });

  it('a server that does not come up is not shared, with its last words', async () => {
    const app = await start();
    await app.cli(
      'servers',
      'add',
      'broken',
      '--command',
      process.execPath,
      '--arg',
      '-e',
      '--arg',
      'console.error("no licence"); process.exit(3)',
    );
    const refused = await app.tryCli('servers', 'share', 'broken');
    expect(refused.status).toBe(1);
    const { error } = JSON.parse(refused.stderr);
    expect(error).toMatchObject({ code: 'server_not_ready', hop: 'server' });
    expect(error.message).toContain('no licence');
    expect(await app.cli('servers', 'list')).toMatchObject({ servers: [{ shared: false }] });
    await app.cli('servers', 'add', 'nowhere', '--command', 'sallyport-no-such-command');
    const missing = await app.tryCli('servers', 'share', 'nowhere');
    expect(JSON.parse(missing.stderr).error.message).toContain('sallyport-no-such-command');
  });

  it('a page that closes leaves the prompt in the list, and answering it elsewhere works', async () => {
    const app = await start();
    const { url, token } = await shareFiles(app, 'prompted');
    const page = await connectContract(app.ui);
    const opened = new Promise<{ id: string; digest: string }>((resolve) => {
      page.subscribe('approvals', (event) => {
        if (event.type === 'opened') resolve(event.approval);
      });
    });
    const client = await connectModern(url, token);
    const target = join(base, 'prompted', 'note.txt');
    const called = client.callTool({ name: 'write_file', arguments: { path: target, content: 'x' } });
    const { id } = await opened;
    await page.close();
    const { approvals } = await app.cli<{ approvals: { id: string }[] }>('approvals', 'list');
    expect(approvals.map((approval) => approval.id)).toEqual([id]);
    await app.cli('approvals', 'answer', id, 'allow');
    expect((await called).isError).not.toBe(true);
    expect(await readFile(target, 'utf8')).toBe('x');
    await client.close();
  });

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGKILL', null],
  ] as const) {
    it(`${signal} with a call under way and one waiting leaves no process, and a log that verifies`, async () => {
      const app = await start();
      const marker = `marker-${randomBytes(6).toString('hex')}`;
      const { url, token } = await shareFiles(app, marker);
      const client = await connectModern(url, token);
      const page = await connectContract(app.ui);
      const opened = new Promise((resolve) => page.subscribe('approvals', resolve));
      await client.callTool({ name: 'list_allowed_directories', arguments: {} });
      const waiting = client.callTool({
        name: 'write_file',
        arguments: { path: join(base, marker, 'x'), content: 'x' },
      });
      waiting.catch(() => {});
      await opened;
      expect(processesWith(marker).length).toBeGreaterThan(0);
      expect(await app.stop(signal)).toBe(status);
      // A keeper ends its server once the app's pipe has closed: the kernel does that, a moment after the exit.
      await expect.poll(() => processesWith(marker), { timeout: 10_000, interval: 50 }).toEqual([]);
      const verified = await runCli(['log', 'verify', '--json', '--data-dir', dataDir]);
      expect(verified.json()).toMatchObject({ ok: true });
      await client.close().catch(() => {});
      await page.close();
    });
  }
});
