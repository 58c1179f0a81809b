import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { authorizeUrl, form, type OauthStage, pkce, register, startStage, TestBrowser, type Visit } from './stage.ts';

const redirect = 'http://127.0.0.1:9/callback';
let stage: OauthStage;
let clientId: string;
let counter = 0;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  await stage.ask('agents.letIn', {});
  counter += 1;
  const { body } = await register(stage.issuer, { client_name: `Agent ${counter}`, redirect_uris: [redirect] });
  clientId = String(body.client_id);
});
afterEach(async () => {
  for (const { id } of (await stage.ask('consents.list', {})).consents) {
    await stage.ask('consents.answer', { id, answer: 'deny' });
  }
});

async function begin(
  scope = 'all-shared',
  challenge = pkce().challenge,
): Promise<{ browser: TestBrowser; page: Visit }> {
  const browser = new TestBrowser(stage.issuer);
  return { browser, page: await browser.visit(authorizeUrl(stage, clientId, redirect, challenge, { scope })) };
}

const wrongCode = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

describe('what it takes', () => {
  test('allowing alone releases nothing, and the code is never in the page', async () => {
    const { browser, page } = await begin();
    const { id, code } = await stage.consent();
    expect(page.html).not.toContain(code);
    await stage.ask('consents.answer', { id, answer: 'allow' });
    const still = await browser.visit(page.url);
    expect([still.url.origin, still.status]).toEqual([stage.issuer, 200]);
    expect(still.html).not.toContain(code);
    const back = await browser.type(still, `${code.slice(0, 3)} ${code.slice(3)}`);
    expect(back.url.searchParams.get('code')).toBeTruthy();
  });

  test('the code alone releases nothing either; then Allow does', async () => {
    const { browser, page } = await begin();
    const { id, code } = await stage.consent();
    const typed = await browser.type(page, code);
    expect(typed.html).toContain('Now choose');
    await stage.ask('consents.answer', { id, answer: 'allow' });
    expect((await browser.visit(page.url)).url.searchParams.get('code')).toBeTruthy();
  });

  test('an attacker’s browser with the same client, for a request that the person allows, gets no code', async () => {
    const attacker = await begin();
    // The person starts the same agent: one request of a client at a time, so their page has none to ask for a code.
    const person = await begin();
    expect(person.page.status).toBe(429);
    const { id, code } = await stage.consent();
    // They take it for theirs and allow it. The code is on their screen; their browser is not the one that waits.
    await stage.ask('consents.answer', { id, answer: 'allow' });
    const elsewhere = await person.browser.type({ ...attacker.page }, code);
    expect([elsewhere.url.origin, elsewhere.status]).toEqual([stage.issuer, 400]);
    expect((await attacker.browser.visit(attacker.page.url)).url.origin).toBe(stage.issuer);
    let last = attacker.page;
    for (let at = 0; at < 3; at += 1) last = await attacker.browser.type(attacker.page, wrongCode(code));
    expect(last.url.searchParams.get('error')).toBe('access_denied');
    expect(last.url.searchParams.get('code')).toBeNull();
    expect((await stage.ask('agents.list', {})).agents.some(({ name }) => name === `Agent ${counter}`)).toBe(false);
  });

  test('three wrong codes end it', async () => {
    const { browser, page } = await begin();
    const { id, code } = await stage.consent();
    await stage.ask('consents.answer', { id, answer: 'allow' });
    expect((await browser.type(page, wrongCode(code))).html).toContain('2 tries are left');
    expect((await browser.type(page, '')).html).toContain('One try is left');
    const over = await browser.type(page, '999');
    expect(over.url.searchParams.get('error_description')).toContain('three times');
    expect((await stage.ask('consents.list', {})).consents).toEqual([]);
  });

  test('one agent: after it was let in, the door is shut', async () => {
    const { browser, page } = await begin();
    const { id, code } = await stage.consent();
    await stage.ask('consents.answer', { id, answer: 'allow' });
    await browser.type(page, code);
    expect((await stage.ask('consents.list', {})).door.openUntil).toBeUndefined();
  });
});

