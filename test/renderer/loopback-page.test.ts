import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authorizeUrl, form, pkce } from '../integration/oauth/stage.ts';
import { startTunnelStage, type TunnelStage } from '../integration/oauth/tunnel-stage.ts';
import { launchChromium } from './chromium.ts';

// Real Chromium: whether cookies hold by plain HTTP on loopback is the browser's rule and not ours.
let stage: TunnelStage;
let chromium: Browser;
let agent: Server;
let redirect: string;
beforeAll(async () => {
  stage = await startTunnelStage();
  chromium = await launchChromium();
  agent = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    const framed = new URL(request.url ?? '', 'http://x').searchParams.get('frame');
    response.end(framed ? `<iframe src="${framed.replaceAll('&', '&amp;').replaceAll('"', '')}"></iframe>` : 'arrived');
  });
  agent.listen(0, '127.0.0.1');
  await once(agent, 'listening');
  redirect = `http://127.0.0.1:${(agent.address() as AddressInfo).port}/callback`;
});
afterAll(async () => {
  await chromium.close();
  agent.closeAllConnections();
  agent.close();
  await stage.close();
});

async function register(): Promise<string> {
  await stage.ask('agents.letIn', {});
  const answer = await stage.fetch(`${stage.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Agent behind the tunnel', redirect_uris: [redirect] }),
  });
  return String(((await answer.json()) as { client_id: string }).client_id);
}

test('the page on loopback lets an agent in that lives behind the tunnel', async () => {
  const clientId = await register();
  const { verifier, challenge } = pkce();
  const page = await (await chromium.newContext()).newPage();
  await page.goto(authorizeUrl({ issuer: stage.pages, url: stage.url }, clientId, redirect, challenge));
  expect(new URL(page.url()).origin).toBe(stage.pages);
  const { id, code } = await stage.consent();
  await stage.ask('consents.answer', { id, answer: 'allow' });
  await page.getByLabel('Code').fill(code);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${redirect}?*code=*`);
  const back = new URL(page.url()).searchParams;
  expect(back.get('iss')).toBe(stage.issuer);
  const fields = {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirect,
    code: back.get('code') ?? '',
    code_verifier: verifier,
    resource: stage.url,
  };
  const token = await stage.fetch(`${stage.issuer}/token`, { method: 'POST', body: new URLSearchParams(fields) });
  expect(await token.json()).toMatchObject({ token_type: 'Bearer', access_token: expect.any(String) });
  // The code was good once, and at no other place.
  await expect(form(`${stage.pages}/token`, fields)).resolves.toMatchObject({ status: 404 });
});

test('another page on this machine cannot frame it', async () => {
  const clientId = await register();
  const address = authorizeUrl({ issuer: stage.pages, url: stage.url }, clientId, redirect, pkce().challenge);
  const page = await (await chromium.newContext()).newPage();
  const refused = page.waitForResponse((response) => response.url().startsWith(stage.pages));
  await page.goto(`${new URL(redirect).origin}/?frame=${encodeURIComponent(address)}`);
  expect((await refused).status()).toBe(403);
  expect((await stage.ask('consents.list', {})).consents).toEqual([]);
});
