import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ended, FakeInstallation } from './fake-installation.ts';

let installation: FakeInstallation;
beforeEach(() => {
  installation = new FakeInstallation();
});
afterEach(() => installation.remove());

/** Makes Node say that it is an older one. */
const oldNode = `data:text/javascript,${encodeURIComponent("if (!process.env.NEW_NODE) Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } });")}`;

test('the guard passes on this Node, silently', async () => {
  expect(await installation.run('guard.mjs', [], {}, false)).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('below 22.13 the guard says what to do, and stops', async () => {
  const end = await installation.run('guard.mjs', [], { NODE_OPTIONS: `--import=${oldNode}` }, false);
  expect(end.status).toBe(1);
  expect(end.stderr).toMatch(/^Sallyport needs Node 22\.13 or newer; this is 20\.19\.0 \(.+\)\.\n/);
  expect(end.stderr).toContain('https://nodejs.org');
  expect(end.stdout).toBe('');
});

test('guard and bin are written for old Nodes', () => {
  for (const name of ['guard.mjs', 'bin.mjs']) {
    const text = readFileSync(join(installation.folder, 'electron/launch', name), 'utf8');
    // Syntax and module names that Node 12 does not know.
    expect(text, name).not.toMatch(/\?\.|\?\?|^\s*await |from 'node:|import\.meta\.dirname|static \{|\|\|=/m);
  }
});

test('the command runs the built command line with our arguments', async () => {
  const end = await installation.run('bin.mjs', ['status', '--json'], {}, false);
  expect(JSON.parse(end.stdout).args).toEqual(['status', '--json']);
  expect(end.stderr).toBe('');
});

test('under a Node that is too old, the one of the platform package runs in its place', async () => {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  installation.write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '24.0.0' }));
  const script = `#!/bin/sh\nNEW_NODE=1 exec "${process.execPath}" "$@"\n`;
  chmodSync(installation.write(`node_modules/${name}/bin/node`, script), 0o755);
  const end = await installation.run('bin.mjs', ['status'], { NODE_OPTIONS: `--import=${oldNode}` }, false);
  expect(end.stderr).toBe('');
  expect(JSON.parse(end.stdout)).toMatchObject({ node: process.versions.node, args: ['status'] });
});

test('under a Node that is too old, and without the platform package, it says what to do', async () => {
  const end = await installation.run('bin.mjs', ['status'], { NODE_OPTIONS: `--import=${oldNode}` }, false);
  expect(end.status).toBe(1);
  expect(end.stderr).toContain('Sallyport needs Node 22.13 or newer');
  expect(end.stderr).not.toMatch(/^\s+at /m);
});

test('an installation without its build says so', async () => {
  rmSync(join(installation.folder, 'dist'), { recursive: true });
  const end = await installation.run('bin.mjs', [], {}, false);
  expect(end).toEqual({
    status: 1,
    stdout: '',
    stderr: 'This installation of Sallyport is not complete: install the package again.\n',
  });
});

test('in a checkout a stale build is made anew, and standard output stays the command’s', async () => {
  checkout('console.log("built by", process.argv.slice(2).join(" "));');
  const first = await installation.run('bin.mjs', ['status'], {}, false);
  expect(first.status).toBe(0);
  expect(JSON.parse(first.stdout).args).toEqual(['status']);
  expect(first.stderr).toBe('Building Sallyport…\nbuilt by build --app --logLevel warn\n');

  const second = await installation.run('bin.mjs', ['status'], {}, false);
  expect(second.stderr).toBe('');

  installation.write('electron/main.ts', '// changed, and longer');
  const third = await installation.run('bin.mjs', ['status'], {}, false);
  expect(third.stderr).toContain('Building Sallyport…');
});

test('two commands at once build once', async () => {
  checkout('await new Promise((done) => setTimeout(done, 300)); console.log("built");');
  const both = await Promise.all([1, 2].map(() => installation.run('bin.mjs', ['status'], {}, false)));
  expect(both.map((end) => end.status)).toEqual([0, 0]);
  expect(
    both
      .map((end) => end.stderr)
      .join('')
      .match(/^built$/gm),
  ).toHaveLength(1);
});

test('a build that fails says so and runs nothing', async () => {
  checkout('console.log("no such module"); process.exit(1);');
  const end = await installation.run('bin.mjs', ['status'], {}, false);
  expect(end).toEqual({
    status: 1,
    stdout: '',
    stderr: 'Building Sallyport…\nno such module\nThe build failed; what it said is above.\n',
  });
});

test('npm run --silent keeps standard output clean', async () => {
  installation.write(
    'package.json',
    JSON.stringify({
      type: 'module',
      scripts: { presallyport: 'node electron/launch/guard.mjs', sallyport: 'node -- electron/launch/bin.mjs' },
    }),
  );
  symlinkSync(process.execPath, join(installation.folder, 'node'));
  const child = spawn('npm', ['run', '--silent', 'sallyport', '--', 'status', '--json'], {
    cwd: installation.folder,
    env: { ...process.env, PATH: `${installation.folder}:${process.env.PATH ?? ''}` },
    shell: process.platform === 'win32',
  });
  const end = await ended(child);
  expect(JSON.parse(end.stdout).args).toEqual(['status', '--json']);
  expect(end.status).toBe(0);
});

test('our own scripts are those', () => {
  const manifest = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8'));
  expect(manifest.scripts).toMatchObject({
    presallyport: 'node electron/launch/guard.mjs',
    sallyport: 'node -- electron/launch/bin.mjs',
    start: 'node electron/launch/start.mjs',
    prestart: 'node electron/launch/guard.mjs',
  });
  expect(manifest.bin).toEqual({ sallyport: 'electron/launch/bin.mjs' });
});

/** Makes the installation look like a checkout whose `vite` is a script of ours. */
function checkout(vite: string): void {
  installation.write('vite.config.ts', '');
  installation.write('electron/main.ts', '');
  installation.write('node_modules/vite/package.json', '{"name":"vite","type":"module"}');
  installation.write('node_modules/vite/bin/vite.js', vite);
}
