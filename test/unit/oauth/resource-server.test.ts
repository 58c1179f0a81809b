import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createResourceServer } from '../../../electron/core/oauth/create-resource-server.ts';
import type { Refusal, ResourceServer } from '../../../electron/core/oauth/resource-server.ts';
import { agentView } from '../../../electron/shared/views.ts';
import { createManualClock } from '../../manual-clock.ts';

const resource = 'https://localhost:47443/files/mcp';
const other = 'https://localhost:47443/mail/mcp';
const day = 86_400_000;
let folder: string;
let path: string;
let clock: ReturnType<typeof createManualClock>;
let server: ResourceServer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-oauth-'));
  path = join(folder, 'oauth.db');
  clock = createManualClock();
  server = createResourceServer({ path, clock });
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function mint(change: Partial<Parameters<ResourceServer['mint']>[0]> = {}) {
  return server.mint({ server: 'files', resource, name: 'Claude', ttlMs: 30 * day, ...change });
}
function refused(header: string | undefined, target = resource): Refusal {
  const answer = server.authenticate(header, target);
  if (!('status' in answer)) throw new Error('let in');
  return answer;
}

test('a token opens its resource, and names agent and grant', () => {
  const made = mint({ tools: ['read_file', 'größe x'] });
  expect(made.token).toMatch(/^sp_[A-Za-z0-9_-]{43}$/);
  expect(made.scope).toBe('tool:read_file tool:gr%C3%B6%C3%9Fe%20x');
  expect(server.authenticate(`Bearer ${made.token}`, resource)).toEqual({
    agent: { id: `token:${made.id}`, name: 'Claude' },
    grantId: made.id,
    tools: ['read_file', 'größe x'],
    expiresAt: clock.now() + 30 * day,
  });
  expect(server.authenticate(`bearer  ${made.token}`, resource)).toMatchObject({ grantId: made.id });
});

test('without a token the challenge says where the metadata is, and no error', () => {
  const challenge =
    'Bearer resource_metadata="https://localhost:47443/.well-known/oauth-protected-resource/files/mcp", scope="all-shared"';
  expect(refused(undefined)).toEqual({ status: 401, challenge, why: 'no_token' });
  expect(refused('')).toMatchObject({ status: 401, challenge });
  expect(refused('Basic dXNlcjpwYXNz')).toEqual({ status: 401, challenge, why: 'no_token' });
});

test('unknown, expired, revoked and foreign tokens get the same words outside, and their reason inside', () => {
  const expired = mint({ ttlMs: 1_000 });
  const revoked = mint();
  const foreign = mint({ server: 'mail', resource: other });
  server.revoke(revoked.id);
  clock.advance(1_000);
  const refusals = [`sp_${'x'.repeat(43)}`, expired.token, revoked.token, foreign.token].map((token) =>
    refused(`Bearer ${token}`),
  );
  expect(refusals.map(({ why }) => why)).toEqual(['bad_token', 'expired', 'revoked', 'wrong_audience']);
  expect(new Set(refusals.map(({ challenge }) => challenge)).size).toBe(1);
  expect(refusals[0]?.status).toBe(401);
  expect(refusals[0]?.challenge).toContain('error="invalid_token"');
  expect(server.authenticate(`Bearer ${foreign.token}`, other)).toMatchObject({ grantId: foreign.id });
});

test.each([
  'https://localhost:47443/files/mcp/',
  'https://LOCALHOST:47443/files/mcp',
  'https://localhost/files/mcp',
  'https://localhost:47443/files/mcp?x',
])('the audience is compared byte for byte: %s', (near) => {
  expect(refused(`Bearer ${mint().token}`, near)).toMatchObject({ status: 401, why: 'wrong_audience' });
});

test.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer "x"', 'Bearer \u00e9', `Bearer ${'a'.repeat(5_000)}`])(
  'a malformed header is 400: %s',
  (header) => {
    expect(refused(header)).toMatchObject({
      status: 400,
      challenge: expect.stringContaining('error="invalid_request"'),
    });
  },
);

