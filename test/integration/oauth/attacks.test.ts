import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Held } from './stage.ts';
import { authorizeUrl, form, knock, letIn, type OauthStage, pkce, register, startStage, TestBrowser } from './stage.ts';

const redirect = 'http://127.0.0.1:9/callback';
let stage: OauthStage;
let held: Held;
beforeAll(async () => {
  stage = await startStage();
  held = await letIn(stage, { name: 'Honest' });
});
afterAll(() => stage.close());

const token = (fields: Record<string, string>) => form(`${stage.issuer}/token`, fields);
const refresh = (one: Held, value = one.refresh) =>
  token({ grant_type: 'refresh_token', client_id: one.clientId, refresh_token: value });

/** A request of the honest client, allowed and typed; what comes back to the client. */
async function freshCode(change: Record<string, string | undefined> = {}) {
  const { verifier, challenge } = pkce();
  const browser = new TestBrowser(stage.issuer);
  const page = await browser.visit(authorizeUrl(stage, held.clientId, redirect, challenge, change));
  const consent = await stage.consent((one) => one.client.name === 'Honest');
  await stage.ask('consents.answer', { id: consent.id, answer: 'allow' });
  const back = await browser.type(page, consent.code);
  const code = back.url.searchParams.get('code') ?? '';
  const fields = {
    grant_type: 'authorization_code',
    client_id: held.clientId,
    redirect_uri: redirect,
    code,
    code_verifier: verifier,
  };
  return { code, fields, back };
}

describe('codes', () => {
  test('the answer names its issuer, so that mix-up shows', async () => {
    const { back } = await freshCode();
    expect(back.url.searchParams.get('iss')).toBe(stage.issuer);
    expect(back.url.searchParams.get('state')).toBe('st-1');
  });

  test('wrong verifier, no verifier, another client, another redirect: no token', async () => {
    await stage.ask('agents.letIn', {});
    const other = await register(stage.issuer, { client_name: 'Thief', redirect_uris: [redirect] });
    for (const change of [
      { code_verifier: pkce().verifier },
      { code_verifier: '' },
      { client_id: String(other.body.client_id) },
      { redirect_uri: 'http://127.0.0.1:9/other' },
    ]) {
      const { fields } = await freshCode();
      const refused = await token({ ...fields, ...change });
      expect([refused.status, refused.body.access_token], JSON.stringify(change)).toEqual([400, undefined]);
    }
  });

  test('a code that comes twice opens nothing, and ends what it opened', async () => {
    const { fields } = await freshCode();
    const first = await token(fields);
    expect(first.status).toBe(200);
    expect((await knock(stage.url, first.body.access_token ?? '')).status).toBe(200);
    expect((await token(fields)).body.error).toBe('invalid_grant');
    expect((await knock(stage.url, first.body.access_token ?? '')).status).toBe(401);
  });
});

describe('requests that nobody is asked about', () => {
  const { challenge } = pkce();
  test.each([
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['no resource', { resource: undefined }, 'invalid_target'],
    ['a resource that is not here', { resource: 'https://example.com/x/mcp' }, 'invalid_target'],
    ['an implicit grant', { response_type: 'token' }, 'unsupported_response_type'],
  ])('%s goes back as an error', async (_name, change, error) => {
    const back = await new TestBrowser(stage.issuer).visit(
      authorizeUrl(stage, held.clientId, redirect, challenge, change),
    );
    expect(back.url.origin).toBe('http://127.0.0.1:9');
    expect(back.url.hash + back.url.search).toContain(`error=${error}`);
    expect((await stage.ask('consents.list', {})).consents).toEqual([]);
  });

  test.each([
    'https://evil.example/callback',
    'http://127.0.0.1:9/callback/../evil',
    'http://127.0.0.1:9/callback?x=1',
    'http://localhost:9/callback',
    'http://evil.example@127.0.0.1:9/callback',
    'javascript:alert(1)',
  ])('a redirect that was not registered leads nowhere: %s', async (evil) => {
    const page = await new TestBrowser(stage.issuer).visit(authorizeUrl(stage, held.clientId, evil, challenge));
    expect([page.url.origin, page.status]).toEqual([stage.issuer, 400]);
    expect(page.headers.get('location')).toBeNull();
  });

  test('a loopback redirect may have any port', async () => {
    const browser = new TestBrowser(stage.issuer);
    const page = await browser.visit(authorizeUrl(stage, held.clientId, 'http://127.0.0.1:54321/callback', challenge));
    expect(page.html).toContain('six-digit code');
    const consent = await stage.consent();
    await stage.ask('consents.answer', { id: consent.id, answer: 'deny' });
    const back = await browser.visit(page.url);
    expect(back.url.origin).toBe('http://127.0.0.1:54321');
    expect(back.url.searchParams.get('error')).toBe('access_denied');
    expect(back.url.searchParams.get('iss')).toBe(stage.issuer);
  });
});

