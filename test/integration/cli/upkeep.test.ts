import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Core, startCore } from '../../../electron/core/core.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { cliHere } from './cli.ts';

const root = await mkdtemp(join(tmpdir(), 'sallyport-upkeep-'));
const running: Core[] = [];
afterAll(async () => {
  for (const core of running) await core.stop();
  await rm(root, { recursive: true, force: true });
});

async function start(name: string) {
  const dataDir = join(root, name);
  const core = await startCore({
    dataDir,
    version: '0.1.0',
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: [process.execPath, 'unused'],
  });
  running.push(core);
  const here = async (...args: string[]) => (await cliHere([...args, '--data-dir', dataDir, '--json'])).json();
  return {
    dataDir,
    here,
    stop: async () => {
      running.splice(running.indexOf(core), 1);
      await core.stop();
    },
  };
}

test('what was backed up while it ran goes on elsewhere, paused; reset says who must be let in again', async () => {
  const first = await start('first');
  await first.here('servers', 'add', 'Notes', '--command', 'node');
  const file = join(root, 'all.backup');
  const { code } = (await first.here('backup', file)) as { code: string };
  const logged = JSON.stringify(await first.here('log', 'list'));
  expect(logged).toContain('A backup was made');
  expect(logged).not.toContain(code);
  const authority = (await first.here('tunnel', 'ca')) as { fingerprint: string };
  const refused = await cliHere(['restore', file, '--code-file', '-', '--data-dir', first.dataDir, '--json'], {
    stdin: code,
  });
  expect(refused.error().code).toBe('already_running');
  await first.stop();

  const elsewhere = join(root, 'second');
  const restored = await cliHere(['restore', file, '--code-file', '-', '--data-dir', elsewhere, '--json'], {
    stdin: `${code}\n`,
  });
  expect(restored.json()).toMatchObject({ dataDir: elsewhere, version: '0.1.0' });
  const second = await start('second');
  expect(await second.here('status')).toMatchObject({ state: 'paused' });
  expect(await second.here('servers', 'list')).toMatchObject({ servers: [{ name: 'Notes' }] });
  // The same keys, opened with this machine's key file: agents that trusted the one trust the other.
  expect(await second.here('tunnel', 'ca')).toMatchObject({ fingerprint: authority.fingerprint });
  expect(await second.here('log', 'verify')).toMatchObject({ ok: true, signedBy: 'us' });

  const reset = (await second.here('reset', '--yes')) as { fingerprint: string; agents: unknown[] };
  expect(reset.agents).toEqual([]);
  expect(reset.fingerprint).not.toBe(authority.fingerprint);
  expect(await second.here('tunnel', 'ca')).toMatchObject({ fingerprint: reset.fingerprint });
  const busy = await cliHere(['remove', '--yes', '--data-dir', elsewhere, '--json']);
  expect(busy.error().code).toBe('already_running');
  await second.stop();
  expect((await cliHere(['remove', '--yes', '--data-dir', elsewhere, '--json'])).json()).toEqual({
    removed: [elsewhere],
  });
  await expect(readFile(join(elsewhere, 'settings.json'))).rejects.toThrow(/ENOENT/);
});
