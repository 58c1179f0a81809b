import { afterAll, beforeAll, expect, test } from 'vitest';
import { knock, letIn, type OauthStage, startStage } from './stage.ts';

let stage: OauthStage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.close());

const agents = async () => (await stage.ask('agents.list', {})).agents;

/** Opens a session of the old era with a stream that does not end by itself. */
async function openStream(
  url: string,
  token: string,
): Promise<{ names(): Promise<string[]>; ended: Promise<unknown> }> {
  const opened = await knock(url, token);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  const post = (body: object) =>
    fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...body }) });
  await opened.text();
  await (await post({ method: 'notifications/initialized' })).text();
  const stream = await fetch(url, { headers });
  expect(stream.headers.get('content-type')).toContain('text/event-stream');
  return {
    ended: stream.text().catch(() => 'cut'),
    async names() {
      const listed = await post({ id: 2, method: 'tools/list' });
      const { result } = (await listed.json()) as { result: { tools: { name: string }[] } };
      return result.tools.map((tool) => tool.name);
    },
  };
}

async function within(milliseconds: number, what: Promise<unknown>, act: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await act();
  await what;
  expect(performance.now() - started).toBeLessThan(milliseconds);
}

test('a name of the person’s own stands in lists, prompts and the log, also for later grants', async () => {
  const held = await letIn(stage, { name: 'Claims to be Claude' });
  const grant = (await agents()).find((agent) => agent.client === held.clientId)?.grants[0]?.id ?? '';
  const { id } = await stage.ask('agents.rename', { id: grant, name: '  Work laptop ' });
  expect(id).not.toBe(grant);
  expect((await agents()).find((agent) => agent.id === id)?.name).toBe('Work laptop');

  await letIn(stage, { name: 'Claims to be Claude', resource: stage.otherUrl });
  expect((await agents()).find((agent) => agent.id === id)).toMatchObject({ name: 'Work laptop', grants: [{}, {}] });

  const { names } = await openStream(stage.url, held.access);
  await names();
  const { rows } = await stage.ask('log.list', { limit: 100 });
  expect(rows.find((row) => row.method === 'tools/list')?.agent).toEqual({ id, name: 'Work laptop' });
  expect(await stage.notes()).toContain('Claims to be Claude is called Work laptop from now on. (by test)');
  await expect(stage.ask('agents.rename', { id: 'nobody', name: 'x' })).rejects.toMatchObject({
    code: 'grant_not_found',
  });
});

test('a minted token is narrowed: its streams end within a second, it lists less, and never widens again', async () => {
  const { id, token } = await stage.ask('agents.token', { server: stage.slug, name: 'Script' });
  const stream = await openStream(stage.url, token);
  expect(await stream.names()).toContain('write_note');
  await within(1_000, stream.ended, () => stage.ask('agents.narrow', { id, tools: 'reads' }));
  const after = await openStream(stage.url, token);
  const names = await after.names();
  expect(names).toContain('list_notes');
  expect(names).not.toContain('write_note');
  await expect(stage.ask('agents.narrow', { id, tools: ['write_note'] })).rejects.toMatchObject({
    code: 'scope_wider',
  });
  await within(1_000, after.ended, () => stage.ask('agents.revoke', { id }));
  expect((await knock(stage.url, token)).status).toBe(401);
});
