import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FixtureApp } from './fixture-app.ts';

let dataDir: string;
const apps: FixtureApp[] = [];
const start = async (options: Parameters<typeof FixtureApp.start>[0] = {}): Promise<FixtureApp> => {
  const app = new FixtureApp({ dataDir, ...options });
  apps.push(app);
  await app.readyLine;
  return app;
};

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sallyport-shell-'));
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.stop()));
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

/** Processes whose command line names our data folder, by /proc. */
function processesOf(folder: string): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((each) => each.includes(folder) && !each.includes('ps -eo'));
}

test('a quit waits for the drain, and leaves no process', async () => {
  const app = await start();
  await app.until('the window', (desk) => desk.windows[0]?.visible);
  expect(processesOf(dataDir).length).toBeGreaterThan(1);
  app.process.kill('SIGTERM');
  expect(await app.ended).toEqual({ status: 0, signal: null });
  await app.reported('stopped');
  await expect.poll(() => processesOf(dataDir)).toEqual([]);
});

test('a quit does not wait longer than five seconds', async () => {
  const app = await start({ behaviour: 'stop-hangs' });
  const before = performance.now();
  app.process.kill('SIGINT');
  app.process.kill('SIGINT'); // an impatient second one changes nothing
  expect(await app.ended).toEqual({ status: 0, signal: null });
  expect(performance.now() - before).toBeGreaterThan(4_800);
  expect(performance.now() - before).toBeLessThan(8_000);
});

test('kill -9 leaves no browser of the double behind', async () => {
  const app = await start();
  app.process.kill('SIGKILL');
  await app.ended;
  await expect.poll(() => processesOf(dataDir), { timeout: 5_000 }).toEqual([]);
});

test('a second instance shows the first one’s window and ends', async () => {
  const first = await start();
  const { targetId } = await first.until('the window', (desk) => desk.windows[0]?.visible && desk.windows[0]);
  await first.command({ type: 'close-window', targetId });
  await first.until('no window', (desk) => desk.windows.length === 0);

  const second = new FixtureApp({ dataDir });
  apps.push(second);
  expect(await second.ended).toEqual({ status: 0, signal: null });
  expect(second.output).toBe('');
  await first.until('the window again', (desk) => desk.windows[0]?.visible);
});

test('another data folder is another instance', async () => {
  await start();
  const other = await FixtureApp.start();
  apps.push(other);
  expect(await other.readyLine).toMatchObject({ ready: true, dataDir: other.dataDir });
});

test('a core that cannot start is told in one line, and the app ends', async () => {
  const app = new FixtureApp({ dataDir, behaviour: 'cannot-start' });
  apps.push(app);
  expect(await app.readyLine).toEqual({
    ready: false,
    error: { code: 'port_in_use', hop: 'app', message: 'Port 47443 is in use by another program.', hint: 'End it.' },
  });
  expect(await app.ended).toEqual({ status: 1, signal: null });
  expect(app.output).not.toMatch(/^\s+at /m);
});

test('--hidden starts in the tray alone', async () => {
  const app = await start({ args: ['--hidden'] });
  const desk = await app.until('the tray', (each) => each.tray && each);
  expect(desk.windows).toEqual([]);
  await app.command({ type: 'click-tray', id: 'open' });
  await app.until('the window', (each) => each.windows[0]?.visible);
});

test('settings go through electron-store into the data folder, 0600; dots in names stay dots', async () => {
  chmodSync(dataDir, 0o755); // an empty folder that others can enter becomes ours alone
  const app = await start();
  const { settings } = await app.reported('started');
  expect(settings).toMatchObject({ schemaVersion: 1, 'dotted.name': true });
  const file = join(dataDir, 'settings.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ schemaVersion: 1, 'dotted.name': true });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(existsSync(join(dataDir, 'electron'))).toBe(true);
});

test.each([
  ['gnome_libsecret', 'safe-storage:gnome_libsecret'],
  ['basic_text', undefined],
  ['unknown', undefined],
  ['none', undefined],
])(
  'on a desktop with the keyring %s secrets are sealed by %s, without one by the key file',
  async (backend, sealer) => {
    const app = await start({ args: ['--hidden'], env: { SALLYPORT_DOUBLE_KEYRING: backend } });
    expect((await app.reported('started')).keyring).toBe(sealer);
  },
);
