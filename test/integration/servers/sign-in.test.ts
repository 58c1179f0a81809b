import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCore } from '../../../electron/core/core.ts';
import { createServers } from '../../../electron/core/servers/create-servers.ts';
import type { ServerRecord, Servers } from '../../../electron/core/servers/servers.ts';
import { createSignIns, type SignIns } from '../../../electron/core/servers/sign-in/sign-ins.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { RequestInput, RequestName, RequestOutput } from '../../../electron/shared/contract.ts';
import { serveHttp } from '../../fixtures/mcp-servers/http-servers.ts';
import { type SignedInServer, serveSignedIn } from '../../fixtures/mcp-servers/signed-in-server.ts';
import { callTool, textOf, urlRecord } from './station.ts';

let upstream: SignedInServer;
let stored: Map<string, string>;
let signIns: SignIns;
let servers: Servers;
let record: ServerRecord;
let ahead: number;
const clock = { ...systemClock, now: () => systemClock.now() + ahead };

function start(): void {
  const secrets = {
    get: async (name: string) => stored.get(name),
    set: async (name: string, value: string) => void stored.set(name, value),
    delete: async (name: string) => void stored.delete(name),
  };
  const client = { name: 'sallyport', version: '0.0.0' };
  signIns = createSignIns({ secrets, clock, client });
  servers = createServers({ secrets, clock, client, environment: {}, signIns, limits: { startMs: 5_000 } });
  signIns.onSignedIn((slug) => void servers.stop(slug));
}

beforeEach(async () => {
  ahead = 0;
  upstream = await serveSignedIn();
  stored = new Map();
  record = urlRecord(upstream.url);
  start();
});
afterEach(async () => {
  signIns.close();
  await servers.stopAll(300);
  await upstream.close();
});

async function signIn(): Promise<readonly string[]> {
  const consent = await signIns.propose(record);
  const { url } = await signIns.begin(record, consent.digest);
  const waiting = signIns.wait(record.slug);
  const page = await upstream.visit(url);
  expect(page).toMatchObject({ status: 200, text: 'Sallyport is signed in to Under test. You can close this page.\n' });
  return (await waiting).scopes;
}
const secret = (): Record<string, string> => JSON.parse(stored.get('server-sign-in:under-test') ?? '{}');

