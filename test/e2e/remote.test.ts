import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { connectModern, trust } from '../agents.ts';
import { type AppProcess, cliPath, startApp } from '../app-process.ts';
import { provideTool } from '../debian-tools.mjs';
import { startSshd } from '../fixtures/sshd.ts';
import { launchChromium } from '../renderer/chromium.ts';

/** `sallyport run` on a machine without a desk: the page over an SSH port forward, prompts in a terminal. */

const notebook = join(import.meta.dirname, '../fixtures/mcp-servers/notebook.mjs');
let app: AppProcess;
let base: string;
let ran: string;
let agent: Awaited<ReturnType<typeof connectModern>>;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'sallyport-remote-'));
  ran = join(base, 'ran.txt');
  await writeFile(ran, '');
  app = await startApp();
  await app.cli('servers', 'add', 'notebook', '--command', process.execPath, '--arg', notebook, '--arg', ran);
  await app.cli('servers', 'share', 'notebook');
  trust((await app.cli<{ pem: string }>('tunnel', 'ca')).pem);
  const minted = await app.cli<{ token: string; resource: string }>(
    'agents',
    'token',
    '--server',
    'notebook',
    '--name',
    'Cla\u202eude',
  );
  agent = await connectModern(minted.resource, minted.token);
});
afterAll(async () => {
  await agent?.close().catch(() => undefined);
  await app?.dispose();
  await rm(base, { recursive: true, force: true });
});

const write = (note: string) => agent.callTool({ name: 'write_note', arguments: { note, text: 'x' } });

describe('approvals watch in a terminal', () => {
  let terminal: ChildProcess;
  let screen = '';
  const onScreen = (words: string | RegExp) =>
    vi.waitFor(() => expect(screen).toMatch(words), { timeout: 10_000, interval: 30 });
  /** Types a line until it was taken: in its first moments a prompt takes none (`approval-prompt.test.ts`). */
  const type = (line: string, taken: string | RegExp) =>
    vi.waitFor(
      () => {
        if (!new RegExp(taken).test(screen)) terminal.stdin?.write(`${line}\n`);
        expect(screen).toMatch(taken);
      },
      { timeout: 10_000, interval: 150 },
    );
  beforeAll(async () => {
    // util-linux's `script` gives the command a terminal of its own.
    const words = [process.execPath, cliPath, 'approvals', 'watch', '--data-dir', app.dataDir];
    terminal = spawn('script', ['-qefc', words.map((word) => `'${word}'`).join(' '), '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    terminal.stdout?.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
    });
    await onScreen('Nothing waits for an answer.');
  });
  afterAll(async () => {
    if (terminal.exitCode !== null) return;
    const closed = once(terminal, 'close');
    terminal.kill('SIGTERM');
    await closed;
  });

  it('asks in words and hides nothing', async () => {
    const called = write('first');
    await onScreen(/Cla⟨U\+202E⟩ude wants to/);
    expect(screen).not.toContain('\u202e');
    expect(await readFile(ran, 'utf8')).toBe('');
    await type('allow', 'Allowed once.');
    await called;
    expect(await readFile(ran, 'utf8')).toContain('"first"');
  });

  it('denies with a reason that the agent reads', async () => {
    screen = '';
    const called = write('second');
    await onScreen('or later?');
    await type('deny use drafts instead', 'Denied.');
    expect(JSON.stringify((await called).content)).toContain('use drafts instead');
  });

  it('says when it was answered elsewhere', async () => {
    screen = '';
    const called = write('third');
    await onScreen('or later?');
    const { approvals } = await app.cli<{ approvals: { id: string }[] }>('approvals', 'list');
    await app.cli('approvals', 'answer', approvals[0]?.id ?? '', 'deny');
    await called;
    await onScreen(/Answered elsewhere: deny/);
  });
});

const [sshd, ssh] = [provideTool('sshd'), provideTool('ssh')];
test.skipIf(!sshd || !ssh)(
  `the page works over an SSH port forward, and prompts are answered there${sshd && ssh ? '' : ' (skipped: no sshd here)'}`,
  async () => {
    const server = await startSshd({ sshd: sshd ?? '', ssh: ssh ?? '' }, base);
    const browser = await launchChromium();
    try {
      const ui = new URL(app.ui);
      const forward = await server.forward(Number(ui.port));
      const page = await browser.newPage();
      ui.port = String(forward.port);
      await page.goto(ui.href);
      await page.getByRole('switch', { name: 'Share notebook', checked: true }).waitFor();
      const called = write('over ssh');
      const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
      await prompt.getByText('over ssh').first().waitFor();
      await page.locator('[data-armed]').waitFor();
      await prompt.getByRole('button', { name: 'Allow once' }).click();
      await called;
      expect(await readFile(ran, 'utf8')).toContain('"over ssh"');
      await forward.stop();
      await page.getByText('does not answer').first().waitFor();
    } finally {
      await browser.close();
      await server.stop();
    }
  },
);
