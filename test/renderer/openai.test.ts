import { expect, test } from 'vitest';
import { sharingState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();
const tunnelId = `tunnel_${'a1'.repeat(16)}`;

test('OpenAI’s tunnel is chosen with a key that is sent once, under a warning that its middle reads', async () => {
  const { page, core } = await open();
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByRole('button', { name: 'Use OpenAI’s tunnel…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('reads everything that passes this way').waitFor();
  const use = dialog.getByRole('button', { name: 'Check and use' });
  expect(await use.isDisabled()).toBe(true);
  await dialog.getByLabel('Tunnel id').fill(tunnelId);
  await dialog.getByLabel('Runtime key').fill('sk-runtime');
  await dialog.getByLabel('Who may call').selectOption('tunnel');
  await use.click();
  await dialog.waitFor({ state: 'detached' });
  expect(core.asked.find(({ name }) => name === 'tunnel.use')?.input).toEqual({
    way: 'openai',
    openai: { tunnelId, key: 'sk-runtime', access: 'tunnel', main: 'files' },
  });
  expect(await page.content()).not.toContain('sk-runtime');
});

test('the road shows the open eye and claims no proof from outside; the server’s page says who reads', async () => {
  const state = sharingState();
  const { page } = await open({
    state: {
      ...state,
      status: { ...state.status, way: 'openai', probe: undefined },
      tunnel: {
        ...state.tunnel,
        way: 'openai',
        proof: 'own-end',
        canSee: ['arguments', 'results'],
        openai: {
          tunnelId,
          baseUrl: 'https://api.openai.com',
          access: 'tunnel',
          channels: [{ channel: 'main', server: 'files' }],
        },
      },
    },
  });
  await page.getByText('Connected, not proven from outside').waitFor();
  await page.getByRole('link', { name: /can read/ }).waitFor();
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByText('arguments, results', { exact: true }).waitFor();
  await page.getByText('This middle can read').waitFor();
  await page.evaluate(() => {
    location.hash = '#/servers/files';
  });
  await page.getByText('OpenAI’s service reads what this server is asked').waitFor();
  await page.getByRole('tab', { name: 'ChatGPT', selected: true }).waitFor();
  await page.getByText(tunnelId).waitFor();
});

/** The state with OpenAI's way in use. */
function readableState(files: Partial<ReturnType<typeof sharingState>['servers'][number]>) {
  const state = sharingState();
  return {
    ...state,
    servers: state.servers.map((server) => (server.slug === 'files' ? { ...server, ...files } : server)),
    status: { ...state.status, way: 'openai' as const },
    tunnel: { ...state.tunnel, way: 'openai' as const, proof: 'own-end' as const },
  };
}

test('a server that is marked private is not offered where the middle reads, until a second step says so', async () => {
  const { page, core } = await open({ state: readableState({ private: 'withheld' }) });
  await page.evaluate(() => {
    location.hash = '#/servers/files';
  });
  await page.getByText('Not offered through OpenAI’s tunnel').waitFor();
  await page.getByRole('button', { name: 'Offer it all the same…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('reads every argument and result').waitFor();
  expect(core.asked.some(({ name }) => name === 'servers.private')).toBe(false);
  await dialog.getByRole('button', { name: 'Offer it', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(core.asked.find(({ name }) => name === 'servers.private')?.input).toEqual({
    server: 'files',
    private: true,
    readable: true,
  });
  await page.getByText('you chose that').waitFor();
  await page.getByRole('button', { name: 'Stop offering it there' }).click();
  await page.getByText('Not offered through OpenAI’s tunnel').waitFor();
  await page.getByLabel('Results are private').uncheck();
  await page.getByText('Not offered through OpenAI’s tunnel').waitFor({ state: 'detached' });
});

test('the dialog of OpenAI’s tunnel says which servers it will not offer', async () => {
  const state = sharingState();
  const servers = state.servers.map((one) => (one.slug === 'files' ? { ...one, private: 'withheld' as const } : one));
  const { page } = await open({ state: { ...state, servers } });
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByRole('button', { name: 'Use OpenAI’s tunnel…' }).click();
  await page
    .getByRole('dialog')
    .getByText('Not offered this way, since the results are marked private: files.')
    .waitFor();
});

test('the agents page says of whom nothing was verified, and why there is nothing to revoke', async () => {
  const state = sharingState();
  const visitor = {
    id: `openai:${tunnelId}:chatgpt`,
    name: 'ChatGPT (OpenAI tunnel, not verified)',
    kind: 'tunnel' as const,
    verified: false,
    grants: [],
    seen: { servers: ['files'], at: state.agents[0]?.grants[0]?.expiresAt ?? '' },
    callsToday: 3,
  };
  const { page } = await open({ state: { ...state, agents: [visitor] } });
  await page.getByRole('link', { name: 'Agents', exact: true }).click();
  await page.getByText('not verified', { exact: true }).waitFor();
  await page.getByText('let in by OpenAI · 3 calls today').waitFor();
  await page.getByText('It holds nothing that could be revoked').waitFor();
});