describe('tokens', () => {
  test('of another server, unknown, in the query string, or without any', async () => {
    expect((await knock(stage.otherUrl, held.access)).status).toBe(401);
    expect((await knock(stage.url, `${held.access.slice(0, -1)}x`)).status).toBe(401);
    expect((await knock(`${stage.url}?access_token=${held.access}`, held.access)).status).toBe(400);
    expect((await knock(stage.url, '')).status).toBeGreaterThanOrEqual(400);
    // A refresh token is no access token, and a session id no credential.
    expect((await knock(stage.url, held.refresh)).status).toBe(401);
    const opened = await knock(stage.url, held.access);
    const session = opened.headers.get('mcp-session-id') ?? '';
    expect(session).not.toBe('');
    const byId = await fetch(stage.url, {
      method: 'POST',
      headers: { 'mcp-session-id': session, 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":2,"method":"tools/list"}',
    });
    expect(byId.status).toBe(401);
  });

  test('a signed token of nobody opens nothing (algorithm confusion)', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = part({ iss: stage.issuer, aud: stage.url, sub: 'owner', exp: 9_999_999_999, scope: 'all-shared' });
    for (const alg of ['none', 'HS256', 'ES256']) {
      expect((await knock(stage.url, `${part({ alg, typ: 'at+jwt' })}.${claims}.x`)).status, alg).toBe(401);
    }
  });

  test('a token that its client gave back is dead at once, and so is all that hung on it', async () => {
    const one = await letIn(stage, { name: 'Leaving' });
    expect((await form(`${stage.issuer}/revoke`, { client_id: held.clientId, token: one.refresh })).status).toBe(200);
    expect((await knock(stage.url, one.access)).status).toBe(200);
    await form(`${stage.issuer}/revoke`, { client_id: one.clientId, token: one.refresh });
    expect((await knock(stage.url, one.access)).status).toBe(401);
    expect((await refresh(one)).body.error).toBe('invalid_grant');
    expect((await stage.ask('agents.list', {})).agents.some((agent) => agent.name === 'Leaving')).toBe(false);
  });

  test('a lost answer may be asked for again, once; then a used refresh token ends the family', async () => {
    const one = await letIn(stage, { name: 'Lossy' });
    const lost = await refresh(one);
    const again = await refresh(one);
    expect([lost.status, again.status]).toEqual([200, 200]);
    expect((await knock(stage.url, again.body.access_token ?? '')).status).toBe(200);
    expect((await refresh(one)).body.error).toBe('invalid_grant');
    expect((await knock(stage.url, again.body.access_token ?? '')).status).toBe(401);
  });

  test('a refresh token whose successor was used is reuse at once', async () => {
    const one = await letIn(stage, { name: 'Copied' });
    const next = await refresh(one);
    expect((await knock(stage.url, next.body.access_token ?? '')).status).toBe(200);
    expect((await refresh(one)).body.error).toBe('invalid_grant');
    expect((await refresh(one, next.body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('the line that was not taken is dead once the other one is used', async () => {
    const one = await letIn(stage, { name: 'Twins' });
    const [first, second] = [await refresh(one), await refresh(one)];
    const third = await refresh(one, second.body.refresh_token);
    expect(third.status).toBe(200);
    expect((await refresh(one, first.body.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(one, third.body.refresh_token)).body.error).toBe('invalid_grant');
  });
});

describe('the door', () => {
  test('closed: nothing is shown, registered or fetched; the attempt is counted', async () => {
    await stage.ask('agents.letIn', { forMs: 0 });
    const before = (await stage.ask('consents.list', {})).door.refused;
    const closed = await register(stage.issuer, { client_name: 'Stranger', redirect_uris: [redirect] });
    expect([closed.status, closed.body.error]).toEqual([403, 'access_denied']);
    expect(closed.body.error_description).toContain('Let an agent in');
    for (const id of [
      'https://claude.ai/oauth/mcp-oauth-client-metadata',
      'https://nowhere.test/client.json',
      'dcr_made-up',
    ]) {
      const page = await new TestBrowser(stage.issuer).visit(authorizeUrl(stage, id, redirect, pkce().challenge));
      expect([page.status, page.url.origin], id).toEqual([403, stage.issuer]);
      expect(page.html).toContain('Let an agent in');
    }
    const after = await stage.ask('consents.list', {});
    expect(after.consents).toEqual([]);
    expect(after.door.refused - before).toBe(4);
  });

  test('who registered before is the same client again, also with the door closed', async () => {
    const again = await register(stage.issuer, {
      client_name: 'Honest',
      redirect_uris: ['http://127.0.0.1:77/callback'],
    });
    expect([again.status, again.body.client_id]).toEqual([201, held.clientId]);
  });

  test('registering floods nothing: fifty without a grant, then no more', async () => {
    await stage.ask('agents.letIn', {});
    const statuses: number[] = [];
    for (let at = 0; at < 60; at += 1) {
      statuses.push((await register(stage.issuer, { client_name: `Flood ${at}`, redirect_uris: [redirect] })).status);
    }
    expect(statuses.filter((status) => status === 201).length).toBeLessThanOrEqual(50);
    expect(statuses.at(-1)).toBe(429);
  });

  test.each([
    { redirect_uris: [] },
    { redirect_uris: ['http://evil.example/cb'] },
    { redirect_uris: ['javascript:alert(1)'] },
    { redirect_uris: ['https://a.example/cb#x'] },
    { client_name: 'x'.repeat(300), redirect_uris: [redirect] },
    {},
    [],
  ])('bad metadata is refused: %j', async (body) => {
    expect((await register(stage.issuer, body)).status).toBe(400);
  });

  test('a body that is too large or no JSON is refused', async () => {
    for (const body of ['{', JSON.stringify({ client_name: 'x'.repeat(40_000) })]) {
      const response = await fetch(`${stage.issuer}/register`, { method: 'POST', body });
      expect(response.status).toBe(400);
    }
  });
});

test('another name than the issuer gets nothing', async () => {
  const port = new URL(stage.issuer).port;
  const response = await fetch(`https://127.0.0.1:${port}/.well-known/oauth-authorization-server`);
  expect(response.status).toBe(421);
});

describe('metadata documents', () => {
  let knocked = 0;
  const inside = createServer((socket) => {
    knocked += 1;
    socket.destroy();
  });
  beforeAll(async () => {
    inside.listen(0, '127.0.0.1');
    await once(inside, 'listening');
    await stage.ask('agents.letIn', {});
  });
  afterAll(() => inside.close());

  test.each([
    ['loopback', '127.0.0.1'],
    ['loopback by name', 'localhost'],
    ['loopback, version 6', '[::1]'],
    ['private', '10.0.0.1'],
    ['private', '192.168.1.1'],
    ['link-local', '169.254.169.254'],
    ['mapped', '[::ffff:127.0.0.1]'],
  ])('at %s (%s) are not fetched', async (_name, host) => {
    const { port } = inside.address() as AddressInfo;
    const id = `https://${host}:${port}/client.json`;
    const page = await new TestBrowser(stage.issuer).visit(authorizeUrl(stage, id, redirect, pkce().challenge));
    expect([page.url.origin, page.status, knocked]).toEqual([stage.issuer, 400, 0]);
    expect((await stage.ask('consents.list', {})).consents).toEqual([]);
  });
});

/** Every attack of this file as the log names it: refused, and not in silence. */
test.each([
  ['token of another server', /^Refused: a token for \S+ \(wrong_audience\)/],
  ['unknown token, and algorithm confusion', /^Refused: a token for \S+ \(bad_token\)/],
  ['revoked token', /^Refused: a token for \S+ \(revoked\)|^The access of Leaving ended/],
  ['token in the query string', /^Refused: a token for \S+ \(token_in_query\)/],
  ['session id used as authentication', /^Refused: a token for \S+ \(session_id\)/],
  ['reused refresh token, code replay', /^The access of .* ended: a used token or code came again/],
  ['wrong PKCE, code for another client, other redirect', /^Refused: token: invalid_grant/],
  ['plain PKCE', /^Refused: authorization: invalid_request .*code_challenge_method/],
  ['redirect mismatch', /^Refused: authorization: invalid_redirect_uri/],
  ['no or another resource', /^Refused: authorization: invalid_target/],
  ['registration flood', /^Refused: registration: temporarily_unavailable/],
  ['closed door', /^An agent asked for access while nobody was being let in/],
  ['document at a private address', /^Refused: authorization: invalid_client/],
])('in the log: %s', async (_name, words) => {
  expect((await stage.notes()).filter((note) => words.test(note)).length).toBeGreaterThan(0);
});

test('no token, refresh token or code is in the log', async () => {
  const notes = (await stage.notes()).join('\n');
  for (const secret of [held.access, held.refresh, held.code]) expect(notes).not.toContain(secret);
});
