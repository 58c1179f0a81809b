import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DoubleApp } from '../electron-double/launch.ts';

/** The app as it is built, `dist/electron/main.js` with the real core, under the double. */

const entry = resolve(import.meta.dirname, '../../dist/electron/main.js');
let app: DoubleApp;
beforeEach(async () => {
  app = await DoubleApp.start({ entry });
});
afterEach(() => app.stop());

test('it starts, shows nothing shared, and ends without a trace of a process', async () => {
  const page = await app.page('#/servers');
  await page.getByRole('navigation').first().waitFor();
  const desk = await app.until('the tray', (each) => each.tray && each);
  expect(desk.tray?.tooltip).toBe('Sallyport: Nothing shared: nobody can reach this machine');
  const answer = await page.evaluate(() =>
    (
      globalThis as unknown as { sallyport: { request(name: string, input: unknown): Promise<unknown> } }
    ).sallyport.request('status.get', {}),
  );
  expect(answer).toMatchObject({ ok: true, value: { state: 'nothing-shared', way: 'embedded' } });

  app.process.kill('SIGTERM');
  expect(await app.ended).toEqual({ status: 0, signal: null });
  const left = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(app.dataDir));
  await expect.poll(() => left).toEqual([]);
  expect(app.output).not.toMatch(/^\s+at /m);
});

test('“Try it” shares the sample server: tray and window say so', async () => {
  const page = await app.page('#/servers');
  await page.getByRole('navigation').first().waitFor();
  const answer = await page.evaluate(() =>
    (
      globalThis as unknown as { sallyport: { request(name: string, input: unknown): Promise<unknown> } }
    ).sallyport.request('servers.try', {}),
  );
  expect(answer).toMatchObject({ ok: true });
  await app.until(
    'the server in the tray',
    (desk) => desk.tray?.menu.some(({ id }) => id.startsWith('server:')),
    30_000,
  );
});

test('a headless run on the same data folder is refused while it runs', async () => {
  const cli = resolve(import.meta.dirname, '../../dist/electron/cli.js');
  const run = () =>
    execFileSync(process.execPath, [cli, '--data-dir', app.dataDir, '--json', 'run', '--no-open', '--ui-port', '0'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  expect(run).toThrow(/already_running/);
});
