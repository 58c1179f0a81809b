import { expect, test } from 'vitest';
import { sharingState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

test('a forwarder of one’s own is chosen by its public name, and the page says where to point it', async () => {
  const state = sharingState();
  const forward = { host: 'box.example.net', port: 443, local: 47_443 };
  const { page, core } = await open({ state: { ...state, tunnel: { ...state.tunnel, forward } } });
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByText('Point your forwarder at 127.0.0.1:47443.').waitFor();
  await page.getByRole('button', { name: 'Use your own forwarder…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Public name').fill('other.example.net');
  await dialog.getByLabel('Public port').fill('8443');
  await dialog.getByRole('button', { name: 'Use', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(core.asked.find(({ name }) => name === 'tunnel.use')?.input).toEqual({
    way: 'forward',
    forward: { host: 'other.example.net', port: 8_443 },
  });
});
