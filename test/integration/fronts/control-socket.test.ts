import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { controlAddress } from '../../../electron/core/fronts/control-address.ts';
import { connectControl } from '../../../electron/core/fronts/control-client.ts';
import { makeNonce, prove } from '../../../electron/core/fronts/control-proof.ts';
import { type ControlSocket, createControlSocket } from '../../../electron/core/fronts/control-socket.ts';
import { createManualClock } from '../../manual-clock.ts';
import { approval, createTestCore } from './test-core.ts';

let dataDir: string;
let socket: ControlSocket;
let core: ReturnType<typeof createTestCore>;
let clock: ReturnType<typeof createManualClock>;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sp-'));
  clock = createManualClock();
  core = createTestCore();
  socket = createControlSocket({ dispatcher: core.dispatcher, dataDir, clock });
  await socket.start();
});
afterEach(async () => {
  await socket.stop();
  core.dispatcher.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function raw(): Promise<{ socket: Socket; lines: AsyncIterator<string>; closed: Promise<unknown> }> {
  const client = connect(socket.address);
  client.on('error', () => {});
  const closed = once(client, 'close').catch(() => {});
  await once(client, 'connect');
  return { socket: client, lines: createInterface({ input: client })[Symbol.asyncIterator](), closed };
}

test('both sides prove the key, then requests and events pass', async () => {
  const client = await connectControl({ dataDir, caller: { pid: 1, name: 'test' } });
  expect(await client.request('servers.add', { name: 'Files', command: 'x' })).toEqual({
    name: 'Files',
    slug: 'files',
  });
  expect(core.asked.at(-1)).toMatchObject({ front: 'cli', caller: { pid: 1, name: 'test' } });
  await expect(client.request('servers.remove', { server: 'none' })).rejects.toMatchObject({
    code: 'server_not_found',
    hop: 'server',
  });
  const heard = new Promise((resolve) => client.subscribe('approvals', resolve));
  await client.request('status.get', {});
  core.event({ type: 'opened', approval });
  expect(await heard).toEqual({ type: 'opened', approval });
  client.close();
  await client.closed;
});

test('socket, key and folder are the owner’s only', () => {
  expect(statSync(socket.address).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(socket.address)).mode & 0o777).toBe(0o700);
  expect(statSync(join(dataDir, 'control.key')).mode & 0o777).toBe(0o600);
});

test('who does not know the key gets no answer', async () => {
  const { socket: client, lines, closed } = await raw();
  const nonce = makeNonce();
  client.write(`${JSON.stringify({ nonce })}\n`);
  const challenge = JSON.parse((await lines.next()).value) as { nonce: string };
  const proof = prove(new Uint8Array(32), 'client', nonce, challenge.nonce);
  client.write(`${JSON.stringify({ proof })}\n{"type":"request","id":1,"name":"pause","input":{}}\n`);
  expect((await lines.next()).done).toBe(true);
  await closed;
  expect(core.asked).toEqual([]);
});

test('the server’s own proof cannot be sent back as the client’s', async () => {
  const { socket: client, lines, closed } = await raw();
  client.write(`${JSON.stringify({ nonce: makeNonce() })}\n`);
  const { proof } = JSON.parse((await lines.next()).value) as { proof: string };
  client.write(`${JSON.stringify({ proof })}\n`);
  await closed;
  expect(core.dispatcher.connected('cli')).toBe(0);
});

test.each([
  ['a request before the proof', '{"type":"request","id":1,"name":"pause","input":{}}\n'],
  ['rubbish', 'GET / HTTP/1.1\r\n'],
  ['an endless line', 'x'.repeat(5_000)],
])('%s ends the connection', async (_what, bytes) => {
  const { socket: client, closed } = await raw();
  client.write(bytes);
  await closed;
  expect(core.asked).toEqual([]);
});

test('who says nothing is cut off after five seconds', async () => {
  const { closed, socket: client } = await raw();
  client.write(`${JSON.stringify({ nonce: makeNonce() })}\n`);
  await once(client, 'data');
  clock.advance(5_000);
  await closed;
});

test('a client does not speak with a stranger on the socket', async () => {
  await socket.stop();
  const received: string[] = [];
  const stranger = createServer((client) => {
    client.on('error', () => {});
    client.on('data', (data) => received.push(String(data)));
    client.write(`${JSON.stringify({ nonce: makeNonce(), proof: makeNonce() })}\n`);
  });
  stranger.listen(socket.address);
  await once(stranger, 'listening');
  await expect(connectControl({ dataDir })).rejects.toMatchObject({ code: 'control_untrusted' });
  expect(received.join('')).not.toContain('proof');
  stranger.close();
});

test('a frame that is none, or a line over the limit, costs that client only', async () => {
  const good = await connectControl({ dataDir });
  const bad = await connectControl({ dataDir });
  const failing = bad.request('servers.add', { name: 'x', args: [], command: 'y'.repeat(9_000_000) });
  await expect(failing).rejects.toMatchObject({ code: 'instance_gone' });
  await bad.closed;
  expect((await good.request('pause', {})).paused).toBe(true);
  good.close();
});

test('no instance: no folder, no key, no listener, or a socket that nobody listens on', async () => {
  const expected = { code: 'no_instance' };
  await expect(connectControl({ dataDir: join(dataDir, 'none') })).rejects.toMatchObject(expected);
  await socket.stop();
  await expect(connectControl({ dataDir })).rejects.toMatchObject(expected);
  writeFileSync(socket.address, '');
  await expect(connectControl({ dataDir })).rejects.toMatchObject({
    code: expect.stringMatching(/no_instance|untrusted/),
  });
  rmSync(join(dataDir, 'control.key'));
  await expect(connectControl({ dataDir })).rejects.toMatchObject(expected);
});

test('a stale socket is replaced, an exposed key is made anew', async () => {
  const before = readFileSync(join(dataDir, 'control.key'), 'utf8');
  await socket.stop();
  writeFileSync(socket.address, 'stale');
  chmodSync(join(dataDir, 'control.key'), 0o644);
  await socket.start();
  expect(readFileSync(join(dataDir, 'control.key'), 'utf8')).not.toBe(before);
  const client = await connectControl({ dataDir });
  client.close();
});

test('requests under way fail when the instance ends', async () => {
  await socket.stop();
  const slow = createTestCore({ slowRequest: new Promise(() => {}) });
  const other = createControlSocket({ dispatcher: slow.dispatcher, dataDir, clock });
  await other.start();
  const client = await connectControl({ dataDir });
  const waiting = client.request('status.get', {});
  waiting.catch(() => {});
  await client.request('pause', {});
  await other.stop();
  await expect(waiting).rejects.toMatchObject({ code: 'instance_gone' });
  await client.closed;
  await expect(client.request('pause', {})).rejects.toMatchObject({ code: 'instance_gone' });
});

test('a path that is too long for a socket goes to the runtime folder, and both sides find it', async () => {
  const deep = join(dataDir, 'd'.repeat(60), 'e'.repeat(60));
  mkdirSync(deep, { recursive: true });
  const environment = { platform: process.platform, runtimeDir: join(dataDir, 'run') };
  const long = createControlSocket({ dispatcher: core.dispatcher, dataDir: deep, clock, environment });
  expect(Buffer.byteLength(long.address)).toBeLessThanOrEqual(100);
  expect(long.address.startsWith(join(dataDir, 'run', 'sallyport'))).toBe(true);
  await long.start();
  const client = await connectControl({ dataDir: deep, environment });
  expect((await client.request('pause', {})).paused).toBe(true);
  client.close();
  await long.stop();
  expect(existsSync(long.address)).toBe(false);
  expect(controlAddress(dataDir, { platform: 'win32', runtimeDir: undefined })).toMatch(
    /^\\\\\.\\pipe\\sallyport-[0-9a-f]{32}$/,
  );
});
