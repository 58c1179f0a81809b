import { afterAll, beforeAll, expect, test } from 'vitest';
import { knock, letIn, type OauthStage, startStage } from './stage.ts';

let stage: OauthStage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.close());

test('metadata stands at every place that clients try, and says what this server does', async () => {
  for (const place of [
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    `/.well-known/oauth-authorization-server/${stage.slug}/mcp`,
    `/.well-known/openid-configuration/${stage.slug}/mcp`,
    `/${stage.slug}/mcp/.well-known/openid-configuration`,
  ]) {
    const response = await fetch(`${stage.issuer}${place}`);
    expect(response.status, place).toBe(200);
    expect(await response.json(), place).toMatchObject({
      issuer: stage.issuer,
      authorization_endpoint: `${stage.issuer}/authorize`,
      token_endpoint: `${stage.issuer}/token`,
      registration_endpoint: `${stage.issuer}/register`,
      revocation_endpoint: `${stage.issuer}/revoke`,
      code_challenge_methods_supported: ['S256'],
      client_id_metadata_document_supported: true,
      authorization_response_iss_parameter_supported: true,
      token_endpoint_auth_methods_supported: ['none'],
      response_types_supported: ['code'],
    });
  }
  const resource = await fetch(`${stage.issuer}/.well-known/oauth-protected-resource/${stage.slug}/mcp`);
  expect(await resource.json()).toMatchObject({ resource: stage.url, authorization_servers: [stage.issuer] });
});

test('a grant: asked, allowed, code typed, token opens its server and no other', async () => {
  const held = await letIn(stage, { name: 'First' });
  expect(held.scope).toBe('all-shared');
  expect((await knock(stage.url, held.access)).status).toBe(200);
  const foreign = await knock(stage.otherUrl, held.access);
  expect(foreign.status).toBe(401);
  expect(foreign.headers.get('www-authenticate')).toContain('error="invalid_token"');
  const { agents } = await stage.ask('agents.list', {});
  expect(agents.find((agent) => agent.name === 'First')).toMatchObject({
    kind: 'oauth',
    verified: false,
    client: held.clientId,
    grants: [{ server: stage.slug, scope: 'all-shared' }],
  });
});
