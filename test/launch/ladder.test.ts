import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, ended, FakeInstallation } from './fake-installation.ts';

let installation: FakeInstallation;
const servers: { close(): unknown }[] = [];

beforeEach(() => {
  installation = new FakeInstallation();
});
afterEach(() => {
  installation.remove();
  for (const server of servers.splice(0)) server.close();
});

const display = { DISPLAY: ':99' };

/** The browser rung was taken: one line with the reason, then `sallyport run` with our arguments, and nothing like a stack. */
function expectBrowser(end: Ended, reason: string | RegExp): void {
  const lines = end.stderr.split('\n').filter((line) => line.startsWith('Electron is not available'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^Electron is not available \(.+\)\. Opening in the browser instead\.$/);
  if (typeof reason === 'string') expect(lines[0]).toContain(`(${reason})`);
  else expect(lines[0]).toMatch(reason);
  expect(JSON.parse(end.stdout).args).toEqual(['run', '--data-dir', '/data']);
  expect(end.stderr + end.stdout).not.toMatch(/^\s+at .+:\d+/m);
  expect(end.stderr + end.stdout).not.toContain('--no-sandbox');
  expect(end.status).toBe(0);
}

const start = (env: Record<string, string>) => installation.run('start.mjs', ['--data-dir', '/data'], env);

test('no display: the browser, and Electron is never looked for', async () => {
  installation.addElectronPackage('process.exit(0)');
  expectBrowser(await start({}), 'no display');
});

test('root: the browser, even with a display and Electron there', async () => {
  installation.addElectronBinary('echo started');
  const asRoot = "data:text/javascript,process.getuid=()=>0;Object.defineProperty(process,'platform',{value:'linux'})";
  const end = await installation.run(
    'start.mjs',
    ['--data-dir', '/data'],
    { ...display, NODE_OPTIONS: `--import=${encodeURI(asRoot)}` },
    false,
  );
  expectBrowser(end, 'running as root');
});

test('SALLYPORT_NO_ELECTRON=1: the browser, without a download', async () => {
  installation.addElectronPackage('process.exit(0)');
  const end = await start({ ...display, SALLYPORT_NO_ELECTRON: '1' });
  expectBrowser(end, 'SALLYPORT_NO_ELECTRON is set');
  expect(end.stderr).not.toContain('Downloading');
});

test('no electron package at all: the browser', async () => {
  expectBrowser(await start(display), 'its package is not installed');
});

test('no binary: announces the download, shows progress, then starts what came', async () => {
  const url = await serve((_request, response) => {
    response.setHeader('content-length', 3_000_000);
    for (let part = 0; part < 30; part += 1) response.write(Buffer.alloc(100_000, 32));
    response.end();
  });
  installation.addElectronPackage(`
    const fs = require('fs'); const path = require('path');
    fetch('${url}').then((response) => response.arrayBuffer()).then((bytes) => {
      fs.mkdirSync(path.join(__dirname, 'dist'));
      const script = '#!/bin/sh\\necho \\'{"ready":true}\\'\\necho came ' + bytes.byteLength + ' "$@"\\n';
      fs.writeFileSync(path.join(__dirname, 'dist/electron'), script, { mode: 0o755 });
      fs.writeFileSync(path.join(__dirname, 'path.txt'), 'electron');
    });`);
  const end = await start(display);
  expect(end.stderr).toContain('Downloading Electron 45.4.1');
  expect(end.stderr).toContain('SALLYPORT_NO_ELECTRON=1');
  expect(end.stderr).toMatch(/3 of 3 MB/);
  expect(end.stdout).toBe(
    `came 3000000 ${installation.folder} --ready-line --node ${process.execPath} --data-dir /data\n`,
  );
  expect(end.status).toBe(0);
});

test('the download host refuses: the browser, with the reason in words', async () => {
  const url = await serve(() => {});
  servers.pop()?.close();
  installation.addElectronPackage(`fetch('${url}').catch((error) => { console.error(error.stack); process.exit(1); })`);
  expectBrowser(await start(display), 'its download host refuses connections');
});

test('the download answers 404: the browser', async () => {
  const url = await serve((_request, response) => response.writeHead(404).end());
  installation.addElectronPackage(
    `fetch('${url}').then((response) => { throw new Error('Response code ' + response.status); }).catch((error) => { console.error(error.stack); process.exit(1); })`,
  );
  expectBrowser(await start(display), 'its download answered 404');
});

test('the download host says nothing for ten seconds: the browser', async () => {
  const server = createTcpServer(() => {});
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  installation.addElectronPackage(`fetch('http://127.0.0.1:${port}/electron.zip').catch(() => process.exit(1))`);
  const before = performance.now();
  expectBrowser(await start(display), 'its download did not answer within 10 seconds');
  expect(performance.now() - before).toBeGreaterThan(9_500);
  expect(performance.now() - before).toBeLessThan(16_000);
}, 25_000);

test('the installer fails by itself: the browser, with its first words and without its stack', async () => {
  installation.addElectronPackage('Promise.reject(new Error("checksum does not match"))');
  expectBrowser(await start(display), /its installer says: .*checksum does not match/);
});

test('Electron lacks a system library: the browser, naming it', async () => {
  installation.addElectronBinary(
    'echo "$0: error while loading shared libraries: libnss3.so: cannot open shared object file" >&2; exit 127',
  );
  expectBrowser(await start(display), 'the system library libnss3.so is missing');
});

test('the sandbox cannot start: the browser, and Electron is not tried again without it', async () => {
  installation.addElectronBinary(
    'echo "$@" >> "$0.calls"; echo "FATAL: The SUID sandbox helper binary was found, but is not configured correctly." >&2; kill -TRAP $$',
  );
  expectBrowser(await start(display), "Chromium's sandbox cannot start on this system");
});

test('Electron is killed before the core is ready: the browser', async () => {
  installation.addElectronBinary('kill -KILL $$');
  expectBrowser(await start(display), 'it was ended by SIGKILL before the app was ready');
});

test('Electron is ready: its output is passed on, and its status is ours', async () => {
  installation.addElectronBinary('echo "kept back" >&2; echo \'{"ready":true}\'; echo hello; echo later >&2; exit 3');
  const end = await start(display);
  expect(end).toEqual({ status: 3, stdout: 'hello\n', stderr: 'kept back\nlater\n' });
});

test('a second instance hands over and ends: no browser', async () => {
  installation.addElectronBinary('exit 0');
  expect(await start(display)).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('the core cannot start: its reason, and no browser, which would meet the same', async () => {
  installation.addElectronBinary(
    'echo \'{"ready":false,"error":{"code":"port_in_use","hop":"app","message":"Port 47443 is in use."}}\'; exit 1',
  );
  expect(await start(display)).toEqual({ status: 1, stdout: '', stderr: 'Port 47443 is in use.\n' });
});

test('SIGTERM reaches Electron, and we wait for its end', async () => {
  installation.addElectronBinary(
    'trap "echo bye; exit 0" TERM; echo \'{"ready":true}\'; echo up; while :; do sleep 0.05; done',
  );
  const child = installation.start('start.mjs', [], display);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  expect(await ended(child)).toEqual({ status: 0, stdout: 'up\nbye\n', stderr: '' });
});

test('SIGTERM before the core is ready ends it all: no browser', async () => {
  installation.addElectronBinary('echo starting; exec sleep 30');
  const child = installation.start('start.mjs', [], display);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  expect(await ended(child)).toEqual({ status: 143, stdout: 'starting\n', stderr: '' });
});

async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer(answer as never);
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/electron.zip`;
}
