import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { connectModern, trust } from '../agents.ts';
import { type AppProcess, startApp } from '../app-process.ts';
import { launchChromium } from '../renderer/chromium.ts';

/** The page that `sallyport run` serves, in a real Chromium, by accessible roles; the agent is a client of the SDK. */

const filesystemServer = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
);

let browser: Browser;
let context: BrowserContext;
let page: Page;
let app: AppProcess;
let folder: string;
let agent: Awaited<ReturnType<typeof connectModern>>;

async function openPage(): Promise<void> {
  await context?.close();
  context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB' });
  page = await context.newPage();
  await page.goto(app.ui);
}

const rail = (name: string) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-ui-'));
  await writeFile(join(folder, 'plan.md'), 'due Friday\n');
  app = await startApp();
  browser = await launchChromium();
  await openPage();
}, 120_000);

afterAll(async () => {
  await agent?.close().catch(() => undefined);
  await browser?.close();
  await app?.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe('the page of a running app', () => {
  it('leads from nothing to a first call and its row', async () => {
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByText('list_notes ran, and the answer went back the same way.').waitFor();
    await page.getByRole('button', { name: 'Show me what the edge saw' }).click();
    await page.getByText(/^17 03 03 /).waitFor();
    await page.getByRole('link', { name: 'Open its row in Requests' }).click();
    await page.getByRole('complementary', { name: 'Request' }).getByText('list_notes').first().waitFor();
  });

  it('adds and shares a server', async () => {
    await rail('Servers').click();
    await page.getByRole('button', { name: 'Add a server' }).click();
    await page.getByLabel('Name', { exact: true }).fill('files');
    await page.getByLabel('Command', { exact: true }).fill(process.execPath);
    await page.getByLabel('Arguments, one a line').fill(`${filesystemServer}\n${folder}`);
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await rail('Servers').click();
    await page.getByRole('switch', { name: 'Share files' }).click();
    await page.getByRole('switch', { name: 'Share files', checked: true }).waitFor();
    trust((await app.cli<{ pem: string }>('tunnel', 'ca')).pem);
    const { token, resource } = await app.cli<{ token: string; resource: string }>(
      'agents',
      'token',
      '--server',
      'files',
      '--name',
      'Claude',
    );
    agent = await connectModern(resource, token);
  });

  it('shows a call as it happens', async () => {
    await rail('Requests').click();
    await agent.callTool({ name: 'read_text_file', arguments: { path: join(folder, 'plan.md') } });
    await page.getByRole('row', { name: /Claude.*read_text_file.*plan\.md.*ran/ }).waitFor();
  });

  it('marks in a second prompt what differs from the first, and answers both', async () => {
    const path = join(folder, 'plan.md');
    const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
    const write = (content: string) => agent.callTool({ name: 'write_file', arguments: { path, content } });
    const first = write('due Friday\ncall the printer\n');
    await prompt.getByRole('heading', { name: /^write a file / }).waitFor();
    await page.locator('[data-armed]').waitFor();
    await prompt.getByRole('button', { name: 'Allow once' }).click();
    await first;
    const second = write('due Monday\ncall the printer\n');
    await prompt.getByText('Marked: what differs from its last call like this').waitFor();
    await prompt.locator('ins', { hasText: 'due Monday' }).waitFor();
    await page.locator('[data-armed]').waitFor();
    await prompt.getByRole('button', { name: 'Deny', exact: false }).first().click();
    await second;
    await prompt.waitFor({ state: 'detached' });
  });

  it('lets the doctor look at every hop, and refuses wrong rules at their line', async () => {
    await rail('Tunnel').click();
    await page.getByRole('link', { name: 'Check every hop' }).click();
    await page.getByRole('button', { name: 'Copy a report' }).waitFor();
    await page.getByText('Our own key answers at the public door.').waitFor();
    await rail('Approvals').click();
    await page.getByRole('link', { name: 'Rules' }).click();
    await page.getByLabel('Rules file').fill('version: 1\nrules:\n  - id: one\n    thn: allow\n');
    await page.getByRole('button', { name: 'Put in force' }).click();
    await page.getByText(/rules\.yaml:\d+:\d+: /).waitFor();
  });
});
