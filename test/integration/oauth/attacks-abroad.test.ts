import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GuardedFetchDeps } from '../../../electron/core/oauth/guarded-fetch.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { type DocumentServer, startDocumentServer } from './document-server.ts';
import { authorizeUrl, form, knock, letIn, type OauthStage, pkce, startStage, TestBrowser } from './stage.ts';

const minute = 60_000;
let skew = 0;
let documents: DocumentServer;
let stage: OauthStage;
let abroad: OauthStage;
beforeAll(async () => {
  documents = await startDocumentServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/huge.json') response.end(`{"client_name":"${'x'.repeat(20_000)}"}`);
    // The slow one begins, and never ends.
    else response.write('{');
  });
  const lookup = ((name: string, _options: object, callback: Parameters<LookupFunction>[2]) => {
    const here = { address: '127.0.0.1', family: 4 };
    // A name that leads to two places: to a good one for whoever checks, and inside for whoever connects.
    callback(null, name === 'rebinding.example.com' ? [here, { address: '10.0.0.1', family: 4 }] : [here]);
  }) as unknown as NonNullable<GuardedFetchDeps['lookup']>;
  stage = await startStage({
    documents: { ...documents.fetchDeps, lookup, timeoutMs: 300 },
    clock: { ...systemClock, now: () => systemClock.now() + skew },
  });
  abroad = await startStage();
});
afterAll(async () => {
  await abroad.close();
  await stage.close();
  await documents.close();
});

test('a token of another tunnel opens nothing here, and is noted', async () => {
  const held = await letIn(abroad, { name: 'Abroad' });
  const minted = await abroad.ask('agents.token', { server: abroad.slug });
  for (const token of [held.access, minted.token]) {
    expect((await knock(abroad.url, token)).status).toBe(200);
    expect((await knock(stage.url, token)).status).toBe(401);
  }
  expect(await stage.notes()).toContain(`Refused: a token for ${stage.slug} (bad_token).`);
  const renewed = await form(`${stage.issuer}/token`, {
    grant_type: 'refresh_token',
    client_id: held.clientId,
    refresh_token: held.refresh,
  });
  expect([renewed.status, renewed.body.access_token]).toEqual([401, undefined]);
});

test('clock skew: there is no leeway; a second late is refused and noted, and the grant outlives it', async () => {
  const held = await letIn(stage, { name: 'Late' });
  const minted = await stage.ask('agents.token', { server: stage.slug, ttlMs: 60 * minute });
  const statuses = async () => [
    (await knock(stage.url, held.access)).status,
    (await knock(stage.url, minted.token)).status,
  ];
  const renew = () =>
    form(`${stage.issuer}/token`, {
      grant_type: 'refresh_token',
      client_id: held.clientId,
      refresh_token: held.refresh,
    });
  skew = 59 * minute;
  expect(await statuses()).toEqual([200, 200]);
  skew = 60 * minute + 1_000;
  expect(await statuses()).toEqual([401, 401]);
  expect(await stage.notes()).toContain(`Refused: a token for ${stage.slug} (expired).`);
  skew = 91 * 1_440 * minute;
  expect((await renew()).status).toBe(401);
  skew = 60 * minute + 1_000;
  expect((await renew()).status).toBe(200);
  skew = 0;
});

test.each([
  ['huge', 'agent.example.com', '/huge.json'],
  ['slow', 'agent.example.com', '/slow.json'],
  ['rebinding', 'rebinding.example.com', '/client.json'],
])('a %s metadata document is refused and noted, and nobody is asked', async (kind, host, path) => {
  await stage.ask('agents.letIn', {});
  const before = (await stage.notes()).length;
  const asked = documents.asked.length;
  const id = documents.url(path).replace('agent.example.com', host);
  const page = await new TestBrowser(stage.issuer).visit(
    authorizeUrl(stage, id, 'http://127.0.0.1:9/callback', pkce().challenge),
  );
  expect([page.url.origin, page.status]).toEqual([stage.issuer, 400]);
  expect(documents.asked.length - asked).toBe(kind === 'rebinding' ? 0 : 1);
  expect((await stage.ask('consents.list', {})).consents).toEqual([]);
  const noted = (await stage.notes()).slice(0, -before);
  expect(noted.join('\n')).toMatch(/Refused: authorization: invalid_client/);
});