test('revoking ends it at once, by grant or agent, is told, and survives a restart', () => {
  const [one, two, three] = [mint(), mint(), mint({ server: 'mail', resource: other })];
  const ended: string[] = [];
  server.onRevoked((id) => ended.push(id));
  server.revoke(one.id);
  server.revoke(`token:${two.id}`);
  server.revokeAll('mail');
  expect(ended).toEqual([one.id, two.id, three.id]);
  expect(() => server.revoke(one.id)).toThrow(expect.objectContaining({ code: 'grant_not_found', hop: 'oauth' }));
  server.close();
  server = createResourceServer({ path, clock });
  expect(refused(`Bearer ${one.token}`).why).toBe('revoked');
  expect(server.agents()).toEqual([]);
});

test('tokens survive a restart; on disk is only their hash', () => {
  const made = mint();
  expect(server.authenticate(`Bearer ${made.token}`, resource)).toMatchObject({ grantId: made.id });
  server.close();
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name), 'latin1')).not.toContain(made.token.slice(3));
    expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
  }
  server = createResourceServer({ path, clock });
  expect(server.authenticate(`Bearer ${made.token}`, resource)).toMatchObject({ grantId: made.id });
});

test('the last use is noted, at most once a minute', () => {
  const made = mint();
  let changes = 0;
  server.onChange(() => {
    changes += 1;
  });
  const use = (): void => void server.authenticate(`Bearer ${made.token}`, resource);
  const lastUsed = () => server.agents()[0]?.grants[0]?.lastUsedAt;
  expect(lastUsed()).toBeUndefined();
  use();
  const first = lastUsed();
  expect(first).toBe('2026-11-22T12:00:00.000Z');
  clock.advance(59_000);
  use();
  expect(lastUsed()).toBe(first);
  clock.advance(2_000);
  use();
  expect(lastUsed()).toBe('2026-11-22T12:01:01.000Z');
  expect(changes).toBe(2);
  expect(agentView.parse({ ...server.agents()[0], callsToday: 0 }).kind).toBe('token');
});

test('an ended token is shown for a week, then gone', () => {
  mint({ ttlMs: day });
  clock.advance(7 * day);
  mint();
  expect(server.agents()).toHaveLength(2);
  clock.advance(2 * day);
  mint();
  expect(server.agents()).toHaveLength(2);
});

test('metadata of a resource (RFC 9728)', () => {
  expect(server.metadata(resource)).toEqual({
    resource,
    authorization_servers: ['https://localhost:47443'],
    bearer_methods_supported: ['header'],
    scopes_supported: ['all-shared', 'read'],
  });
});

test('a newer file is refused, a damaged one kept aside: then no old token opens anything', () => {
  const made = mint();
  server.close();
  const raw = new DatabaseSync(path);
  raw.exec('PRAGMA user_version = 99');
  raw.close();
  expect(() => createResourceServer({ path, clock })).toThrow(expect.objectContaining({ code: 'oauth_newer' }));
  writeFileSync(path, 'rubbish');
  const troubles: string[] = [];
  server = createResourceServer({ path, clock, onTrouble: (error) => troubles.push(error.code) });
  expect(troubles).toEqual(['oauth_damaged']);
  expect(refused(`Bearer ${made.token}`).why).toBe('bad_token');
});

test('a narrowed token stays narrowed after a restart', () => {
  server.close();
  const tools = () => [
    { name: 'read_file', class: 'read' as const },
    { name: 'write_file', class: 'effect' as const },
  ];
  const first = createResourceServer({ path, clock, tools });
  const made = first.mint({ server: 'files', resource, name: 'Claude', ttlMs: day });
  expect(first.narrow(made.id, 'reads')).toBe('tool:read_file');
  expect(first.narrow('nobody', 'reads')).toBeUndefined();
  expect(() => first.narrow(made.id, ['write_file'])).toThrow(/narrowing does not widen/);
  first.close();
  server = createResourceServer({ path, clock, tools });
  expect(server.authenticate(`Bearer ${made.token}`, resource)).toMatchObject({ tools: ['read_file'] });
});
