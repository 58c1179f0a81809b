import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { type Isolation, probeIsolation } from '../../../electron/core/servers/stdio/isolation.ts';
import type { UpstreamSession } from '../../../electron/core/servers/upstream-session.ts';
import { provideTool } from '../../debian-tools.mjs';
import { callTool, fixture, scriptRecord, station, textOf } from './station.ts';

const bwrap = process.platform === 'linux' ? provideTool('bwrap') : undefined;
const here = bwrap !== undefined && (await probeIsolation()).ok;
const walled = here ? test : test.skip;
const named = (name: string): string => (here ? name : `${name} (skipped: no bwrap here)`);

let folder: string;
let servers: Servers;
const nothing: Isolation = { read: [], write: [], network: false, environmentOnly: false };

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-walls-')));
  for (const name of ['data', 'readable', 'writable']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'file.txt'), `content of ${name}`);
  }
  servers = station({ keptOut: [join(folder, 'data')] }, { 'server-env:under-test:API_KEY': 'secret-value' });
});
afterEach(async () => {
  await servers.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

async function open(isolation: Isolation | undefined, env: readonly string[] = []): Promise<UpstreamSession> {
  const record = scriptRecord(fixture('prying-server.ts'), [], env);
  return await servers.connect({ ...record, ...(isolation ? { isolation } : {}) }, 'one');
}

const doing = async (session: UpstreamSession, act: string, target?: string): Promise<string> =>
  textOf(await callTool(session, 'act', { act, ...(target === undefined ? {} : { target }) }));

walled(named('a server that is walled in reads what was granted, and nothing else of the person'), async () => {
  const session = await open({ ...nothing, read: [join(folder, 'readable')], write: [join(folder, 'writable')] });
  expect(await doing(session, 'read', join(folder, 'readable/file.txt'))).toBe('content of readable');
  expect(await doing(session, 'read', join(folder, 'writable/file.txt'))).toBe('content of writable');
  for (const secret of [
    join(folder, 'data/file.txt'),
    join(folder, 'readable/../data/file.txt'),
    '/etc/shadow',
    '/etc/hostname',
  ]) {
    expect(await doing(session, 'read', secret), secret).toContain('ENOENT');
  }
  expect(await doing(session, 'list', folder)).toBe('readable writable');
  expect(await doing(session, 'list', '/root')).toContain('ENOENT');
});

walled(named('a link out of what was granted leads nowhere'), async () => {
  symlinkSync(join(folder, 'data/file.txt'), join(folder, 'readable/link'));
  const session = await open({ ...nothing, read: [join(folder, 'readable')] });
  expect(await doing(session, 'read', join(folder, 'readable/link'))).toContain('ENOENT');
});

walled(named('it writes only where it may write'), async () => {
  const session = await open({ ...nothing, read: [join(folder, 'readable')], write: [join(folder, 'writable')] });
  expect(await doing(session, 'write', join(folder, 'writable/new.txt'))).toBe('written');
  expect(readFileSync(join(folder, 'writable/new.txt'), 'utf8')).toBe('written');
  expect(await doing(session, 'write', join(folder, 'readable/new.txt'))).toContain('EROFS');
  expect(await doing(session, 'write', join(folder, 'new.txt'))).not.toContain('EROFS');
  expect(await doing(session, 'write', '/usr/bin/new')).toContain('EROFS');
  expect(await doing(session, 'write', fixture('prying-server.ts'))).toContain('EROFS');
  expect(readdirSync(folder)).toEqual(['data', 'readable', 'writable']);
});

walled(named('without the network it reaches no service of this machine; with it, it does'), async () => {
  const listener = createServer((socket) => socket.destroy());
  const port = await new Promise<number>((resolve) => {
    listener.listen(0, '127.0.0.1', () => resolve((listener.address() as { port: number }).port));
  });
  try {
    expect(await doing(await open(nothing), 'connect', String(port))).toContain('ECONNREFUSED');
    await servers.stop('under-test');
    expect(await doing(await open({ ...nothing, network: true }), 'connect', String(port))).toBe('connected');
  } finally {
    listener.close();
  }
});

walled(named('its whole tree ends with it, and its secrets are not on its command line'), async () => {
  const session = await open(nothing, ['API_KEY']);
  await doing(session, 'spawn');
  expect(await doing(session, 'environment')).toContain('API_KEY');
  const mine = (): string[] =>
    readdirSync('/proc').flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes('prying-server') || line.includes('86401') ? [line] : [];
      } catch {
        return [];
      }
    });
  expect(mine().some((line) => line.includes('86401'))).toBe(true);
  expect(mine().join()).not.toContain('secret-value');
  await servers.stopAll();
  expect(mine()).toEqual([]);
});

test('its environment holds what programs need and what was granted, walls or not', async () => {
  const session = await open({ ...nothing, environmentOnly: true }, ['API_KEY']);
  const names = (await doing(session, 'environment')).split(' ');
  expect(names).toContain('API_KEY');
  const shells = ['PWD', 'OLDPWD', 'SHLVL', '_'];
  expect(names.filter((name) => !shells.includes(name))).toEqual(['API_KEY', 'HOME', 'PATH']);
});

test.each([
  ['a folder that holds the data folder', () => folder],
  ['the data folder', () => join(folder, 'data')],
  ['a folder in it', () => join(folder, 'data', '.')],
])('%s is never granted', async (_what, granted) => {
  servers = station({
    keptOut: [join(folder, 'data')],
    isolationSupport: async () => ({ ok: true, bwrap: '/bin/false' }),
  });
  await expect(open({ ...nothing, read: [granted()] })).rejects.toMatchObject({
    code: 'server_not_ready',
    message: expect.stringContaining('own folder'),
  });
});

test('where walls cannot be built it does not start, and says why', async () => {
  for (const support of [
    await probeIsolation('darwin'),
    await probeIsolation('win32'),
    await probeIsolation('linux', join(folder, 'empty')),
  ]) {
    servers = station({ isolationSupport: async () => support });
    const failure = await open(nothing).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'server_not_ready', hint: expect.stringContaining('--environment-only') });
  }
  expect(await probeIsolation('linux', join(folder, 'empty'))).toMatchObject({
    why: expect.stringContaining('not installed'),
  });
  expect(await probeIsolation('darwin')).toMatchObject({ why: expect.stringContaining('macOS') });
});

test('where namespaces are not permitted, what bubblewrap said is told', async () => {
  writeFileSync(
    join(folder, 'bwrap'),
    '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n',
    { mode: 0o755 },
  );
  const support = await probeIsolation('linux', folder);
  expect(support).toMatchObject({ ok: false, why: expect.stringContaining('No permissions to create new namespace') });
});

test('what runs elsewhere, or fetches what it runs, is not pretended to be walled in', async () => {
  servers = station({ isolationSupport: async () => ({ ok: true, bwrap: '/bin/false' }) });
  for (const command of ['docker', 'npx']) {
    const record = {
      ...scriptRecord('x'),
      isolation: nothing,
      target: { kind: 'stdio', command, args: [], env: [] } as const,
    };
    await expect(servers.connect(record, command)).rejects.toMatchObject({
      code: 'server_not_ready',
      message: expect.stringContaining('cannot run isolated'),
    });
  }
});
