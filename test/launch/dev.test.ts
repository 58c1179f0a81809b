import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectContract } from '../contract-client.ts';

/** `npm run dev` in a copy of the sources: it builds into `dist`, which the other suites use. */

const root = resolve(import.meta.dirname, '../..');
const sources = ['electron', 'renderer', 'assets', 'LICENSE', 'package.json', 'tsconfig.base.json', 'tsconfig.json'];
let folder: string;
let dev: ChildProcess;
let lines: Interface;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-dev-'));
  for (const name of [...sources, 'vite.config.ts']) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  dev = spawn(
    process.execPath,
    ['electron/launch/dev.mjs', '--no-open', '--data-dir', join(folder, 'data'), '--ui-port', '0'],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, SALLYPORT_NO_ELECTRON: '1' } },
  );
  if (!dev.stderr) throw new Error('No standard error.');
  lines = createInterface({ input: dev.stderr });
});
afterEach(async () => {
  if (dev.exitCode === null && dev.signalCode === null) {
    dev.kill('SIGTERM');
    await once(dev, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** The address that the next ready line names. */
function livePage(): Promise<string> {
  return new Promise((found) => {
    const read = (line: string): void => {
      const url = /^Live page.*: (http:\S+)$/.exec(line)?.[1];
      if (url === undefined) return;
      lines.off('line', read);
      found(url);
    };
    lines.on('line', read);
  });
}

test('npm run dev shows the live page, joined to a real app, and starts the app anew when its sources change', async () => {
  const url = await livePage();
  expect(await (await fetch(url)).text()).toContain('/@vite/client');
  const page = await connectContract(url);
  expect((await page.request('status.get', {})).state).toBe('nothing-shared');

  const again = livePage();
  appendFileSync(join(folder, 'electron/cli/main.ts'), '\n// changed\n');
  expect(await page.closed).toBeGreaterThan(0);
  const next = await connectContract(await again);
  expect((await next.request('status.get', {})).state).toBe('nothing-shared');
  await next.close();

  dev.kill('SIGTERM');
  expect(await once(dev, 'exit')).toEqual([143, null]);
  await expect(fetch(url)).rejects.toThrow();
}, 120_000);
