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
