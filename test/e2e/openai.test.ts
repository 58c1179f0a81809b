import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AppProcess, cliPath, startApp } from '../app-process.ts';
import { type ControlPlane, openControlPlane } from '../fixtures/openai-control-plane/control-plane.ts';
import { modern, modernCall } from '../integration/openai/tunnel-stage.ts';

interface TunnelStatus {
  way: string;
  state: string;
  canSee: string[];
  proof: string;
  detail?: string;
  openai: { channels: { channel: string; server: string }[]; access: string };
}

describe('the road through OpenAI’s tunnel, with the app as a person runs it', () => {
  let app: AppProcess;
  let plane: ControlPlane;
  let folder: string;
  let keyFile: string;

  beforeAll(async () => {
    plane = await openControlPlane();
    plane.holdMs = 300;
    folder = await mkdtemp(join(tmpdir(), 'sallyport-openai-'));
    keyFile = join(folder, 'key');
    await writeFile(keyFile, `${plane.key}\n`);
    app = await startApp();
  });

  afterAll(async () => {
    await app?.dispose();
    await plane?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const use = (...more: string[]) =>
    app.tryCli('tunnel', 'use', 'openai', '--tunnel', plane.tunnelId, '--base-url', plane.baseUrl, ...more);

  it('refuses a key in the arguments, and one that may not poll; the old way stays', async () => {
    const inArguments = await use('sk-proj-abcdefghijklmnop0123456789');
    expect(inArguments.status).not.toBe(0);
    expect(inArguments.stderr).toContain('secret_in_arguments');
    const wrong = join(folder, 'wrong');
    await writeFile(wrong, 'sk-wrong');
    const refused = await use('--key-file', wrong);
    expect(refused.stderr).toContain('openai_key_refused');
    expect(refused.stderr).not.toContain('sk-wrong');
    expect((await app.cli<TunnelStatus>('tunnel', 'status')).way).toBe('embedded');
  });

  it('takes the way once a poll was answered, and says what OpenAI can see', async () => {
    await app.cli(
      'servers',
      'add',
      'sample',
      '--command',
      process.execPath,
      '--arg',
      cliPath,
      '--arg',
      'sample-server',
      '--arg',
      join(folder, 'notebook'),
    );
    await app.cli('servers', 'share', 'sample');
    const status = (await use('--key-file', keyFile, '--access', 'tunnel')).json<TunnelStatus>();
    expect(status).toMatchObject({ way: 'openai', state: 'connected', proof: 'own-end' });
    expect(status.canSee).toEqual(expect.arrayContaining(['arguments', 'results', 'tokens that agents send']));
    expect(status.openai.channels).toEqual([
      { channel: 'main', server: 'sample' },
      { channel: 'sample', server: 'sample' },
    ]);
    const whole = await app.cli<{ state: string; probe?: unknown; road: { detail?: string }[] }>('status');
    expect(whole).toMatchObject({ state: 'sharing' });
    expect(whole.probe).toBeUndefined();
    expect(JSON.stringify(whole.road)).toContain('not proven from outside');
  });

  it('lists and calls through the tunnel like anybody else: decided, asked, logged', async () => {
    const listed = await plane.call(modern(1, 'tools/list'));
    const text = JSON.stringify(listed);
    const names = [...text.matchAll(/"name":"([^"]+)"/g)].map((match) => match[1]);
    expect(names).toContain('list_notes');
    const read = await plane.call(modernCall(2, 'list_notes'));
    expect(JSON.stringify(read)).toContain('"content"');
    const watch = spawn(process.execPath, [cliPath, 'approvals', 'watch', '--data-dir', app.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const asked = plane.enqueue({
        jsonrpc: JSON.stringify(modernCall(3, 'write_note', { name: 'From outside', text: 'hello' })),
        responseTimeout: '60s',
      });
      for await (const line of createInterface({ input: watch.stdout })) {
        const event = JSON.parse(line) as { type: string; approval: { id: string; agent: { name: string } } };
        if (event.type !== 'opened') continue;
        expect(event.approval.agent.name).toContain('not verified');
        await app.cli('approvals', 'answer', event.approval.id, 'deny', '--reason', 'Not now.');
        break;
      }
      expect(JSON.stringify(await asked.answer)).toContain('Not now.');
    } finally {
      watch.kill();
      await once(watch, 'close');
    }
    const { rows } = await app.cli<{ rows: { kind: string; agent?: { id: string }; outcome?: string }[] }>(
      'log',
      'list',
    );
    const calls = rows.filter((row) => row.kind === 'call');
    expect(calls.map((row) => row.outcome).sort()).toEqual(['denied', 'ran', 'ran']);
    expect(calls.every((row) => row.agent?.id.startsWith(`openai:${plane.tunnelId}`))).toBe(true);
    expect(plane.violations).toEqual([]);
  });

  it('lists who came, and says that nobody was verified', async () => {
    const { agents } = await app.cli<{
      agents: { id: string; kind: string; verified?: boolean; callsToday: number }[];
    }>('agents', 'list');
    const visitor = agents.find((agent) => agent.id.startsWith(`openai:${plane.tunnelId}`));
    expect(visitor).toMatchObject({ kind: 'tunnel', verified: false, seen: { servers: ['sample'] } });
    expect(visitor?.callsToday).toBeGreaterThan(0);
  });

  it('does not offer a server whose results are marked private, until a second step says so', async () => {
    await app.cli('servers', 'private', 'sample', 'on');
    const status = await app.cli<TunnelStatus & { openai: { withheld?: string[] } }>('tunnel', 'status');
    expect(status.openai).toMatchObject({ channels: [], withheld: ['sample'] });
    expect(JSON.stringify(await plane.call(modernCall(30, 'list_notes')))).toContain('unsupported_channel');
    await app.cli('servers', 'unshare', 'sample');
    const refused = await app.tryCli('servers', 'share', 'sample');
    expect(refused.stderr).toContain('private_on_readable_way');
    expect(refused.stderr).toContain('servers private sample on --readable');
    await app.cli('servers', 'private', 'sample', 'on', '--readable');
    await app.cli('servers', 'share', 'sample');
    expect(JSON.stringify(await plane.call(modernCall(31, 'list_notes')))).toContain('"content"');
    // The second step was for this sharing alone.
    await app.cli('servers', 'unshare', 'sample');
    expect((await app.tryCli('servers', 'share', 'sample')).stderr).toContain('private_on_readable_way');
    await app.cli('servers', 'private', 'sample', 'off');
    await app.cli('servers', 'share', 'sample');
    expect(JSON.stringify(await plane.call(modernCall(32, 'list_notes')))).toContain('"content"');
  });

  it('answers "pending, call again" before the agent gives up, where nobody answers', async () => {
    const sent = plane.enqueue({
      jsonrpc: JSON.stringify(modernCall(4, 'write_note', { name: 'Later', text: 'x' })),
      responseTimeout: '3s',
    });
    const text = JSON.stringify(await sent.answer);
    expect(text).toContain('"outcome":"pending"');
    expect(text).toContain('Call again with the same arguments');
    const again = () =>
      plane.call(modernCall(40, 'write_note', { name: 'Later', text: 'x' }), { responseTimeout: '60s' });
    const ran = async () => {
      const { rows } = await app.cli<{ rows: { tool?: string; outcome?: string }[] }>('log', 'list');
      return rows.filter((row) => row.tool === 'write_note' && row.outcome === 'ran').length;
    };
    const before = await ran();
    const { approvals } = await app.cli<{ approvals: { id: string }[] }>('approvals', 'list');
    expect(approvals).toHaveLength(1);
    await app.cli('approvals', 'answer', approvals[0]?.id ?? '', 'allow');
    // Allowed while nobody asked: nothing has run yet; the next identical call runs, and the one after is asked for anew.
    expect(await ran()).toBe(before);
    expect(JSON.stringify(await again())).toContain('"content"');
    expect(await ran()).toBe(before + 1);
  });

  it('comes back by this way after a restart, with the key from the secrets', async () => {
    await app.stop();
    app = await startApp({ dataDir: app.dataDir });
    await plane.nextPoll();
    expect(JSON.stringify(await plane.call(modernCall(5, 'list_notes')))).toContain('"content"');
    const files = await readdir(app.dataDir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      expect((await readFile(join(file.parentPath, file.name))).includes(plane.key), file.name).toBe(false);
    }
    const away = await app.cli<TunnelStatus>('tunnel', 'use', 'embedded');
    expect(away.way).toBe('embedded');
    expect(plane.violations).toEqual([]);
  });
});
