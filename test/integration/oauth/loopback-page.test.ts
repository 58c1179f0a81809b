import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAuthorizePage } from '../../../electron/core/oauth/authorize-page.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { AgentProvider } from './sdk-provider.ts';
import { authorizeUrl, pkce, TestBrowser } from './stage.ts';
import { startTunnelStage, type TunnelStage, tunnelDomain } from './tunnel-stage.ts';

let stage: TunnelStage;
beforeAll(async () => {
  stage = await startTunnelStage();
});
afterAll(() => stage.close());
afterEach(async () => {
  for (const { id } of (await stage.ask('consents.list', {})).consents) {
    await stage.ask('consents.answer', { id, answer: 'deny' });
  }
});

/** Exactly this request, with no header that a client would add or mend. */
function raw(options: { method?: string; path: string; host?: string; headers?: Record<string, string> }): Promise<{
  status: number;
  headers: NodeJS.Dict<string | string[]>;
}> {
  const { port } = new URL(stage.pages);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        agent: false,
        method: options.method ?? 'GET',
        path: options.path,
        headers: { host: options.host ?? `127.0.0.1:${port}`, ...options.headers },
      },
      (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0, headers: response.headers });
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
async function registered(name: string, redirect = 'http://127.0.0.1:9/callback'): Promise<string> {
  await stage.ask('agents.letIn', {});
  const answer = await stage.fetch(`${stage.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: name, redirect_uris: [redirect] }),
  });
  return String(((await answer.json()) as { client_id: string }).client_id);
}
const asked = (clientId: string, challenge: string): string =>
  authorizeUrl({ issuer: stage.pages, url: stage.url }, clientId, 'http://127.0.0.1:9/callback', challenge);

describe('where things are', () => {
  test('issuer, registration and tokens on the tunnel’s host; only the authorization endpoint on loopback', async () => {
    expect(stage.url).toBe(`https://${stage.slug}.${tunnelDomain}/mcp`);
    const { host } = new URL(stage.url);
    const protectedResource = await stage.fetch(`https://${host}/.well-known/oauth-protected-resource/mcp`);
    expect(await protectedResource.json()).toMatchObject({
      resource: stage.url,
      authorization_servers: [stage.issuer],
    });
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      const metadata = await stage.fetch(`${stage.issuer}/.well-known/${name}`);
      expect(await metadata.json()).toMatchObject({
        issuer: stage.issuer,
        authorization_endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:[0-9]+\/authorize$/),
        token_endpoint: `${stage.issuer}/token`,
        registration_endpoint: `${stage.issuer}/register`,
        revocation_endpoint: `${stage.issuer}/revoke`,
        jwks_uri: `${stage.issuer}/jwks`,
      });
    }
  });

  test('the tunnel’s host has no authorization endpoint, and loopback nothing but it', async () => {
    for (const path of ['/authorize?client_id=x', '/consent/abc', '/authorize/abc']) {
      expect((await stage.fetch(`${stage.issuer}${path}`)).status).toBe(404);
    }
    for (const path of [
      '/token',
      '/register',
      '/revoke',
      '/jwks',
      '/.well-known/oauth-authorization-server',
      '/',
      '/mcp',
    ]) {
      expect((await raw({ path })).status).toBe(404);
      expect((await raw({ path, method: 'POST' })).status).toBe(404);
    }
  });

  test('no other host of the tunnel is an issuer', async () => {
    const { host } = new URL(stage.url);
    expect((await stage.fetch(`https://${host}/.well-known/oauth-authorization-server`)).status).toBe(421);
    expect((await stage.fetch(`https://${tunnelDomain}/token`, { method: 'POST' })).status).toBe(421);
  });
});

