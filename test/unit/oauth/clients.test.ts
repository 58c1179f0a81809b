import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identify } from '../../../electron/core/oauth/client-identity.ts';
import { type Clients, createClients, isDocumentUrl } from '../../../electron/core/oauth/clients.ts';
import { knownClients } from '../../../electron/core/oauth/known-clients.ts';
import { openOauthDatabase } from '../../../electron/core/oauth/oauth-database.ts';
import { createManualClock } from '../../manual-clock.ts';

const id = 'https://agent.example.com/client.json';
const good = { client_id: id, client_name: 'Doc', redirect_uris: ['https://agent.example.com/cb'] };
let folder: string;
let clock: ReturnType<typeof createManualClock>;
let database: DatabaseSync;
let clients: Clients;
let fetched: number;
let answer: () => { status: number; headers: Record<string, string>; body: string };
let open: boolean;
let granted: Set<string>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-clients-'));
  clock = createManualClock();
  database = openOauthDatabase(join(folder, 'oauth.db'), clock).database;
  fetched = 0;
  open = true;
  granted = new Set();
  answer = () => ({ status: 200, headers: { 'cache-control': 'max-age=600' }, body: JSON.stringify(good) });
  clients = createClients({
    database,
    clock,
    fetchDocument: async () => {
      fetched += 1;
      return answer();
    },
    hasGrant: (client) => granted.has(client),
    doorOpen: () => open,
  });
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

test('known clients need no fetch; a document is fetched once while it is fresh', async () => {
  for (const { metadata } of knownClients) expect(await clients.find(metadata.client_id)).toEqual(metadata);
  expect(fetched).toBe(0);
  await Promise.all([clients.find(id), clients.find(id)]);
  await clients.find(id);
  expect(fetched).toBe(1);
  clock.advance(601_000);
  await clients.find(id);
  expect(fetched).toBe(2);
});

test('with the door closed nothing is fetched, unless the client was let in', async () => {
  open = false;
  expect(await clients.find(id)).toBeUndefined();
  expect(fetched).toBe(0);
  granted.add(id);
  expect(await clients.find(id)).toMatchObject({ client_name: 'Doc' });
});

test('a client that was let in is not logged out because its site is away', async () => {
  await clients.find(id);
  granted.add(id);
  clock.advance(86_400_000);
  answer = () => ({ status: 503, headers: {}, body: '' });
  expect(await clients.find(id)).toMatchObject({ client_name: 'Doc' });
  expect(await clients.find(id)).toMatchObject({ client_name: 'Doc' });
  expect(fetched).toBe(2);
});

test.each([
  ['another id', { ...good, client_id: 'https://agent.example.com/other.json' }],
  ['no name', { ...good, client_name: undefined }],
  ['no redirects', { ...good, redirect_uris: [] }],
  ['an open http redirect', { ...good, redirect_uris: ['http://agent.example.com/cb'] }],
  ['a script', { ...good, redirect_uris: ['javascript:alert(1)'] }],
])('a document with %s is not used, and not fetched again at once', async (_name, body) => {
  answer = () => ({ status: 200, headers: {}, body: JSON.stringify(body) });
  await expect(clients.find(id)).rejects.toThrow();
  await expect(clients.find(id)).rejects.toThrow();
  expect(fetched).toBe(1);
});

test('what a document says of keys, secrets and scopes is left out', async () => {
  const more = {
    ...good,
    jwks_uri: 'https://10.0.0.1/k',
    scope: 'tool:x',
    token_endpoint_auth_method: 'private_key_jwt',
  };
  answer = () => ({ status: 200, headers: {}, body: JSON.stringify(more) });
  const client = await clients.find(id);
  expect(client).toMatchObject({ token_endpoint_auth_method: 'none' });
  expect(Object.keys(client ?? {})).not.toContain('jwks_uri');
  expect(Object.keys(client ?? {})).not.toContain('scope');
});

test.each([
  ['https://a.example/c.json', true],
  ['https://a.example:8443/x?y=1', true],
  ['https://a.example/', false],
  ['http://a.example/c.json', false],
  ['https://u:p@a.example/c.json', false],
  ['https://a.example/x/../c.json', false],
  ['https://a.example/c.json#f', false],
])('%s as address of a document: %s', (address, expected) => {
  expect(isDocumentUrl(address)).toBe(expected);
});

test('a registration is forgotten after a day without a grant, and kept with one', async () => {
  const client = clients.register({ client_name: 'R', redirect_uris: ['http://localhost:1/cb'] });
  expect(client.application_type).toBe('native');
  expect(await clients.find(client.client_id)).toBeDefined();
  clock.advance(86_400_001);
  expect(await clients.find(client.client_id)).toBeUndefined();
  granted.add(client.client_id);
  expect(await clients.find(client.client_id)).toBeDefined();
});

test('who registers with nothing but Claude’s redirects is Claude; a like name alone is nobody', () => {
  const claude = clients.register({
    client_name: 'whatever',
    redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
  });
  expect(identify(claude)).toMatchObject({ agent: 'client:claude.ai', verified: true, name: 'Claude (claude.ai)' });
  const fake = clients.register({
    client_name: 'Claude',
    redirect_uris: ['https://evil.example/cb', 'https://claude.ai/api/mcp/auth_callback'],
  });
  expect(identify(fake)).toMatchObject({ verified: false });
  expect(identify(fake).agent).not.toBe('client:claude.ai');
  const local = clients.register({ client_name: 'Claude Code', redirect_uris: ['http://localhost/callback'] });
  expect(identify(local)).toMatchObject({ verified: false });
  expect(identify(local).agent).not.toBe('client:claude-code');
});
