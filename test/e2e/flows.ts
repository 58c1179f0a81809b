import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectModern, trust } from '../agents.ts';
import { runCli } from '../app-process.ts';
import { AgentProvider } from '../integration/oauth/sdk-provider.ts';
import { launchChromium } from '../renderer/chromium.ts';
import { dataFolder, type LaunchedApp, type Launcher } from './launchers.ts';
import { startOwnEdge } from './own-edge-process.ts';

const notebook = join(import.meta.dirname, '../fixtures/mcp-servers/notebook.mjs');
/** What a terminal or a reader's eye would obey. */
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/;
const hostile = '\u001b[31m\u202egpj.exe';
type Agent = Awaited<ReturnType<typeof connectModern>>;

/** What people do with the app, by accessible roles, the same under each launcher. One app, in this order. */
export function walkThrough(launcher: Launcher): void {
  describe(`under ${launcher.name}`, () => {
    let app: LaunchedApp;
    let page: Page;
    let folder: Awaited<ReturnType<typeof dataFolder>>;
    let ran: string;
    let url: string;
    let token: string;
    let agent: Agent;

    const start = async (by: Launcher): Promise<void> => {
      app = await by.start(folder.path);
      page = app.page;
      page.setDefaultTimeout(10_000);
      await rail('Servers').waitFor();
    };
    const rail = (name: string) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name });
    const prompt = () => page.getByRole('dialog', { name: /Approval prompt/ });
    const promptFor = async (note: string): Promise<void> => {
      await prompt().getByText(note).first().waitFor();
      await page.locator('[data-armed]').waitFor();
    };
    const call = (tool: string, note: string, text = 'x') => agent.callTool({ name: tool, arguments: { note, text } });
    const words = (result: unknown): string => JSON.stringify((result as { content: unknown }).content);
    const runs = async (note: string): Promise<number> =>
      (await readFile(ran, 'utf8')).split('\n').filter((line) => line.includes(`"${note}"`)).length;
    const waiting = async () => (await app.request('approvals.list', {})).approvals;
    const one = async (note: string) => {
      await expect.poll(async () => (await waiting()).map(({ argumentsText }) => argumentsText).join()).toContain(note);
      const found = (await waiting()).find(({ argumentsText }) => argumentsText.includes(`"${note}"`));
      if (!found) throw new Error(`nothing asks about ${note}`);
      return found;
    };

    beforeAll(async () => {
      folder = await dataFolder();
      ran = `${folder.path}-ran.txt`;
      await writeFile(ran, '');
      await start(launcher);
    });
    afterAll(async () => {
      await agent?.close().catch(() => undefined);
      await app?.stop();
      await folder?.remove();
      if (ran) await rm(ran, { force: true });
    });

    it('first run: from nothing to a first call and its row', async () => {
      await page.getByRole('button', { name: 'Try it' }).click();
      await page.getByRole('button', { name: 'Try it' }).click();
      await page.getByText('list_notes ran, and the answer went back the same way.').waitFor();
      await page.getByRole('link', { name: 'Open its row in Requests' }).click();
      await page.getByRole('complementary', { name: 'Request' }).getByText('list_notes').first().waitFor();
    });

    it('share: a server is added, and one switch shares it', async () => {
      await rail('Servers').click();
      await page.getByRole('button', { name: 'Add a server' }).click();
      await page.getByLabel('Name', { exact: true }).fill('notebook');
      await page.getByLabel('Command', { exact: true }).fill(process.execPath);
      await page.getByLabel('Arguments, one a line').fill(`${notebook}\n${ran}`);
      await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
      await rail('Servers').click();
      await page.getByRole('switch', { name: 'Share notebook' }).click();
      await page.getByRole('switch', { name: 'Share notebook', checked: true }).waitFor();
      trust((await app.request('tunnel.ca', {})).pem);
      ({ token, resource: url } = await app.request('agents.token', { server: 'notebook', name: 'Claude' }));
      agent = await connectModern(url, token);
    });

    it('live: a call appears as a row while one looks', async () => {
      await rail('Requests').click();
      await call('read_note', 'plan');
      await page.getByRole('row', { name: /Claude.*read_note.*ran/ }).waitFor();
    });

    it('allow once runs once; deny, and deny with a reason, run nothing', async () => {
      const first = call('write_note', 'once');
      await promptFor('once');
      await prompt().getByRole('button', { name: 'Allow once' }).click();
      await first;
      expect(await runs('once')).toBe(1);

      const second = call('write_note', 'denied');
      await promptFor('denied');
      await prompt().getByRole('button', { name: 'Deny', exact: false }).first().click();
      expect(await second).toMatchObject({ isError: true });

      const third = call('write_note', 'reasoned');
      await promptFor('reasoned');
      await prompt().getByRole('button', { name: 'Deny with a reason…' }).click();
      await prompt().getByRole('textbox', { name: 'What should the agent read?' }).fill('Write into drafts instead.');
      await prompt().getByRole('button', { name: 'Deny with this reason' }).click();
      expect(words(await third)).toContain('Write into drafts instead.');
      expect([await runs('denied'), await runs('reasoned')]).toEqual([0, 0]);
    });

    it.each([
      ['these exact arguments', 'for 15 min'],
      ['these exact arguments', 'until its session ends'],
      ['any arguments', 'for 15 min'],
      ['any arguments', 'always'],
    ])('allow and remember: %s, %s', async (scope, duration) => {
      const note = `${scope}, ${duration}`;
      const first = call('write_note', note);
      await promptFor(note);
      await prompt().getByRole('button', { name: 'What to remember' }).click();
      await prompt().getByRole('radio', { name: scope, exact: true }).check();
      await prompt().getByRole('radio', { name: duration, exact: true }).check();
      await page.locator('[data-armed]').waitFor();
      await prompt()
        .getByRole('button', { name: /^Allow (any|exactly)/ })
        .click();
      await first;
      await call('write_note', note);
      expect(await runs(note)).toBe(2);
      const other = call('write_note', `${note}!`);
      if (scope === 'any arguments') await other;
      else {
        const { id, digest } = await one(`${note}!`);
        await app.request('approvals.answer', { id, digest, answer: 'deny' });
        await other;
      }
      expect(await runs(`${note}!`)).toBe(scope === 'any arguments' ? 1 : 0);
      await rail('Approvals').click();
      await page.getByRole('button', { name: 'Forget: Claude, write_note' }).click();
      await page.getByText('Nothing is remembered.').waitFor();
    });

    it.each(
      (['arguments', 'tool'] as const).flatMap((scope) =>
        (['15m', 'session', 'always'] as const).map((duration) => [scope, duration] as const),
      ),
    )('each answer holds for its scope: %s, %s', async (scope, duration) => {
      for (const answer of ['allow', 'deny'] as const) {
        const note = `${answer} ${scope} ${duration}`;
        const first = call('write_note', note);
        const asked = await one(note);
        await app.request('approvals.answer', { id: asked.id, digest: asked.digest, answer, scope, for: duration });
        await first;
        const again = await call('write_note', note);
        expect(again.isError ?? false).toBe(answer === 'deny');
        expect(await runs(note)).toBe(answer === 'allow' ? 2 : 0);
        const { remembered } = await app.request('approvals.list', {});
        expect(remembered).toMatchObject([{ effect: answer, scope, duration, used: 1 }]);
        await app.request('approvals.forget', { id: remembered[0]?.id ?? '' });
      }
    });

    it('a second prompt marks what differs from the first', async () => {
      const first = call('write_note', 'marked', 'due Friday\ncall the printer\n');
      const { id, digest } = await one('marked');
      await app.request('approvals.answer', { id, digest, answer: 'allow' });
      await first;
      const second = call('write_note', 'marked', 'due Monday\ncall the printer\n');
      await prompt().getByText('Marked: what differs from its last call like this').waitFor();
      await prompt().locator('ins', { hasText: 'due Monday' }).waitFor();
      const asked = await one('marked');
      await app.request('approvals.answer', { id: asked.id, digest: asked.digest, answer: 'deny' });
      await second;
      await prompt().waitFor({ state: 'detached' });
    });

    it('a stale prompt is refused: another digest, and one that was answered', async () => {
      const first = call('write_note', 'stale');
      const { id, digest } = await one('stale');
      const other = digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
      await expect(app.request('approvals.answer', { id, digest: other, answer: 'allow' })).rejects.toMatchObject({
        code: 'approval_stale',
      });
      expect(await runs('stale')).toBe(0);
      await app.request('approvals.answer', { id, digest, answer: 'deny' });
      await first;
      await expect(app.request('approvals.answer', { id, digest, answer: 'allow' })).rejects.toThrow();
      expect(await runs('stale')).toBe(0);
    });

    it('OAuth: a new agent is let in by both screens, and revoked', async () => {
      const callback = await listen();
      const provider = new AgentProvider('New agent', undefined, callback.url);
      const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider.modern });
      const made = (): Client =>
        new Client({ name: 'new', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
      await rail('Agents').click();
      await page.getByRole('button', { name: 'Let an agent in' }).click();
      await page.getByText('One new agent may ask').waitFor();
      const refused = transport();
      await expect(made().connect(refused)).rejects.toThrow();
      const { code, iss } = await throughBrowser(provider.authorization, callback.url, async () => {
        const consent = page.getByRole('dialog', { name: /New agent wants to use/ });
        const shown = (await consent.getByRole('status').textContent()) ?? '';
        await page.locator('[data-armed]').waitFor();
        await consent.getByRole('button', { name: 'Allow', exact: true }).click();
        return shown.replace(/\D/g, '');
      });
      await refused.finishAuth(new URLSearchParams({ code, iss }));
      const client = made();
      await client.connect(transport());
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('read_note');

      await page.getByRole('button', { name: 'Revoke New agent on notebook?' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      provider.held = { access_token: provider.held?.access_token ?? '', token_type: 'Bearer' };
      await expect(client.callTool({ name: 'read_note', arguments: { note: 'revoked' } })).rejects.toThrow();
      await client.close().catch(() => undefined);
      await callback.close();
    });

    it('pause: nothing gets through until it is resumed', async () => {
      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      await page
        .getByText(/Paused/)
        .first()
        .waitFor();
      const stopped = await call('read_note', 'paused').then(
        (result) => words(result),
        (error: Error) => error.message,
      );
      expect(stopped).toMatch(/paused/i);
      await page.getByRole('button', { name: 'Resume', exact: true }).click();
      await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
      expect(words(await call('read_note', 'resumed'))).toContain('read_note resumed');
    });

    it('a server that crashes says so with its last words, drawn and not obeyed, and comes back', async () => {
      await call('read_broken', 'x').catch(() => undefined);
      await rail('Servers').click();
      await page.getByText('crashed', { exact: true }).waitFor();
      await page.getByRole('link', { name: /^notebook.*crashed/ }).click();
      const said = page.getByText('disk full').first();
      await said.waitFor();
      const shown = (await said.textContent()) ?? '';
      expect(shown).toContain('⟨U+202E⟩');
      expect(shown).toContain('<img src=x');
      expect(shown).not.toContain('\u202e');
      expect(await page.locator('img[src=x]').count()).toBe(0);
      expect(words(await call('read_note', 'after'))).toContain('read_note after');
    });

    it('the doctor looks at every hop, and wrong rules are refused at their line', async () => {
      await rail('Tunnel').click();
      await page.getByRole('link', { name: 'Check every hop' }).click();
      await page.getByText('Our own key answers at the public door.').waitFor();
      await page.getByRole('button', { name: 'Copy a report' }).waitFor();
      await rail('Approvals').click();
      await page.getByRole('link', { name: 'Rules' }).click();
      await page.getByLabel('Rules file').fill('version: 1\nrules:\n  - id: one\n    thn: allow\n');
      await page.getByRole('button', { name: 'Put in force' }).click();
      await page.getByText(/rules\.yaml:\d+:\d+: /).waitFor();
    });

    it('a hostile server’s words and icons act nowhere: page, title, command line, log', async () => {
      const asked: string[] = [];
      const seen = (request: { url(): string }) => void asked.push(request.url());
      page.on('request', seen);
      page.on('dialog', (dialog) => void asked.push(`dialog ${dialog.message()}`));
      const nothingActs = async (): Promise<void> => {
        const drawn = await page.evaluate(() => ({
          text: document.body.innerText + document.title,
          elements: document.querySelectorAll('img, iframe, object, svg image, a[href*="evil"]').length,
        }));
        expect(drawn.text).not.toMatch(acting);
        expect(drawn.elements).toBe(0);
      };
      // What comes back marks the agent's session: an agent of its own, or the walk's would be asked about more from here on.
      const minted = await app.request('agents.token', { server: 'notebook', name: 'Stranger' });
      const stranger = await connectModern(url, minted.token);
      const calling = stranger.callTool({ name: 'read_trap', arguments: { note: hostile, text: 'x' } });
      // What it says of itself is odd enough to ask first.
      await expect.poll(async () => (await waiting()).map(({ tool }) => tool)).toContain('read_trap');
      const [{ id: asking, digest } = { id: '', digest: '' }] = await waiting();
      await prompt().getByText('⟨U+202E⟩gpj.exe').first().waitFor();
      await nothingActs();
      await app.request('approvals.answer', { id: asking, digest, answer: 'allow' });
      expect((await calling).isError).not.toBe(true);
      await stranger.close();
      await rail('Servers').click();
      await page.getByRole('link', { name: /^notebook/ }).click();
      await page.getByText('⟨U+202E⟩gpj.exe').first().waitFor();
      await rail('Requests').click();
      await page
        .getByRole('row', { name: /read_trap/ })
        .last()
        .click();
      const details = page.getByRole('complementary', { name: 'Request' });
      await details.getByText('read_trap').first().waitFor();
      await nothingActs();
      expect(asked.filter((each) => !/^(https?:\/\/(127\.0\.0\.1|ui\.app-scheme)|data:image\/png)/.test(each))).toEqual(
        [],
      );
      page.off('request', seen);
      const { rows } = await app.request('log.list', { limit: 5 });
      const id = rows.find(({ tool }) => tool === 'read_trap')?.id ?? '';
      for (const words of [
        ['tools', 'list', 'notebook'],
        ['log', 'list'],
        ['log', 'show', id],
        ['log', 'export'],
        ['status'],
      ]) {
        for (const json of [[], ['--json']]) {
          const { stdout, stderr, status } = await runCli([...words, ...json, '--data-dir', folder.path]);
          expect(status, words.join(' ')).toBe(0);
          expect(stdout + stderr, words.join(' ')).not.toMatch(acting);
        }
      }
    });

    it('208 calls ask at once: one prompt in sight, the others counted, each answering only for its own calls', async () => {
      await rail('Servers').click();
      const servers = ['first', 'second'];
      for (const name of servers) {
        await app.request('servers.add', { name, command: process.execPath, args: [notebook, ran] });
        await app.request('servers.share', { server: name });
      }
      const agents = await Promise.all(
        Array.from({ length: 13 }, async (_each, n) => {
          const server = servers[n % 2] ?? 'first';
          const minted = await app.request('agents.token', { server, name: `Agent ${n}` });
          return await connectModern(minted.resource, minted.token);
        }),
      );
      const calls = agents.flatMap((each, n) =>
        Array.from({ length: 16 }, (_each, m) =>
          each.callTool({ name: 'write_note', arguments: { note: `many-${n}-${m % 2}`, text: 'x' } }),
        ),
      );
      const counted = async () => (await waiting()).reduce((sum, { count }) => sum + count, 0);
      await expect.poll(counted, { timeout: 30_000 }).toBe(208);
      expect(await waiting()).toHaveLength(26);
      await prompt().getByText('25 more waiting').waitFor();
      expect(await prompt().count()).toBe(1);
      await page.locator('[data-armed]').waitFor();
      await prompt().getByRole('button', { name: 'Allow these 8, once each' }).click();
      await prompt().getByText('24 more waiting').waitFor();
      for (const { id, digest } of await waiting()) {
        await app.request('approvals.answer', { id, digest, answer: 'deny' });
      }
      const results = await Promise.all(calls);
      expect(results.filter((result) => result.isError !== true)).toHaveLength(8);
      await prompt().waitFor({ state: 'detached' });
      await Promise.all(agents.map((each) => each.close()));
      for (const server of servers) await app.request('servers.remove', { server });
    });

    it('a restart keeps servers, answers, agents and rows', async () => {
      const first = call('write_note', 'kept');
      const { id, digest } = await one('kept');
      await app.request('approvals.answer', { id, digest, answer: 'allow', scope: 'arguments', for: 'always' });
      await first;
      await agent.close();
      await app.stop();
      await start(launcher);
      await rail('Servers').click();
      await page.getByRole('switch', { name: 'Share notebook', checked: true }).waitFor();
      agent = await connectModern(url, token);
      await call('write_note', 'kept');
      expect(await runs('kept')).toBe(2);
      await rail('Approvals').click();
      await page.getByRole('button', { name: 'Forget: Claude, write_note' }).waitFor();
      await rail('Requests').click();
      await page.getByRole('searchbox').fill('read_note');
      await page
        .getByRole('row', { name: /Claude.*read_note.*ran/ })
        .first()
        .waitFor();
      await page.getByRole('searchbox').fill('');
    });

    it('an edge that goes down is a break in the road, and is back by itself', async () => {
      const edge = await startOwnEdge();
      try {
        await app.request('tunnel.use', { way: 'edge', join: edge.join });
        await page.getByRole('link', { name: /^edge, cannot read, works/ }).waitFor();
        await edge.stop();
        await page.getByRole('link', { name: /^edge, cannot read, broken/ }).waitFor({ timeout: 30_000 });
        await page.getByText('Trouble', { exact: true }).waitFor();
        await edge.run();
        await page.getByRole('link', { name: /^edge, cannot read, works/ }).waitFor({ timeout: 30_000 });
        await page.getByText(/^Tunnel back after/).waitFor();
      } finally {
        await edge.dispose();
      }
    });
  });
}

/** The browser that an agent opened: types the code that `consented` reads off our screen. @returns what came back */
async function throughBrowser(
  address: URL | undefined,
  callback: string,
  consented: () => Promise<string>,
): Promise<{ code: string; iss: string }> {
  const browser: Browser = await launchChromium();
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(address?.href ?? 'about:blank');
    await page.getByLabel('Code').waitFor();
    await page.getByLabel('Code').fill(await consented());
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${callback}*`);
    const back = new URL(page.url()).searchParams;
    return { code: back.get('code') ?? '', iss: back.get('iss') ?? '' };
  } finally {
    await browser.close();
  }
}

/** Where an agent's browser comes back to. */
async function listen(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((_request, response) => response.end('arrived'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/callback`,
    async close() {
      server.closeAllConnections();
      await promisify(server.close.bind(server))();
    },
  };
}
