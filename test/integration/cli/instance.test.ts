import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlSocket, createControlSocket } from '../../../electron/core/fronts/control-socket.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { approval, createTestCore, logRow } from '../fronts/test-core.ts';
import { cli, cliHere, follow } from './cli.ts';

let dataDir: string;
let socket: ControlSocket;
const core = createTestCore();
const here = (args: readonly string[], options?: { stdin?: string }) =>
  cliHere(['--data-dir', dataDir, ...args], options);

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sp-cli-'));
  socket = createControlSocket({ dispatcher: core.dispatcher, dataDir, clock: systemClock });
  await socket.start();
});
afterAll(async () => {
  await socket.stop();
  core.dispatcher.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const json = async (...args: string[]): Promise<unknown> => {
  const done = await here([...args, '--json']);
  expect(done.stderr, args.join(' ')).toBe('');
  expect(done.stdout.match(/\n/g), args.join(' ')).toHaveLength(1);
  return done.json();
};

test('adding a server: arguments exactly as they are, secrets from standard input and never from an argument', async () => {
  const refused = await here(['servers', 'add', 'x', '--command', 'npx', '--env', 'API_TOKEN=abc', '--json']);
  expect(refused.status).toBe(2);
  expect(refused.error()).toMatchObject({ code: 'secret_in_arguments', hop: 'app' });
  expect(refused.error().hint).toMatch(/--env API_TOKEN.*--env-file/);
  expect(refused.stderr).not.toContain('abc');

  const added = await cli(
    [
      '--data-dir',
      dataDir,
      'servers',
      'add',
      'Files',
      '--command',
      'npx',
      '--arg',
      '-y',
      '--arg',
      '--json',
      '--arg',
      'a b',
      '--env',
      'LEVEL=debug',
      '--env-file',
      '-',
      '--json',
    ],
    { stdin: 'API_TOKEN=s3cret\n' },
  );
  expect(added.json()).toEqual({ name: 'Files', slug: 'files' });
  expect(core.asked.at(-1)).toMatchObject({
    name: 'servers.add',
    front: 'cli',
    caller: { name: 'sallyport' },
    input: {
      name: 'Files',
      command: 'npx',
      args: ['-y', '--json', 'a b'],
      env: { API_TOKEN: 's3cret', LEVEL: 'debug' },
    },
  });
  const file = join(dataDir, 'env');
  writeFileSync(file, 'KEY=v\n');
  expect((await here(['servers', 'add', 'second', '--command', 'x', '--env-file', file])).stdout).toMatch(
    /^Added second/,
  );
  const noTerminal = await here(['servers', 'add', 'x', '--command', 'x', '--env', 'API_TOKEN', '--json']);
  expect(noTerminal.status).toBe(2);
  expect(noTerminal.error().hint).toContain('--env-file');
  expect((await here(['servers', 'add', 'x', '--url', 'http://127.0.0.1:1/', '--arg', 'y'])).status).toBe(2);
  expect((await here(['servers', 'add', 'x', '--command', 'x', '--ca', file])).status).toBe(2);
  const badHeaders = await here(['servers', 'add', 'x', '--url', 'https://x.example/', '--header-file', file]);
  expect(badHeaders.stderr).toContain('line 1 is not Name: value');
});

test('documents have the shapes that are promised', async () => {
  expect(await json('status')).toMatchObject({
    state: 'nothing-shared',
    road: [{ hop: 'edge', ok: true }],
    servers: 0,
    pending: 0,
  });
  expect(await json('ui')).toEqual({ url: 'http://127.0.0.1:1/#k=x' });
  expect(await json('servers', 'list')).toMatchObject({
    servers: [{ slug: 'files', env: ['API_TOKEN', 'LEVEL'] }, { slug: 'second' }],
  });
  expect(await json('servers', 'share', 'Files', '--wait', '5s')).toEqual({
    name: 'Files',
    url: 'https://localhost:47443/files/mcp',
    resource: 'https://localhost:47443/files/mcp',
    tools: [{ name: 'read_file', class: 'read', access: 'allow' }],
  });
  expect(core.asked.at(-1)).toMatchObject({ input: { server: 'Files', waitMs: 5_000 } });
  expect(await json('servers', 'unshare', 'files')).toEqual({ name: 'Files' });
  expect(await json('tools', 'list', 'files')).toMatchObject({
    server: 'files',
    tools: [{ name: 'read_file', why: 'its name reads' }],
  });
  expect(await json('tools', 'set', 'files', 'read_file', 'off')).toMatchObject({ tool: { access: 'off' } });
  expect(await json('agents', 'list')).toEqual({ agents: [] });
  expect(
    await json('agents', 'token', '--server', 'files', '--ttl', '1h', '--name', 'CI', '--tool', 'a', '--tool', 'b'),
  ).toEqual({
    id: 't1',
    token: 'sp_secret',
    resource: 'https://localhost:47443/files/mcp',
    server: 'files',
    scope: 'all-shared',
    expiresAt: '2026-11-22T13:00:00.000Z',
  });
  expect(core.asked.at(-1)).toMatchObject({ input: { tools: ['a', 'b'], name: 'CI' } });
  expect(await json('agents', 'revoke', 't1')).toEqual({ id: 't1' });
});

test('approvals, pause and the tunnel', async () => {
  expect(await json('approvals', 'list')).toEqual({ approvals: [approval] });
  expect(
    await json('approvals', 'answer', 'ap-1', 'allow', '--scope', 'tool', '--for', '15m', '--reason', '--fine'),
  ).toEqual({
    id: 'ap-1',
    answer: 'allow',
    scope: 'tool',
    for: '15m',
  });
  expect(core.asked.at(-1)).toMatchObject({ input: { reason: '--fine' } });
  expect(await json('pause')).toEqual({ paused: true, at: expect.any(String), endedStreams: 2 });
  expect(await json('resume')).toMatchObject({ paused: false });
  expect(await json('tunnel', 'status')).toMatchObject({ way: 'embedded', domain: 'localhost', canSee: ['names'] });
  expect(await json('tunnel', 'ca')).toMatchObject({ pem: 'PEM\n' });
  expect((await here(['tunnel', 'ca'])).stdout).toBe('PEM\n');
  const probe = await here(['tunnel', 'probe', '--json']);
  expect([probe.status, probe.json()]).toEqual([
    5,
    { ok: false, at: expect.any(String), ms: 1, hop: 'edge', detail: 'no answer' },
  ]);
  const joined = await here(['tunnel', 'use', 'edge', '--join-file', '-', '--json'], {
    stdin: 'sallyport-join:h:1:x:y\n',
  });
  expect(joined.status).toBe(0);
  expect(core.asked.at(-1)).toMatchObject({ input: { way: 'edge', join: 'sallyport-join:h:1:x:y' } });
  const inArguments = await here(['tunnel', 'use', 'edge', 'sallyport-join:h:1:x:y', '--json']);
  expect([inArguments.status, inArguments.error().code]).toEqual([2, 'secret_in_arguments']);
});

test('the log: pages are followed to the limit, and a broken one is status 5', async () => {
  const listed = (await json('log', 'list', '--limit', '700')) as { rows: { seq: number }[]; next: number };
  expect(listed.rows).toHaveLength(700);
  expect([listed.rows[0]?.seq, listed.rows.at(-1)?.seq, listed.next]).toEqual([1_000, 301, 301]);
  expect(await json('log', 'show', 'call-1')).toMatchObject({ rows: [{ seq: 1, steps: [] }] });
  const verified = await here(['log', 'verify', '--json']);
  expect([verified.status, verified.json()]).toEqual([
    5,
    {
      ok: false,
      rows: 3,
      badSeq: 4,
      why: 'its hash does not follow',
      damage: 'changed',
      checkpoints: 1,
      signedBy: 'us',
    },
  ]);
});

test('errors are one line, with code, hop and hint', async () => {
  const failed = await here(['servers', 'remove', 'none', '--json']);
  expect(failed.status).toBe(1);
  expect(failed.stdout).toBe('');
  expect(failed.error()).toEqual({ code: 'server_not_found', message: 'There is no server "none".', hop: 'server' });
  expect(failed.stderr.match(/\n/g)).toHaveLength(1);
  const plain = await here(['servers', 'remove', 'none']);
  expect(plain.stderr).toBe('There is no server "none". (server_not_found, at server)\n');
  const page = core.dispatcher.connect({ front: 'browser', send: () => {} });
  const elsewhere = await here(['resume', '--json']);
  expect([elsewhere.status, elsewhere.error().code]).toEqual([1, 'answers_elsewhere']);
  page.close();
});

test('strangers’ text cannot act on the terminal', async () => {
  const { stdout } = await here(['approvals', 'list']);
  expect(stdout).toContain('⟨U+202E⟩');
  expect(stdout).not.toContain('\u202e');
  expect((await cli(['approvals', 'list', '--json', '--data-dir', dataDir])).stdout).toContain('\\u202e');
});

test('watching approvals: what waits, then what happens, until a signal', async () => {
  const watching = follow(['approvals', 'watch', '--data-dir', dataDir]);
  expect(await watching.next()).toEqual({ type: 'opened', approval });
  core.event({ type: 'opened', approval: { ...approval, id: 'ap-2' } });
  expect(await watching.next()).toMatchObject({ type: 'opened', approval: { id: 'ap-2' } });
  core.event({ type: 'closed', approval, by: 'window', answer: 'allow' });
  expect(await watching.next()).toMatchObject({ type: 'closed', by: 'window', answer: 'allow' });
  watching.child.kill('SIGINT');
  expect(await watching.status).toBe(130);
});

test('following the log: what is there, oldest first, then what comes', async () => {
  const following = follow(['log', 'list', '--follow', '--limit', '2', '--data-dir', dataDir]);
  expect(await following.next()).toMatchObject({ seq: 999 });
  expect(await following.next()).toMatchObject({ seq: 1_000 });
  core.row(logRow(1_001));
  expect(await following.next()).toEqual(logRow(1_001));
  following.child.kill('SIGTERM');
  expect(await following.status).toBe(143);
});