describe('a server with a sign-in of its own', () => {
  it('needs authorization until a person agreed to what they were shown; then calls carry our own token', async () => {
    await expect(servers.connect(record, 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: 'Under test wants you to sign in.',
      hint: expect.stringContaining('sallyport servers authorize') as string,
    });
    expect(servers.health('under-test').state).toBe('needs-authorization');
    expect(signIns.view('under-test')).toEqual({ state: 'needed' });

    const consent = await signIns.propose(record);
    expect(consent).toEqual({
      step: 'consent',
      server: 'under-test',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      issuer: upstream.issuer,
      page: upstream.issuer,
      scopes: ['notes:read', 'offline_access'],
      resource: upstream.url,
      client: 'registers',
    });
    // Nothing but metadata was read before the person agreed.
    expect(upstream.asked.every((path) => path.startsWith('/.well-known/'))).toBe(true);
    await expect(signIns.begin(record, 'f'.repeat(64))).rejects.toMatchObject({ code: 'authorization_stale' });
    expect(upstream.asked.every((path) => path.startsWith('/.well-known/'))).toBe(true);

    const { url } = await signIns.begin(record, consent.digest);
    const asked = new URL(url);
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      resource: upstream.url,
      scope: 'notes:read offline_access',
    });
    expect(new URL(asked.searchParams.get('redirect_uri') ?? '').hostname).toBe('127.0.0.1');
    expect(signIns.view('under-test')?.state).toBe('waiting');
    const waiting = signIns.wait('under-test');
    await upstream.visit(url);
    expect((await waiting).scopes).toContain('notes:read');
    expect(signIns.view('under-test')?.state).toBe('authorized');

    const session = await servers.connect(record, 'a');
    expect(textOf(await callTool(session, 'add', { a: 2, b: 3 }))).toBe('5');
    expect(servers.health('under-test').state).toBe('ready');
    expect(upstream.bearers.at(-1)).toBe(`Bearer ${secret().accessToken}`);
    expect([...stored.keys()]).toEqual(['server-sign-in:under-test']);
  });

  it('is still signed in to after a restart, and not under another address', async () => {
    await signIn();
    await servers.stopAll(300);
    start();
    const session = await servers.connect(record, 'a');
    expect(textOf(await callTool(session, 'add', { a: 2, b: 3 }))).toBe('5');
    expect(signIns.view('under-test')).toMatchObject({ state: 'authorized', issuer: upstream.issuer });
    const heard: (string | undefined)[] = [];
    const other = await serveHttp((request, response) => {
      heard.push(request.headers.authorization);
      response.writeHead(401).end();
    });
    await expect(servers.connect(urlRecord(other.url), 'b')).rejects.toMatchObject({ code: 'server_not_ready' });
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.every((header) => header === undefined)).toBe(true);
    await other.close();
  });

  it('gets a new token before the old one ends, once for many calls', async () => {
    upstream.levers.tokenSeconds = 120;
    await signIn();
    const session = await servers.connect(record, 'a');
    const first = secret().accessToken;
    ahead = 90_000;
    const calls = Array.from({ length: 6 }, (_, n) => callTool(session, 'add', { a: n, b: 1 }));
    expect((await Promise.all(calls)).map(textOf)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(upstream.asked.filter((what) => what === 'token:refresh_token')).toHaveLength(1);
    expect(secret().accessToken).not.toBe(first);
    expect(upstream.bearers.slice(-6).every((header) => header === `Bearer ${secret().accessToken}`)).toBe(true);
  });

  it('that revoked the access needs authorization again, and the call says so', async () => {
    await signIn();
    const session = await servers.connect(record, 'a');
    await upstream.revoke();
    await expect(callTool(session, 'add', { a: 1, b: 1 })).rejects.toMatchObject({
      code: 'server_needs_authorization',
      hop: 'server',
    });
    expect(signIns.view('under-test')?.state).toBe('needed');
    expect(servers.health('under-test').state).toBe('needs-authorization');
    expect(stored.size).toBe(0);
    await signIn();
    const again = await servers.connect(record, 'a');
    expect(textOf(await callTool(again, 'add', { a: 1, b: 1 }))).toBe('2');
    expect(servers.health('under-test').state).toBe('ready');
  });

  it('is never sent a call twice: the refused token is renewed, the call fails, and the next one runs', async () => {
    await signIn();
    const session = await servers.connect(record, 'a');
    await callTool(session, 'add', { a: 1, b: 1 });
    upstream.endAccess();
    const before = upstream.bearers.length;
    await expect(callTool(session, 'add', { a: 1, b: 1 })).rejects.toMatchObject({
      code: 'server_unreachable',
      message: 'Under test did not take its access token any more, and gave a new one.',
      hint: 'Call again.',
    });
    expect(upstream.bearers.length).toBe(before + 1);
    expect(textOf(await callTool(session, 'add', { a: 1, b: 1 }))).toBe('2');
    expect(upstream.bearers.length).toBe(before + 2);
    // What changes nothing goes out again by itself.
    upstream.endAccess();
    expect('result' in (await session.request('tools/list', undefined))).toBe(true);
    expect(upstream.bearers.length).toBe(before + 4);
  });

  it('that wants more scope has a person asked, for what was granted and what is missing', async () => {
    await signIn();
    const session = await servers.connect(record, 'a');
    upstream.levers.scope = 'notes:write';
    await expect(callTool(session, 'add', { a: 1, b: 1 })).rejects.toMatchObject({
      code: 'server_needs_authorization',
      message: 'Under test wants you to allow it more.',
    });
    const consent = await signIns.propose(record);
    expect(consent.scopes).toEqual(['notes:read', 'notes:write', 'offline_access']);
    expect(await signIn()).toContain('notes:write');
    const again = await servers.connect(record, 'a');
    expect(textOf(await callTool(again, 'add', { a: 1, b: 1 }))).toBe('2');
  });

  it('is signed out of: its tokens are given back and forgotten', async () => {
    await signIn();
    const { accessToken } = secret();
    await signIns.forget(record);
    expect(stored.size).toBe(0);
    expect(signIns.view('under-test')).toBeUndefined();
    expect(upstream.asked).toContain('/token/revocation');
    const answer = await fetch(upstream.url, { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } });
    expect(answer.status).toBe(401);
  });
});

