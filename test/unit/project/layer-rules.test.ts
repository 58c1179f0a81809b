import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';

/** The layer rules of `docs/architecture.md` are lint rules; here each is broken once, and the linter must see it. */

const root = resolve(import.meta.dirname, '../../..');
const biome = join(dirname(createRequire(import.meta.url).resolve('@biomejs/biome/package.json')), 'bin/biome');

/** What the linter says about a file of that name with that text. */
async function lint(path: string, code: string): Promise<string> {
  const child = spawn(process.execPath, [biome, 'lint', `--stdin-file-path=${path}`], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(code);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return out + err;
}

const use = (specifier: string) => `import { thing } from '${specifier}';\nexport const used = thing;\n`;

describe('forbidden imports fail', () => {
  test.each([
    ['electron/core/tunnel/x.ts', 'electron', 'Only electron/shell and the entry files import electron.'],
    ['electron/core/settings/x.ts', 'electron-store', 'Only electron/shell and the entry files import electron.'],
    ['electron/core/x.ts', '../shell/window.ts', 'Core, CLI and headless must run without the shell.'],
    ['electron/core/x.ts', '../../renderer/app.tsx', 'The renderer is not a library.'],
    ['electron/cli/x.ts', 'electron', 'Only electron/shell and the entry files import electron.'],
    ['electron/headless.ts', './shell/window.ts', 'Core, CLI and headless must run without the shell.'],
    ['electron/shared/x.ts', 'electron', 'electron/shared is isomorphic: it never imports electron.'],
    ['electron/shared/x.ts', 'node:fs', 'electron/shared is isomorphic: it uses no node: module.'],
    ['electron/shared/x.ts', '../core/core.ts', 'electron/shared imports from nowhere but itself.'],
    ['electron/shell/x.ts', '../../renderer/bridge.ts', 'The renderer is not a library.'],
    ['renderer/x.ts', 'electron', 'The renderer runs in a sandbox: no electron, no node.'],
    ['renderer/x.ts', 'node:path', 'The renderer runs in a sandbox: no electron, no node.'],
    ['renderer/features/x.ts', '../../electron/core/core.ts', 'The renderer imports only electron/shared.'],
  ])('%s may not import %s', async (path, specifier, message) => {
    const said = await lint(path, use(specifier));
    expect(said).toContain('noRestrictedImports');
    expect(said).toContain(message);
  });
});

describe('allowed imports pass', () => {
  test.each([
    ['electron/core/tunnel/x.ts', 'node:net'],
    ['electron/core/tunnel/x.ts', '../../shared/errors.ts'],
    ['electron/shared/x.ts', './errors.ts'],
    ['electron/shell/x.ts', 'electron'],
    ['renderer/features/x.ts', '../../electron/shared/contract.ts'],
  ])('%s may import %s', async (path, specifier) => {
    expect(await lint(path, use(specifier))).not.toContain('noRestrictedImports');
  });
});

test('raw ipcMain is used in one file of the shell, ipcRenderer in the preload alone', async () => {
  const { globSync, readFileSync } = await import('node:fs');
  const users = globSync(['electron/**/*.ts', 'renderer/**/*.{ts,tsx}'], { cwd: root })
    .filter((file) => /\bipc(Main|Renderer)\b|webContents\.send\b/.test(readFileSync(join(root, file), 'utf8')))
    .sort();
  expect(users).toEqual(['electron/preload.ts', 'electron/shell/ipc-binding.ts']);
});
