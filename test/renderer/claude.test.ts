import { expect, test } from 'vitest';
import { claudeState } from './claude-state.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

test('Anthropic’s tunnel is chosen with domain and token, by the connector that the person picks', async () => {
  const { page, core } = await open();
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByRole('button', { name: 'Connect to Claude…' }).click();
  const dialog = page.getByRole('dialog');
  const connect = dialog.getByRole('button', { name: 'Connect', exact: true });
  await dialog.getByLabel('Tunnel domain').fill('abcd1234.tunnel.anthropic.com');
  expect(await connect.isDisabled()).toBe(true);
  await dialog.getByLabel('Tunnel token').fill('eyJsecret');
  await dialog.getByLabel('Path of cloudflared').fill('/opt/cloudflared');
  await dialog.getByLabel('Who holds the connections').selectOption('native');
  await dialog.getByText('never the real edge').waitFor();
  expect(await dialog.getByLabel('Path of cloudflared').count()).toBe(0);
  await connect.click();
  await dialog.waitFor({ state: 'detached' });
  expect(core.asked.find(({ name }) => name === 'tunnel.use')?.input).toEqual({
    way: 'anthropic',
    anthropic: { domain: 'abcd1234.tunnel.anthropic.com', token: 'eyJsecret', mode: 'native' },
  });
  expect(await page.content()).not.toContain('eyJsecret');
});

test('or by the API, where nothing has to be copied', async () => {
  const { page, core } = await open();
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByRole('button', { name: 'Connect to Claude…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('By Anthropic’s API').check();
  await dialog.getByLabel('API token').fill('sk-ant-oat01-x');
  await dialog.getByLabel('Tunnel to attach').fill('tnl_0abc');
  await dialog.getByLabel('Path of cloudflared').fill('/opt/cloudflared');
  await dialog.getByRole('button', { name: 'Connect', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(core.asked.find(({ name }) => name === 'tunnel.use')?.input).toEqual({
    way: 'anthropic',
    anthropic: {
      mode: 'cloudflared',
      cloudflared: '/opt/cloudflared',
      api: { token: 'sk-ant-oat01-x', tunnel: 'tnl_0abc' },
    },
  });
});

test('the checklist says what is done, open and not proven, and shows what to register', async () => {
  const { page, core } = await open({ state: claudeState() });
  await page.getByText('Connected, not proven from outside').waitFor();
  await page.getByRole('link', { name: 'Tunnel', exact: true }).click();
  await page.getByText('Not proven yet: This machine’s authority, registered with the tunnel').waitFor();
  await page.getByText('Done: Connected to the tunnel’s edge').waitFor();
  await page.getByText('/pki/abcd1234.tunnel.anthropic.com.ca.pem').waitFor();
  await page.getByRole('button', { name: 'Copy certificate', exact: true }).waitFor();
  const state = claudeState();
  core.patch({
    tunnel: {
      ...state.tunnel,
      checklist: state.tunnel.checklist?.map((one) => (one.step === 'authority' ? { ...one, state: 'done' } : one)),
    },
  });
  await page.getByText('Done: This machine’s authority').waitFor();
  expect(await page.getByRole('button', { name: 'Copy certificate', exact: true }).count()).toBe(0);
});