describe('the page that waits for the browser', () => {
  it('takes one answer with the right state, on its own address, by GET', async () => {
    const consent = await signIns.propose(record);
    const { url } = await signIns.begin(record, consent.digest);
    const waiting = signIns.wait('under-test');
    waiting.catch(() => {});
    const redirect = new URL(new URL(url).searchParams.get('redirect_uri') ?? '');
    const state = new URL(url).searchParams.get('state') ?? '';
    for (const query of ['', '?code=x', `?code=x&state=${state}x`, `?code=x&state=${state}&state=${state}`]) {
      expect((await fetch(`${redirect.href}${query}`)).status).toBe(400);
    }
    expect((await fetch(`${redirect.href}?code=x&state=${state}`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(new URL('/', redirect))).status).toBe(404);
    expect(signIns.view('under-test')?.state).toBe('waiting');
    const answer = await fetch(`${redirect.href}?error=access_denied&error_description=no&state=${state}`);
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    await expect(waiting).rejects.toMatchObject({
      code: 'authorization_failed',
      message: 'The sign-in for Under test was refused: access_denied: no.',
    });
    expect(signIns.view('under-test')?.state).toBe('needed');
  });

  it('refuses a code of another issuer (mix-up)', async () => {
    const consent = await signIns.propose(record);
    const { url } = await signIns.begin(record, consent.digest);
    const waiting = signIns.wait('under-test');
    waiting.catch(() => {});
    const parameters = new URL(url).searchParams;
    const back = `${parameters.get('redirect_uri')}?code=x&state=${parameters.get('state')}&iss=https%3A%2F%2Fother.example`;
    await fetch(back);
    await expect(waiting).rejects.toMatchObject({ code: 'authorization_failed' });
    expect(upstream.asked).not.toContain('refused:authorization_code');
    expect(stored.size).toBe(0);
  });
});

describe('a server that leads its sign-in elsewhere', () => {
  const publicly = (): ServerRecord => ({ ...record, reach: 'public' });

  it.each([
    ['another resource', { resource: 'https://other.example/mcp' }, 'its metadata is about another address'],
    [
      'plain http',
      { authorization_servers: ['http://sign-in.example'] },
      'not an address that this server may lead to',
    ],
    ['a metadata service', { authorization_servers: ['https://169.254.169.254'] }, 'may lead to'],
  ])('to %s is refused', async (_what, metadata, words) => {
    upstream.levers.metadata = metadata;
    await expect(signIns.propose(record)).rejects.toMatchObject({
      code: 'authorization_refused',
      message: expect.stringContaining(words) as string,
    });
    expect(upstream.asked.filter((path) => !path.startsWith('/.well-known/'))).toEqual([]);
  });

  it('on the internet may not lead into this machine', async () => {
    await expect(signIns.propose(publicly())).rejects.toMatchObject({ code: 'authorization_refused' });
    expect(upstream.asked).toEqual([]);
  });

  it('and asks for nothing has no sign-in', async () => {
    const open = await serveHttp((_request, response) => response.writeHead(404).end());
    await expect(signIns.propose(urlRecord(open.url))).rejects.toMatchObject({ code: 'authorization_not_offered' });
    await open.close();
  });
});

it('by the contract: a server is added, signed in to, shared, and nothing of its tokens is seen', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-sign-in-'));
  const core = await startCore({
    dataDir: folder,
    version: '0.0.0',
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(folder),
    selfCommand: [process.execPath],
    cliMayDecide: true,
  });
  try {
    const ask = async <Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>> =>
      (await core.dispatcher.request(name, input, { front: 'test' })) as RequestOutput<Name>;
    await ask('servers.add', { name: 'Notes', url: upstream.url });
    await expect(ask('servers.share', { server: 'Notes' })).rejects.toMatchObject({ code: 'server_not_ready' });
    expect((await ask('servers.list', {})).servers[0]).toMatchObject({
      state: 'needs-authorization',
      reach: 'machine',
      signIn: { state: 'needed' },
    });
    const consent = await ask('servers.authorize', { server: 'Notes' });
    if (consent.step !== 'consent') throw new Error('no consent was asked for');
    const page = await ask('servers.authorize', { server: 'Notes', agree: consent.digest });
    if (page.step !== 'browser') throw new Error('no page came');
    const done = ask('servers.authorized', { server: 'Notes' });
    await upstream.visit(page.url);
    expect(await done).toEqual({ server: 'notes', scopes: ['notes:read'] });
    const shared = await ask('servers.share', { server: 'Notes' });
    expect(shared.tools.map(({ name }) => name)).toContain('add');
    const token = upstream.bearers.at(-1)?.replace('Bearer ', '') ?? '';
    const seen = JSON.stringify([await ask('servers.list', {}), await ask('log.list', { limit: 200 })]);
    expect(seen).toContain('authorized');
    expect(seen).not.toContain(token);
    expect(await readFile(join(folder, 'settings.json'), 'utf8')).not.toContain(token);
    await ask('servers.signOut', { server: 'Notes' });
    expect((await ask('servers.list', {})).servers[0]?.signIn).toBeUndefined();
  } finally {
    await core.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
