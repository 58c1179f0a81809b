import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectLegacy, connectModern, trust } from '../agents.ts';
import { type AppProcess, cliPath, startApp } from '../app-process.ts';

const filesystemServer = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
);

const neverEnding = join(import.meta.dirname, '../fixtures/mcp-servers/never-ending.ts');

/** Waits for the next prompt on `approvals watch` and answers it. */
async function answerNext(app: AppProcess, answer: 'allow' | 'deny', ...extra: string[]): Promise<unknown> {
  const watch = spawn(process.execPath, [cliPath, 'approvals', 'watch', '--data-dir', app.dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const line of createInterface({ input: watch.stdout })) {
      const event = JSON.parse(line) as { type: string; approval: { id: string } };
      if (event.type !== 'opened') continue;
      return await app.cli('approvals', 'answer', event.approval.id, answer, ...extra);
    }
    throw new Error('approvals watch ended');
  } finally {
    watch.kill();
    await once(watch, 'close');
  }
}

function textOf(result: unknown): string {
  const content = (result as { content: { type: string; text?: string }[] }).content;
  return content.map((block) => block.text ?? '').join('\n');
}

describe('the road, from an agent outside to a local stdio server', () => {
  let app: AppProcess;
  let folder: string;
  let url: string;
  let token: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-notes-'));
    await mkdir(join(folder, 'notes'));
    await writeFile(join(folder, 'notes/plan.md'), 'due Friday\n');
    app = await startApp();
    await app.cli('servers', 'add', 'files', '--command', process.execPath, '--arg', filesystemServer, '--arg', folder);
    const shared = await app.cli<{ url: string; resource: string; tools: { name: string; access: string }[] }>(
      'servers',
      'share',
      'files',
    );
    url = shared.url;
    expect(shared.resource).toBe(url);
    expect(shared.tools).toContainEqual({ name: 'read_text_file', class: 'read', access: 'allow' });
    expect(shared.tools).toContainEqual({ name: 'write_file', class: 'effect', access: 'ask' });
    trust((await app.cli<{ pem: string }>('tunnel', 'ca')).pem);
    token = (await app.cli<{ token: string }>('agents', 'token', '--server', 'files', '--name', 'Test agent')).token;
  });

  afterAll(async () => {
    await app?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [era, connect] of [
    ['2025-11-25', connectLegacy],
    ['2026-07-28', connectModern],
  ] as const) {
    it(`lists, reads, writes after being asked, and is denied with a reason (${era})`, async () => {
      const client = await connect(url, token);
      try {
        const { tools } = await client.listTools();
        expect(tools.map((tool) => tool.name)).toContain('read_text_file');

        const read = await client.callTool({
          name: 'read_text_file',
          arguments: { path: join(folder, 'notes/plan.md') },
        });
        expect(textOf(read)).toContain('due');

        const target = join(folder, `notes/from-${era}.md`);
        const allowed = answerNext(app, 'allow');
        const written = await client.callTool({ name: 'write_file', arguments: { path: target, content: era } });
        await allowed;
        expect(written.isError).not.toBe(true);
        expect(await readFile(target, 'utf8')).toBe(era);

        const denied = answerNext(app, 'deny', '--reason', 'Not this file.');
        const refused = await client.callTool({ name: 'write_file', arguments: { path: target, content: 'changed' } });
        await denied;
        expect(refused.isError).toBe(true);
        expect(textOf(refused)).toContain('Not this file.');
        expect(await readFile(target, 'utf8')).toBe(era);
      } finally {
        await client.close();
      }
    });
  }

  it('lets nobody in without a token, with a foreign one, or after revocation', async () => {
    const bare = await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(bare.status).toBe(401);
    expect(bare.headers.get('www-authenticate')).toContain('resource_metadata=');
    const metadata = /resource_metadata="([^"]+)"/.exec(bare.headers.get('www-authenticate') ?? '')?.[1] ?? '';
    expect(await (await fetch(metadata)).json()).toMatchObject({ resource: url });

    const other = await app.cli<{ id: string; token: string }>('agents', 'token', '--server', 'files');
    await app.cli('agents', 'revoke', other.id);
    await expect(connectLegacy(url, other.token)).rejects.toThrow(/401|nauthorized|invalid_token/i);
  });

  it('pauses within a second and resumes', async () => {
    const client = await connectModern(url, token);
    try {
      await app.cli('pause');
      const stopped = await client.callTool({ name: 'list_allowed_directories', arguments: {} }).then(
        (result) => textOf(result),
        (error: unknown) => String(error),
      );
      expect(stopped).toMatch(/paused/i);
      await app.cli('resume');
      const result = await client.callTool({ name: 'list_allowed_directories', arguments: {} });
      expect(textOf(result)).toContain(folder);
    } finally {
      await client.close();
    }
  });

  it('pauses what runs in both eras: within a second every call and stream is over, and nothing more comes', async () => {
    const command = ['--command', process.execPath, '--arg', neverEnding];
    await app.cli('servers', 'add', 'endless', ...command);
    const { url: endless } = await app.cli<{ url: string }>('servers', 'share', 'endless');
    const mint = async () => (await app.cli<{ token: string }>('agents', 'token', '--server', 'endless')).token;
    const clients = [await connectLegacy(endless, await mint()), await connectModern(endless, await mint())] as const;
    try {
      const watched = clients.map((client) => {
        let progress = 0;
        const begun = Promise.withResolvers<void>();
        const onprogress = (): void => {
          progress += 1;
          begun.resolve();
        };
        const call = { name: 'watch_status', arguments: {} };
        const running: Promise<unknown> =
          client === clients[0]
            ? clients[0].callTool(call, undefined, { onprogress })
            : clients[1].callTool(call, { onprogress });
        const over = running.then(
          (result) => ({ at: Date.now(), said: textOf(result) }),
          (error: unknown) => ({ at: Date.now(), said: String(error) }),
        );
        return { begun: begun.promise, over, count: () => progress };
      });
      await Promise.all(watched.map(({ begun }) => begun));
      const paused = await app.cli<{ at: string; endedStreams: number }>('pause');
      for (const { over } of watched) {
        const { at, said } = await over;
        expect(at - Date.parse(paused.at), said).toBeLessThan(1_000);
        expect(said).toMatch(/paused|may have happened/i);
      }
      expect(paused.endedStreams).toBeGreaterThanOrEqual(2);
      const counts = watched.map(({ count }) => count());
      // A whole question and answer of another process later, nothing more came.
      const { rows } = await app.cli<{ rows: { server?: string; tool?: string; outcome?: string }[] }>('log', 'list');
      expect(watched.map(({ count }) => count())).toEqual(counts);
      const ended = rows.filter((row) => row.tool === 'watch_status').map(({ outcome }) => outcome);
      expect(ended).toEqual(['unknown', 'unknown']);
    } finally {
      await Promise.allSettled(clients.map((client) => client.close()));
      await app.cli('resume');
    }
  });

  it('holds one decided and one completed event for every call, and the log verifies', async () => {
    const { rows } = await app.cli<{ rows: { kind?: string; tool?: string; outcome?: string; decision?: object }[] }>(
      'log',
      'list',
      '--limit',
      '200',
    );
    const calls = rows.filter((row) => row.tool === 'write_file');
    expect(calls.map((row) => row.outcome).sort()).toEqual(['denied', 'denied', 'ran', 'ran']);
    for (const row of calls) expect(row.decision).toMatchObject({ effect: 'ask', class: 'effect' });
    expect(await app.cli('log', 'verify')).toMatchObject({ ok: true });
  });
});
