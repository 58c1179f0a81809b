import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type BrowserFront, createBrowserFront } from '../../../electron/core/fronts/browser-front.ts';
import { connectContract } from '../../contract-client.ts';
import { createManualClock } from '../../manual-clock.ts';
import { createTestCore } from './test-core.ts';

let folder: string;
let core: ReturnType<typeof createTestCore>;
let clock: ReturnType<typeof createManualClock>;
let front: BrowserFront;
let port: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sp-ui-'));
  mkdirSync(join(folder, 'root', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'root', 'index.html'), '<!doctype html>page');
  writeFileSync(join(folder, 'root', 'assets', 'main-1.js'), 'script');
  writeFileSync(join(folder, 'root', '.hidden'), 'hidden');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  symlinkSync(join(folder, 'secret.txt'), join(folder, 'root', 'link.txt'));
  core = createTestCore();
  clock = createManualClock();
  front = createBrowserFront({ dispatcher: core.dispatcher, root: join(folder, 'root'), port: 0, clock });
  port = await front.start();
});
afterEach(async () => {
  await front.stop();
  core.dispatcher.close();
  rmSync(folder, { recursive: true, force: true });
});

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
}

function dial(options: { origin?: string; host?: string; path?: string } = {}): WebSocket {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${options.path ?? '/contract'}`, {
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    headers: options.host === undefined ? {} : { host: options.host },
  });
  ws.on('error', () => {});
  return ws;
}

test('the page and its files, with strict headers, and nothing else', async () => {
  const page = await get('/');
  expect(page).toMatchObject({ status: 200, body: '<!doctype html>page' });
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
      "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  expect(page.headers['set-cookie']).toBeUndefined();
  expect(page.headers['access-control-allow-origin']).toBeUndefined();
  expect(await get('/assets/main-1.js?x=1')).toMatchObject({ status: 200, body: 'script' });
  expect((await get('/', {}, 'HEAD')).body).toBe('');
  expect((await get('/', {}, 'POST')).status).toBe(405);
  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/../../secret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/link.txt',
    '/.hidden',
    '/assets',
    '/assets/',
    '//etc/passwd',
    '/%00',
    '/%',
    '/none.js',
  ]) {
    const answer = await get(path);
    expect(answer.status, path).toBe(404);
    expect(answer.body, path).not.toMatch(/secret|hidden/);
    expect(answer.headers['content-security-policy'], path).toBeDefined();
  }
});

test('only loopback names are answered, and no other origin', async () => {
  for (const host of [`127.0.0.1:${port}`, 'localhost', `localhost:1`, `[::1]:${port}`]) {
    expect((await get('/', { host })).status, host).toBe(200);
    expect((await get('/', { host, origin: `http://${host}` })).status, host).toBe(200);
  }
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '0.0.0.0', 'localhost:x']) {
    expect((await get('/', { host })).status, host).toBe(421);
  }
  const host = `localhost:${port}`;
  for (const origin of ['https://evil.example', `http://127.0.0.1:${port}`, `https://${host}`, 'null']) {
    expect((await get('/', { host, origin })).status, origin).toBe(403);
  }
});

test('pages that are not built are named', async () => {
  rmSync(join(folder, 'root'), { recursive: true });
  expect(await get('/')).toMatchObject({ status: 503, body: expect.stringContaining('npm run build') });
});

test('with this run’s key the contract is spoken', async () => {
  const url = front.url();
  expect(url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${port}/#k=[A-Za-z0-9_-]{43}$`));
  const client = await connectContract(url);
  const snapshot = new Promise((resolve) => client.subscribe('state', resolve));
  expect(await snapshot).toMatchObject({ rev: 1, state: { version: '0.0.0' } });
  expect(await client.request('resume', {})).toMatchObject({ paused: false });
  expect(core.asked.at(-1)).toMatchObject({ name: 'resume', front: 'browser' });
  expect(core.dispatcher.connected('browser')).toBe(1);
  await client.close();
});

test.each([
  ['a wrong key', JSON.stringify({ key: 'x'.repeat(43) })],
  ['an empty key', JSON.stringify({ key: '' })],
  ['no key', JSON.stringify({ type: 'request', id: 1, name: 'pause', input: {} })],
  ['rubbish', 'rubbish'],
])('%s closes the connection before anything is heard', async (_what, first) => {
  const ws = dial({ origin: `http://127.0.0.1:${port}` });
  await once(ws, 'open');
  ws.send(first);
  ws.send(JSON.stringify({ type: 'request', id: 1, name: 'pause', input: {} }));
  const [code] = await once(ws, 'close');
  expect(code).toBe(4401);
  expect(core.asked).toEqual([]);
  expect(core.dispatcher.connected('browser')).toBe(0);
});

test('who shows no key within five seconds is closed', async () => {
  const ws = dial({ origin: `http://127.0.0.1:${port}` });
  await once(ws, 'open');
  const closed = once(ws, 'close');
  clock.advance(5_000);
  expect((await closed)[0]).toBe(4401);
});

test.each([
  ['no Origin', {}],
  ['a foreign Origin', { origin: 'https://evil.example' }],
  ['another port’s Origin', { origin: 'http://127.0.0.1:1' }],
  ['a foreign Host', { host: 'evil.example', origin: 'http://evil.example' }],
  ['another path', { path: '/other', origin: 'ours' }],
])('the WebSocket is refused for %s', async (_what, options: { origin?: string; host?: string; path?: string }) => {
  const origin = options.origin === 'ours' ? `http://127.0.0.1:${port}` : options.origin;
  const ws = dial({ ...options, ...(origin === undefined ? {} : { origin }) });
  const [, response] = await once(ws, 'unexpected-response');
  expect((response as { statusCode: number }).statusCode).toBeGreaterThanOrEqual(403);
  ws.terminate();
});

test('a message that is none of the contract closes the page’s connection', async () => {
  const ws = dial({ origin: `http://127.0.0.1:${port}` });
  await once(ws, 'open');
  ws.send(JSON.stringify({ key: new URL(front.url()).hash.slice(3) }));
  ws.send('{"type":"nonsense"}');
  expect((await once(ws, 'close'))[0]).toBe(4400);
});

test('the file that opens the browser is the owner’s only, and goes with the front', async () => {
  const path = join(folder, 'open.html');
  writeFileSync(path, 'old', { mode: 0o644 });
  expect(front.openBrowserFile(path)).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).toContain(`content="0;url=${front.url()}"`);
  await front.stop();
  expect(() => statSync(path)).toThrow();
  expect(() => front.url()).toThrow(expect.objectContaining({ code: 'ui_not_up' }));
});

test('a taken port is named, and the front listens on loopback alone', async () => {
  const second = createBrowserFront({ dispatcher: core.dispatcher, root: folder, port, clock });
  await expect(second.start()).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining(`${port}`),
  });
  if (process.platform !== 'linux') return;
  const tcp = readFileSync('/proc/net/tcp', 'utf8') + readFileSync('/proc/net/tcp6', 'utf8');
  const listening = tcp
    .split('\n')
    .filter((line) => line.includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} `) && / 0A /.test(line));
  expect(listening).toHaveLength(1);
  expect(listening[0]).toContain(' 0100007F:');
});

test('stopping ends pages and connections', async () => {
  const client = await connectContract(front.url());
  await client.request('pause', {});
  const idle = connectTcp(port, '127.0.0.1');
  idle.on('error', () => {});
  await once(idle, 'connect');
  const gone = once(idle, 'close');
  await front.stop();
  await client.closed;
  await gone;
});
