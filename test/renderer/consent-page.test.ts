import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { authorizeUrl, type OauthStage, pkce, register, startStage } from '../integration/oauth/stage.ts';
import { launchChromium } from './chromium.ts';

let stage: OauthStage;
let chromium: Browser;
let agent: Server;
let redirect: string;
let frame: string;
let clientId: string;
let round = 0;
beforeAll(async () => {
  stage = await startStage();
  chromium = await launchChromium();
  // The agent's side of the browser: where codes arrive, and a page that tries to frame ours.
  agent = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    const framed = new URL(request.url ?? '', 'http://x').searchParams.get('frame');
    response.end(framed ? `<iframe src="${framed.replaceAll('&', '&amp;').replaceAll('"', '')}"></iframe>` : 'arrived');
  });
  agent.listen(0, '127.0.0.1');
  await once(agent, 'listening');
  const { port } = agent.address() as AddressInfo;
  redirect = `http://127.0.0.1:${port}/callback`;
  frame = `http://127.0.0.1:${port}/?frame=`;
});
afterAll(async () => {
  await chromium.close();
  agent.closeAllConnections();
  agent.close();
  await stage.close();
});
beforeEach(async () => {
  await stage.ask('agents.letIn', {});
  round += 1;
  const { body } = await register(stage.issuer, { client_name: `Agent ${round}`, redirect_uris: [redirect] });
  clientId = String(body.client_id);
});

/** A browser of its own: nothing is shared with any other. */
async function browser(): Promise<Page> {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true });
  return await context.newPage();
}
const address = (): string => authorizeUrl(stage, clientId, redirect, pkce().challenge);

test('a person allows, types the code, and the agent has its answer', async () => {
  const page = await browser();
  const complaints: string[] = [];
  page.on('console', (message) => void complaints.push(message.text()));
  await page.goto(address());
  expect(await page.title()).toBe(`Let Agent ${round} in? · Sallyport`);
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('code');
  const { id, code } = await stage.consent();
  expect(await page.content()).not.toContain(code);
  await stage.ask('consents.answer', { id, answer: 'allow' });
  await page.getByLabel('Code').fill(`${code.slice(0, 3)} ${code.slice(3)}`);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL(`${redirect}?*`);
  const back = new URL(page.url());
  expect(back.searchParams.get('code')).toBeTruthy();
  expect(back.searchParams.get('iss')).toBe(stage.issuer);
  expect(complaints).toEqual([]);
});

test('the code first, then Allow: the page goes on by itself; Deny reaches it too', async () => {
  const page = await browser();
  await page.goto(address());
  const first = await stage.consent();
  await page.getByLabel('Code').fill(first.code);
  await page.keyboard.press('Enter');
  await page.getByText('The code is right').waitFor();
  await stage.ask('consents.answer', { id: first.id, answer: 'allow' });
  await page.waitForURL(`${redirect}?*code=*`);

  // One agent: it was let in, so the door is opened for the next request.
  await stage.ask('agents.letIn', {});
  await page.goto(address());
  await page.getByLabel('Code').waitFor();
  const second = await stage.consent();
  await stage.ask('consents.answer', { id: second.id, answer: 'deny' });
  await page.waitForURL(`${redirect}?*error=access_denied*`);
});

test('an attacker’s browser, for a request that the person allows, gets no code', async () => {
  const attacker = await browser();
  const person = await browser();
  await attacker.goto(address());
  const waiting = attacker.url();
  await person.goto(address());
  await person.getByText('asks already').waitFor();
  const { id, code } = await stage.consent();
  await stage.ask('consents.answer', { id, answer: 'allow' });
  // The address of the attacker's page is of no use in the person's browser, nor the other way round.
  await person.goto(waiting);
  await person.getByText('Nothing waits here').waitFor();
  const guess = code === '000000' ? '000001' : '000000';
  for (let at = 0; at < 3; at += 1) {
    await attacker.getByLabel('Code').fill(guess);
    await attacker.getByRole('button', { name: 'Continue' }).click();
    if (at < 2) await attacker.getByRole('alert').waitFor();
  }
  await attacker.waitForURL(`${redirect}?*`);
  expect(new URL(attacker.url()).searchParams.get('error')).toBe('access_denied');
  expect(new URL(attacker.url()).searchParams.get('code')).toBeNull();
  expect((await stage.ask('agents.list', {})).agents.some(({ name }) => name === `Agent ${round}`)).toBe(false);
});

test('another site cannot frame it (clickjacking)', async () => {
  const page = await browser();
  const refused = page.waitForEvent('console', (message) => /frame-ancestors|X-Frame-Options/.test(message.text()));
  await page.goto(frame + encodeURIComponent(address()));
  await refused;
  expect(
    await page
      .frames()[1]
      ?.content()
      .catch(() => ''),
  ).not.toContain('six-digit');
});

test('with the door closed the page says what to do, in a browser that runs no script', async () => {
  await stage.ask('agents.letIn', { forMs: 0 });
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false });
  const page = await context.newPage();
  const response = await page.goto(address());
  expect(response?.status()).toBe(403);
  expect(await page.locator('main').textContent()).toContain('Let an agent in');
  expect(
    (await stage.ask('consents.list', {})).consents.filter(({ client }) => client.name === `Agent ${round}`),
  ).toEqual([]);
});
