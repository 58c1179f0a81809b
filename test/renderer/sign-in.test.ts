import { expect, test } from 'vitest';
import { sharingState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

test('a server’s own sign-in: where and for what is shown, and only then the page to open', async () => {
  const state = sharingState();
  const servers = state.servers.map((server, index) =>
    index === 0
      ? {
          ...server,
          kind: 'http' as const,
          url: 'https://notes.example/mcp',
          state: 'needs-authorization' as const,
          signIn: { state: 'needed' as const },
        }
      : server,
  );
  const { page, core } = await open({ state: { ...state, servers } });
  const [first] = servers;
  await page.goto(`${page.url().split('#')[0]}#/servers/${first?.slug}`);
  await page.getByText('sign-in needed').first().waitFor();
  await page.getByRole('button', { name: 'Sign in…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('https://sign-in.example').first().waitFor();
  await dialog.getByText('notes:read offline_access').waitFor();
  expect(core.asked.filter(({ name }) => name === 'servers.authorize')).toHaveLength(1);
  await dialog.getByRole('button', { name: 'Open the sign-in page' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('https://sign-in.example/authorize?state=x').waitFor();
  expect(core.asked.filter(({ name }) => name === 'servers.authorize').at(-1)?.input).toMatchObject({ agree: 'd' });
});

test('a prompt that changed is shown with what it says now, and approved as that', async () => {
  const state = sharingState();
  const offer = {
    kind: 'prompt' as const,
    name: 'greet',
    state: 'changed' as const,
    pin: 'sha256:1',
    text: 'Send it.',
  };
  const servers = state.servers.map((server, index) => (index === 0 ? { ...server, offers: [offer] } : server));
  const { page, core } = await open({ state: { ...state, servers } });
  await page.goto(`${page.url().split('#')[0]}#/servers/${servers[0]?.slug}`);
  await page.getByText('not what was approved').waitFor();
  await page.getByText('Send it.').waitFor();
  await page.getByRole('button', { name: 'Approve greet' }).click();
  await page.getByText('not what was approved').waitFor({ state: 'detached' });
  expect(core.asked.find(({ name }) => name === 'servers.approveOffer')?.input).toMatchObject({ pin: 'sha256:1' });
});

test('what is done with results of a server is switched for it alone', async () => {
  const { page, core } = await open({ route: '#/servers/files' });
  await page.getByText('What comes back').click();
  const mask = page.getByRole('switch', { name: 'Mask secrets in results of files' });
  expect(await mask.getAttribute('aria-checked')).toBe('true');
  await mask.click();
  await page.getByText('secrets pass, unseen characters reported').waitFor();
  await page.getByRole('switch', { name: 'Take unseen characters out of results of files' }).click();
  await page.getByText('secrets pass, unseen characters taken out').waitFor();
  expect(core.asked.filter(({ name }) => name === 'servers.results').map(({ input }) => input)).toEqual([
    { server: 'files', secrets: 'pass' },
    { server: 'files', unseen: 'remove' },
  ]);
});

test('a server on this machine is walled in by naming its folders; where that cannot be done, it says why', async () => {
  const { page, core } = await open({ route: '#/servers/files' });
  await page.getByText('What it may touch here').click();
  await page.getByRole('radio', { name: 'Walled in' }).check();
  await page.getByLabel('Folders that it may read, one a line').fill('/home/ana/notes\n\n/home/ana/My papers\n');
  await page.getByRole('switch', { name: 'It may use the network' }).click();
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('reads 2 folders, writes 0 folders, with network').waitFor();
  expect(core.state.servers[0]?.isolation).toEqual({
    read: ['/home/ana/notes', '/home/ana/My papers'],
    write: [],
    network: true,
    environmentOnly: false,
  });
  core.handlers['servers.isolation'] = () => ({ ok: false, why: 'bwrap is not here.', hint: 'Install bubblewrap.' });
  await page.evaluate(() => location.assign('#/servers/postgres'));
  await page.getByText('What it may touch here').click();
  await page.getByRole('radio', { name: 'Walled in' }).check();
  await page.getByText('bwrap is not here. Install bubblewrap.').waitFor();
  expect(await page.getByRole('button', { name: 'Apply' }).isDisabled()).toBe(true);
  await page.getByRole('radio', { name: 'Fewer variables' }).check();
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect.poll(() => core.state.servers[2]?.isolation?.environmentOnly).toBe(true);
});
