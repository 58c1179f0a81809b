import { expect, test } from 'vitest';
import type { ConsentView } from '../../electron/shared/views.ts';
import { sharingState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();
const consent = (): ConsentView => ({
  id: 'consent-1',
  at: new Date().toISOString(),
  expiresAt: new Date(Date.now() + 120_000).toISOString(),
  phase: 'asked',
  client: { id: 'client:claude.ai', name: 'Claude (claude.ai)', verified: true, host: 'claude.ai', known: false },
  redirectHost: 'claude.ai',
  server: 'files',
  scope: 'all-shared',
  tools: [
    { name: 'read_text_file', class: 'read', access: 'allow' },
    { name: 'write_file', class: 'effect', access: 'ask' },
  ],
  until: new Date(Date.now() + 90 * 86_400_000).toISOString(),
  code: '418206',
});

test('an agent that asks to be let in: who, what it could do, the code; Allow keeps the code in sight', async () => {
  const { page, core } = await open({ state: { ...sharingState(), consents: [consent()] } });
  const panel = page.getByRole('dialog', { name: /Claude \(claude\.ai\) wants to use files/ });
  await panel.waitFor();
  expect(await page.evaluate(() => document.activeElement?.closest('.prompt-panel'))).toBeNull();
  const words = await panel.textContent();
  for (const part of ['418 206', 'claude.ai', 'new here', 'read (1 tool)', 'each asks you', 'nothing else']) {
    expect(words).toContain(part);
  }
  const allow = panel.getByRole('button', { name: 'Allow', exact: true });
  await panel.locator('[data-armed]').waitFor();
  await allow.click();
  await panel.getByText('Waiting for the code in the browser').waitFor();
  expect(await panel.textContent()).toContain('418 206');
  expect(core.state.consents[0]?.phase).toBe('allowed');
});

test('it can be given some tools only, or denied', async () => {
  const { page, core } = await open({ state: { ...sharingState(), consents: [consent()] } });
  await page.getByRole('button', { name: 'Choose tools…' }).click();
  await page.getByRole('checkbox', { name: /write_file/ }).uncheck();
  await page.locator('[data-armed]').waitFor();
  await page.getByRole('button', { name: 'Allow 1 tool' }).waitFor();
  await page.getByRole('button', { name: 'Deny', exact: true }).click();
  await expect.poll(() => core.state.consents.length).toBe(0);
});

test('the door is opened and shut under Agents, and says what came to it', async () => {
  const state = sharingState();
  const { page, core } = await open({
    state: { ...state, door: { refused: 3, blocked: [{ id: 'client:x', name: 'Pushy' }] } },
    route: '#/agents',
  });
  await page.getByText('3 attempts to get in').waitFor();
  await page.getByRole('button', { name: 'Let an agent in' }).click();
  await page.getByText('One new agent may ask').waitFor();
  await page.getByRole('button', { name: 'Let it ask again' }).click();
  await expect.poll(() => core.state.door.blocked.length).toBe(0);
  await page.getByRole('button', { name: 'Let nobody in any more' }).click();
  await expect.poll(() => core.state.door.openUntil).toBeUndefined();
});

test('one agent is paused and resumed under Agents, with why', async () => {
  const { page, core } = await open({ route: '#/agents' });
  await page.getByRole('button', { name: 'Pause Claude Code on my laptop' }).click();
  await page.getByRole('status').filter({ hasText: 'You paused it.' }).waitFor();
  await page.getByRole('button', { name: 'Pause Claude (claude.ai)' }).waitFor();
  await page.getByRole('button', { name: 'Resume Claude Code on my laptop' }).click();
  await page.getByRole('button', { name: 'Pause Claude Code on my laptop' }).waitFor();
  expect(core.asked.filter(({ name }) => name.startsWith('agents.')).map(({ name, input }) => [name, input])).toEqual([
    ['agents.pause', { id: 'token:t1' }],
    ['agents.resume', { id: 'token:t1' }],
  ]);
});

test('a value is planted, shown whole once, listed by its beginning, and watched no more', async () => {
  const { page, core } = await open({ route: '#/agents' });
  await page.getByText('Planted values').click();
  await page.getByRole('button', { name: 'Plant a value…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Where will you put it?').fill('in the payroll sheet');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await dialog.getByText('acct-abc234-abcd2345').waitFor();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByText('1 is watched for').waitFor();
  await page.getByText('acct-a…').waitFor();
  expect(await page.content()).not.toContain('acct-abc234-abcd2345');
  await page.getByRole('button', { name: 'Watch no more: in the payroll sheet' }).click();
  await page.getByText('in the payroll sheet').waitFor({ state: 'detached' });
  expect(core.canaries).toEqual([]);
});
