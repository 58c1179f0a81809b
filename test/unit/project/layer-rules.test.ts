import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** The layer rules of `docs/architecture.md` are lint rules; here each is broken once, and the linter must see it. */

const root = resolve(import.meta.dirname, '../../..');
const biome = join(dirname(createRequire(import.meta.url).resolve('@biomejs/biome/package.json')), 'bin/biome');

const forbidden = [
  ['electron/core/tunnel', 'electron', 'Only electron/shell and the entry files import electron.'],
  ['electron/core/settings', 'electron-store', 'Only electron/shell and the entry files import electron.'],
  ['electron/core', '../shell/window.ts', 'Core, CLI and headless must run without the shell.'],
  ['electron/core', '../../renderer/app.tsx', 'The renderer is not a library.'],
  ['electron/cli', 'electron', 'Only electron/shell and the entry files import electron.'],
  ['electron/shared', 'electron', 'electron/shared is isomorphic: it never imports electron.'],
  ['electron/shared', 'node:fs', 'electron/shared is isomorphic: it uses no node: module.'],
  ['electron/shared', '../core/core.ts', 'electron/shared imports from nowhere but itself.'],
  ['electron/shell', '../../renderer/bridge.ts', 'The renderer is not a library.'],
  ['renderer', 'electron', 'The renderer runs in a sandbox: no electron, no node.'],
  ['renderer', 'node:path', 'The renderer runs in a sandbox: no electron, no node.'],
  ['renderer/features', '../../electron/core/core.ts', 'The renderer imports only electron/shared.'],
] as const;

const allowed = [
  ['electron/core/tunnel', 'node:net'],
  ['electron/core/tunnel', '../../shared/errors.ts'],
  ['electron/shared', './errors.ts'],
  ['electron/shell', 'electron'],
  ['renderer/features', '../../electron/shared/contract.ts'],
] as const;

/** A tree with our lint rules and one file for each case; the linter runs over it once. */
let folder: string;
let said: Map<string, string>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-layers-'));
  for (const file of ['biome.json', '.gitignore']) cpSync(join(root, file), join(folder, file));
  for (const [path, specifier] of [...forbidden, ...allowed]) {
    const file = join(folder, fileOf(path, specifier));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import { thing } from '${specifier}';\n\nexport const used = thing;\n`);
  }
  const { stdout, stderr } = spawnSync(process.execPath, [biome, 'lint', '--max-diagnostics=none', '.'], {
    cwd: folder,
    encoding: 'utf8',
  });
  said = new Map();
  for (const part of (stdout + stderr).split(/^(?=\S+\.ts:\d+:\d+ )/m)) {
    const file = /^(\S+\.ts):\d+:\d+ /.exec(part)?.[1];
    if (file) said.set(file, (said.get(file) ?? '') + part);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(path: string, specifier: string): string {
  return `${path}/uses-${specifier.toLowerCase().replace(/[^a-z]+/g, '-')}.ts`;
}

describe('forbidden imports fail', () => {
  test.each(forbidden)('%s may not import %s', (path, specifier, message) => {
    const words = said.get(fileOf(path, specifier)) ?? '';
    expect(words).toContain('lint/style/noRestrictedImports');
    expect(words).toContain(message);
  });
});

describe('allowed imports pass', () => {
  test.each(allowed)('%s may import %s', (path, specifier) => {
    expect(said.get(fileOf(path, specifier)) ?? '').not.toContain('noRestrictedImports');
  });
});

test('ipcMain is used in one file of the shell, and ipcRenderer in the preload alone', () => {
  const users = globSync(['electron/**/*.ts', 'renderer/**/*.{ts,tsx}'], { cwd: root })
    .filter((file) => /\bipc(Main|Renderer)\b|webContents\.send\b/.test(readFileSync(join(root, file), 'utf8')))
    .sort();
  expect(users).toEqual(['electron/preload.ts', 'electron/shell/ipc-binding.ts']);
});
