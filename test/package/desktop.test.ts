import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';

/**
 * The desktop package: what electron-builder puts into `app.asar`. Electron itself is a fake folder, since its binary
 * cannot be had everywhere; so nothing here says that the package starts, only what is in it.
 */

const root = resolve(import.meta.dirname, '../..');
let folder: string;
let files: Map<string, number>;
let asarSize: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-desktop-'));
  const electron = join(folder, 'electron');
  mkdirSync(join(electron, 'resources'), { recursive: true });
  mkdirSync(join(electron, 'locales'));
  writeFileSync(join(electron, 'locales/en-US.pak'), '');
  writeFileSync(join(electron, 'electron'), '#!/bin/sh\n');
  chmodSync(join(electron, 'electron'), 0o755);
  writeFileSync(join(electron, 'version'), 'v0.0.0');
  const config = parse(readFileSync(join(root, 'electron-builder.yml'), 'utf8')) as Record<string, unknown>;
  // Fuses are bits in Electron's own binary, which the fake one does not have; they are read from the file below.
  const { electronFuses: _fuses, ...rest } = config;
  const file = join(folder, 'electron-builder.json');
  writeFileSync(
    file,
    JSON.stringify({
      ...rest,
      electronDist: electron,
      directories: { output: join(folder, 'out'), buildResources: 'assets' },
    }),
  );
  const builder = join(
    dirname(createRequire(import.meta.url).resolve('electron-builder/package.json')),
    'out/cli/cli.js',
  );
  await promisify(execFile)(
    process.execPath,
    [builder, '--linux', 'dir', '--x64', '--config', file, '--publish', 'never'],
    { cwd: root, env: { ...process.env, USE_SYSTEM_FPM: 'true' } },
  );
  const asar = join(folder, 'out/linux-unpacked/resources/app.asar');
  asarSize = statSync(asar).size;
  files = readAsar(asar);
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));

test('the app is in it', () => {
  for (const needed of [
    'package.json',
    'dist/electron/main.js',
    'dist/electron/preload.cjs',
    'dist/electron/cli.js',
    'dist/electron/sample-server.js',
    'dist/renderer/index.html',
    'assets/tray/off.png',
    'assets/tray/offTemplate@2x.png',
  ]) {
    expect([...files.keys()]).toContain(needed);
  }
});

test('nothing else is', () => {
  const strange = [...files.keys()].filter(
    (path) => !/^(package\.json|LICENSE|dist\/(electron|renderer)\/.+|assets\/tray\/.+\.png)$/.test(path),
  );
  expect(strange).toEqual([]);
  expect(
    [...files.keys()].filter((path) => /node_modules|\.map$|\.tsx?$|\.test\.|\.env|\.pem$|\.key$/.test(path)),
  ).toEqual([]);
});

test('it is smaller than 15 MB', () => {
  expect(asarSize).toBeLessThan(15_000_000);
});

describe('electron-builder.yml', () => {
  const config = z
    .looseObject({
      asar: z.literal(true),
      directories: z.looseObject({ output: z.literal('release') }),
      electronFuses: z.record(z.string(), z.boolean()),
      protocols: z.array(z.object({ name: z.string(), schemes: z.array(z.string()) })),
      mac: z.looseObject({ target: z.array(z.looseObject({ target: z.string() })), hardenedRuntime: z.boolean() }),
      win: z.looseObject({ target: z.array(z.string()) }),
      linux: z.looseObject({ target: z.array(z.string()) }),
    })
    .parse(parse(readFileSync(join(root, 'electron-builder.yml'), 'utf8')));

  test('closes every fuse that opens the app to others', () => {
    expect(config.electronFuses).toEqual({
      runAsNode: false,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      onlyLoadAppFromAsar: true,
      enableEmbeddedAsarIntegrityValidation: true,
      grantFileProtocolExtraPrivileges: false,
      enableCookieEncryption: true,
    });
  });

  test('has icons in every size, an entry for menus, and leaves data at uninstall', () => {
    expect(config.linux).toMatchObject({
      category: 'Development',
      executableName: 'sallyport',
      icon: 'assets/icons',
      desktop: { entry: { StartupWMClass: 'Sallyport' } },
    });
    for (const size of [16, 24, 32, 48, 64, 128, 256, 512, 1_024]) {
      const png = readFileSync(join(root, `assets/icons/${size}x${size}.png`));
      // Width and height of the header chunk.
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([size, size]);
    }
    expect(config.mac).toMatchObject({ category: 'public.app-category.developer-tools', icon: 'assets/icon.png' });
    expect(config.mac.target.map(({ arch }) => arch)).toEqual([['universal'], ['universal']]);
    expect(config.nsis).toMatchObject({ deleteAppDataOnUninstall: false, perMachine: false });
  });

  test('names targets and deep links', () => {
    expect(config.mac.target.map(({ target }) => target)).toEqual(['dmg', 'zip']);
    expect(config.win.target).toEqual(['nsis']);
    expect(config.linux.target).toEqual(['AppImage', 'deb', 'rpm']);
    expect(config.protocols).toEqual([{ name: 'Sallyport', schemes: ['sallyport'] }]);
  });
});

/** Paths and sizes of an asar: a pickled header of four 32-bit numbers, then JSON. */
function readAsar(path: string): Map<string, number> {
  const bytes = readFileSync(path);
  const length = bytes.readUInt32LE(12);
  interface Node {
    readonly files?: Record<string, Node>;
    readonly size?: number;
  }
  const found = new Map<string, number>();
  const walk = (node: Node, at: string): void => {
    for (const [name, child] of Object.entries(node.files ?? {})) {
      const here = at ? `${at}/${name}` : name;
      if (child.files) walk(child, here);
      else found.set(here, child.size ?? 0);
    }
  };
  walk(JSON.parse(bytes.subarray(16, 16 + length).toString('utf8')) as Node, '');
  return found;
}
