import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** What `npm pack` yields, installed into an empty folder far from this checkout: no Electron, no development packages. */

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
let folder: string;
let command: string;
const env = (extra: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  HOME: folder,
  XDG_DATA_HOME: join(folder, 'share'),
  ...extra,
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const report: unknown = JSON.parse(stdout);
  const packed = Object.values(report as Record<string, { filename: string; files: { path: string }[] }>)[0];
  if (!packed) throw new Error(`npm pack said ${stdout}`);
  writeFileSync(join(folder, 'files.json'), JSON.stringify(packed.files.map(({ path }) => path)));
  const home = join(folder, 'app');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  await run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--omit=optional', '--prefer-offline', join(folder, packed.filename)],
    { cwd: home },
  );
  command = join(home, 'node_modules/.bin/sallyport');
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));

const sallyport = (args: readonly string[], extra: Record<string, string> = {}) =>
  run(command, [...args], { cwd: folder, env: env(extra) });

test('it holds the build and nothing of the workshop', () => {
  const files = JSON.parse(readFileSync(join(folder, 'files.json'), 'utf8')) as string[];
  for (const needed of [
    'package.json',
    'LICENSE',
    'dist/electron/cli.js',
    'dist/electron/sample-server.js',
    'dist/renderer/index.html',
    'electron/launch/bin.mjs',
    'electron/launch/guard.mjs',
  ]) {
    expect(files).toContain(needed);
  }
  const strange = files.filter(
    (path) =>
      !/^(package\.json|LICENSE|README\.md|dist\/(electron|renderer)\/[\w./@-]+|electron\/launch\/[\w-]+\.mjs)$/.test(
        path,
      ),
  );
  expect(strange).toEqual([]);
  expect(files.filter((path) => /\.(map|ts|tsx|env|pem|key)$/.test(path))).toEqual([]);
});

test('it installs nothing beside itself', () => {
  const installed = readdirSync(join(folder, 'app/node_modules')).filter((name) => !name.startsWith('.'));
  expect(installed).toEqual(['sallyport']);
});

test('--version', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect((await sallyport(['--version'])).stdout.trim()).toBe(version);
});

test('run --no-open --json: ready, a page, a status, and a clean end', async () => {
  const dataDir = join(folder, 'data');
  const app = spawn(command, ['--data-dir', dataDir, 'run', '--no-open', '--json', '--ui-port', '0'], {
    cwd: folder,
    env: env(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  app.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  try {
    const line = await Promise.race([
      once(createInterface({ input: app.stdout }), 'line').then(([text]) => String(text)),
      once(app, 'exit').then(() => Promise.reject(new Error(`It ended before it was ready: ${words}`))),
    ]);
    const ready = JSON.parse(line) as { ready: boolean; ui: string; dataDir: string };
    expect(ready).toMatchObject({ ready: true, dataDir });
    const page = await fetch(ready.ui.replace(/#.*/, ''));
    expect(await page.text()).toContain('<title>Sallyport</title>');
    const { stdout } = await sallyport(['--data-dir', dataDir, '--json', 'status']);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'nothing-shared', way: 'embedded' });
  } finally {
    app.kill('SIGTERM');
  }
  const [status] = (await once(app, 'exit')) as [number | null];
  expect({ status, words }).toEqual({ status: 143, words: '' });
});

test('edge init and run, without the app', async () => {
  const edge = join(folder, 'edge');
  await sallyport(['edge', 'init', edge]);
  expect(existsSync(edge)).toBe(true);
  const files = readdirSync(edge, { recursive: true, encoding: 'utf8' });
  const config = files.find((name) => /\.(ya?ml|json)$/.test(name));
  expect(config, files.join(' ')).toBeDefined();
  const { stdout } = await sallyport(['edge', 'run', '--config', join(edge, config ?? ''), '--print-config']);
  expect(stdout).not.toBe('');
});
