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