describe('the page on loopback', () => {
  test.each([
    '127.0.0.1',
    'localhost:PORT',
    'attacker.example:PORT',
    '127.0.0.1:1',
    '[::1]:PORT',
    'auth.abcd1234.tunnel.example',
  ])('does not answer under the name %s', async (host) => {
    const { port } = new URL(stage.pages);
    const { status } = await raw({ path: '/authorize?client_id=x', host: host.replace('PORT', port) });
    expect(status).toBe(421);
  });

  test.each(['POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'])(
    'does not take %s at the authorization endpoint',
    async (method) => {
      expect((await raw({ path: '/authorize?client_id=x', method })).status).toBe(405);
    },
  );

  test('cannot be framed', async () => {
    const clientId = await registered('Framed');
    const path = asked(clientId, pkce().challenge).slice(stage.pages.length);
    for (const dest of ['iframe', 'frame', 'embed', 'object']) {
      expect((await raw({ path, headers: { 'sec-fetch-dest': dest } })).status).toBe(403);
    }
    const { status, headers } = await raw({ path, headers: { 'sec-fetch-dest': 'document' } });
    expect(status).toBe(303);
    expect(headers['x-frame-options']).toBe('DENY');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['set-cookie']?.length).toBeGreaterThan(1);
    for (const cookie of [headers['set-cookie'] ?? []].flat()) {
      expect(cookie).toMatch(/httponly/i);
      expect(cookie).toMatch(/samesite=lax/i);
      expect(cookie).toMatch(/path=\/(?:consent|authorize)\/|sig=|\.sig/);
    }
  });

  test('its form is taken from itself alone', async () => {
    const clientId = await registered('Forged');
    const browser = new TestBrowser(stage.pages);
    const page = await browser.visit(asked(clientId, pkce().challenge));
    const { code } = await stage.consent();
    for (const origin of [stage.issuer, 'http://127.0.0.1:1', 'null']) {
      expect((await browser.type(page, code, { origin })).status).toBe(403);
    }
    expect((await browser.type(page, code)).html).toContain('The code is right');
  });

  test('is a listener on loopback that is closed as soon as another way in is used', async () => {
    let wanted: { port: number; remembered: boolean } | undefined;
    const ports: number[] = [];
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const busy = (holder.address() as { port: number }).port;
    const troubles: string[] = [];
    const page = createAuthorizePage({
      clock: systemClock,
      wanted: () => wanted,
      onPort: (port) => ports.push(port),
      handle: (_request, response) => response.end('here'),
      onTrouble: (error) => troubles.push(error.code),
    });
    const answers = (port: number): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/authorize`).then(
        () => true,
        () => false,
      );
    await page.follow();
    // A default port that is busy gives way; one that is part of addresses given out does not.
    wanted = { port: busy, remembered: false };
    await page.follow();
    const got = ports[0] ?? 0;
    expect(await answers(got)).toBe(true);
    wanted = undefined;
    await page.follow();
    expect(await answers(got)).toBe(false);
    wanted = { port: busy, remembered: true };
    await page.follow();
    expect(troubles).toEqual(['port_in_use']);
    await page.close();
    holder.close();
  });
});

/** What a person and a browser on this machine do once the client wants authorization. */
async function authorize(provider: AgentProvider): Promise<URLSearchParams> {
  const address = provider.authorization;
  if (!address) throw new Error('the client asked for no authorization');
  expect(address.origin).toBe(stage.pages);
  const browser = new TestBrowser(stage.pages);
  const page = await browser.visit(address);
  const { id, code } = await stage.consent();
  await stage.ask('consents.answer', { id, answer: 'allow', tools: 'all' });
  const back = (await browser.type(page, code)).url.searchParams;
  expect(back.get('iss')).toBe(stage.issuer);
  return back;
}

describe('the official SDK clients follow it', () => {
  test('1.x', async () => {
    const provider = new AgentProvider('Split 1.x');
    const transport = (): LegacyTransport =>
      new LegacyTransport(new URL(stage.url), { authProvider: provider, fetch: stage.fetch });
    await stage.ask('agents.letIn', {});
    const first = transport();
    await expect(new LegacyClient({ name: 'split', version: '1' }).connect(first)).rejects.toThrow();
    await first.finishAuth((await authorize(provider)).get('code') ?? '');
    const client = new LegacyClient({ name: 'split', version: '1' });
    await client.connect(transport());
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('write_note');
    await client.close();
  });

  test('2.x', async () => {
    const provider = new AgentProvider('Split 2.x');
    const transport = (): ModernTransport =>
      new ModernTransport(new URL(stage.url), { authProvider: provider.modern, fetch: stage.fetch });
    const made = (): ModernClient =>
      new ModernClient({ name: 'split', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await stage.ask('agents.letIn', {});
    const first = transport();
    await expect(made().connect(first)).rejects.toThrow();
    await first.finishAuth(await authorize(provider));
    const client = made();
    await client.connect(transport());
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('write_note');
    await client.close();
  });
});

// Last: it takes the tunnel away.
test('another way in has its authorization endpoint at its own name, and the page is gone', async () => {
  const before = stage.pages;
  await stage.giveBack();
  await stage.ask('tunnel.use', { way: 'embedded' });
  await expect(fetch(`${before}/authorize`)).rejects.toThrow();
  const { servers } = await stage.ask('servers.list', {});
  const { origin } = new URL(servers[0]?.publicUrl ?? '');
  const metadata = await fetch(`${origin}/.well-known/oauth-authorization-server`);
  expect(await metadata.json()).toMatchObject({ issuer: origin, authorization_endpoint: `${origin}/authorize` });
});