describe('what was chosen', () => {
  const take = async (scope: string, tools: 'all' | 'reads' | string[]): Promise<string> => {
    const { verifier, challenge } = pkce();
    const { browser, page } = await begin(scope, challenge);
    const { id, code } = await stage.consent();
    await stage.ask('consents.answer', { id, answer: 'allow', tools });
    const back = await browser.type(page, code);
    const answer = await form(`${stage.issuer}/token`, {
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: redirect,
      code: back.url.searchParams.get('code') ?? '',
      code_verifier: verifier,
    });
    return answer.body.scope ?? JSON.stringify(answer.body);
  };

  test.each([
    ['all-shared', 'all', 'all-shared'],
    ['all-shared', 'reads', 'read'],
    ['all-shared', ['read_note'], 'tool:read_note'],
    ['read', 'all', 'read'],
    ['read', ['write_note', 'list_notes'], 'tool:list_notes'],
    ['', 'all', 'read'],
    ['nonsense', 'all', 'read'],
    ['read tool:write_note offline_access', 'all', 'read tool:write_note'],
  ] as const)('asked %j, chosen %j: %s', async (asked, chosen, scope) => {
    expect(await take(asked, typeof chosen === 'string' ? chosen : [...chosen])).toBe(scope);
  });

  test('a choice that leaves nothing is refused', async () => {
    await begin('read');
    const { id } = await stage.consent();
    await expect(stage.ask('consents.answer', { id, answer: 'allow', tools: ['write_note'] })).rejects.toMatchObject({
      code: 'consent_empty',
    });
  });

  test('blocked: its next request is not shown, until it is unblocked', async () => {
    const { browser, page } = await begin();
    const { id } = await stage.consent();
    await stage.ask('consents.answer', { id, answer: 'block' });
    expect((await browser.visit(page.url)).url.searchParams.get('error')).toBe('access_denied');
    expect((await begin()).page.status).toBe(403);
    const [blocked] = (await stage.ask('consents.list', {})).door.blocked;
    await stage.ask('agents.unblock', { id: blocked?.id ?? '' });
    expect((await begin()).page.status).toBe(200);
  });

  test('paused: nothing is asked', async () => {
    const { browser, page } = await begin();
    await stage.ask('pause', {});
    expect((await browser.visit(page.url)).url.searchParams.get('error')).toBe('access_denied');
    expect((await begin()).page.status).toBe(503);
    await stage.ask('resume', {});
  });
});

describe('the page', () => {
  test('cannot be framed, loads nothing from outside, and is not kept', async () => {
    const { page } = await begin();
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    const policy = page.headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]) {
      expect(policy).toContain(part);
    }
    expect(page.headers.get('cache-control')).toContain('no-store');
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    const token = await fetch(`${stage.issuer}/token`, { method: 'POST' });
    expect(token.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  test('cookies are signed, of this page alone, and for no script', async () => {
    const response = await fetch(authorizeUrl(stage, clientId, redirect, pkce().challenge), { redirect: 'manual' });
    const cookies = response.headers.getSetCookie().filter((line) => !line.includes('.sig='));
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__(?:Host|Secure)-/);
      expect(cookie.toLowerCase()).toMatch(/; secure/);
      expect(cookie.toLowerCase()).toMatch(/; httponly/);
      expect(cookie.toLowerCase()).toMatch(/; samesite=lax/);
    }
    expect(response.headers.getSetCookie().some((line) => line.includes('.sig='))).toBe(true);
  });

  test('a form from another site, or without the token in the page, counts as no try', async () => {
    const { browser, page } = await begin();
    const { id, code } = await stage.consent();
    await stage.ask('consents.answer', { id, answer: 'allow' });
    expect((await browser.type(page, code, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await browser.type(page, code, { csrf: 'x' })).status).toBe(403);
    expect((await browser.type(page, code)).url.searchParams.get('code')).toBeTruthy();
  });

  test('names of agents are text', async () => {
    const name = '<img src=x onerror=alert(1)>\u202E';
    const { body } = await register(stage.issuer, { client_name: name, redirect_uris: [redirect] });
    clientId = String(body.client_id);
    const { page } = await begin();
    expect(page.html).not.toContain('<img');
    expect(page.html).toContain('&lt;img');
    expect(page.html).not.toContain('\u202E');
  });
});
