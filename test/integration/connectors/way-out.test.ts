import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Core, startCore } from '../../../electron/core/core.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { startEdge, type TestEdge } from '../../fixtures/edge-harness.ts';
import { startProxy, type TestProxy } from '../../fixtures/http-proxy.ts';
import { cliHere } from '../cli/cli.ts';

const password = 'planted-pass:word';
let folder: string;
let dataDir: string;
let core: Core;
let edge: TestEdge;
let proxy: TestProxy;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-out-'));
  dataDir = join(folder, 'data');
  edge = await startEdge();
  // Only the proxy knows where that name is: what does not go by it goes nowhere.
  proxy = await startProxy({ credentials: `ana:${password}`, to: '127.0.0.1' });
  // The environment names one that nobody answers at: settings go before it.
  process.env.HTTPS_PROXY = 'http://127.0.0.1:1';
  core = await startCore({
    dataDir,
    version: '0.0.1',
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: [process.execPath, join(import.meta.dirname, '../../../electron/cli/main.ts')],
    cliMayDecide: true,
  });
  await writeFile(join(folder, 'password'), `${password}\n`);
  await writeFile(join(folder, 'wrong'), 'another');
  const line = await edge.joinLine('box.edge.test');
  await writeFile(join(folder, 'line'), line.replace(/(sallyport-join:)[^:]+/, '$1edge.test'));
});
afterEach(async () => {
  delete process.env.HTTPS_PROXY;
  await core.stop();
  await proxy.close();
  await edge.edge.close(0);
  await rm(folder, { recursive: true, force: true });
});

const cli = async (...args: string[]) => {
  const run = await cliHere([...args, '--data-dir', dataDir, '--json']);
  return { ...run, json: () => JSON.parse(run.stdout) as Record<string, unknown> };
};
const setProxy = (file: string) =>
  cli(
    ...['tunnel', 'network', 'set', '--proxy', `http://127.0.0.1:${proxy.port}`],
    ...['--proxy-user', 'ana', '--proxy-password-file', join(folder, file)],
  );
const joinEdge = () => cli('tunnel', 'use', 'edge', '--join-file', join(folder, 'line'));

test('a proxy with credentials from the settings carries joining, the connections and the probe; the password is sealed', async () => {
  const refused = await joinEdge();
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain('proxy_unreachable');

  const set = await setProxy('password');
  expect(set.json()).toMatchObject({
    proxy: { address: `http://127.0.0.1:${proxy.port}`, from: 'settings', credentials: true },
    direct: false,
  });
  expect((await joinEdge()).status).toBe(0);
  await expect.poll(async () => (await cli('tunnel', 'probe')).status, { timeout: 20_000 }).toBe(0);
  expect(proxy.asked.length).toBeGreaterThan(2);
  expect(new Set(proxy.asked)).toEqual(new Set([`edge.test:${edge.port}`]));

  const looked = await cli('doctor');
  const check = looked.stdout.split('\n').find((line) => line.includes('"check":"proxy"'));
  expect(check).toContain('with credentials, from the settings');
  expect(looked.stdout).toContain('"check":"edge-certificate","hop":"edge","ok":true');

  // Nowhere in the clear: not in a file, not in what fronts get.
  const shown = await cli('tunnel', 'network');
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const kept = await Promise.all(
    files.filter((one) => one.isFile()).map((one) => readFile(join(one.parentPath, one.name), 'latin1')),
  );
  for (const text of [...kept, shown.stdout, set.stdout, looked.stdout]) expect(text).not.toContain('planted-pass');

  // Other credentials are taken into use at once, and what they do is said.
  await setProxy('wrong');
  await expect
    .poll(async () => (await cli('tunnel', 'status')).stdout, { timeout: 20_000 })
    .toContain('wants other credentials');
  // Credentials end with the proxy that they were for.
  const moved = await cli('tunnel', 'network', 'set', '--proxy', 'http://127.0.0.1:2');
  expect(moved.json()).toMatchObject({ proxy: { credentials: false } });
  expect((await cli('tunnel', 'network', 'reset')).json()).toMatchObject({ proxy: { from: 'environment' } });
}, 60_000);

test('what cannot be used is refused, and what was stays', async () => {
  const before = (await cli('tunnel', 'network')).stdout;
  const attempts: [code: string, args: string[]][] = [
    ['secret_in_arguments', ['--proxy', 'http://ana:secret@127.0.0.1:3128']],
    ['proxy_has_credentials', ['--proxy', 'http://ana@127.0.0.1:3128']],
    ['proxy_invalid', ['--proxy', 'socks5://127.0.0.1:1080']],
    ['ca_file_unreadable', ['--ca-file', join(folder, 'password')]],
    ['proxy_needed', ['--proxy-user', 'ana', '--proxy-password-file', join(folder, 'password')]],
    ['usage', []],
  ];
  for (const [code, args] of attempts) {
    const run = await cli('tunnel', 'network', 'set', ...args);
    expect(run.status, code).not.toBe(0);
    expect(run.stderr).toContain(code);
  }
  expect((await cli('tunnel', 'network')).stdout).toBe(before);
});
