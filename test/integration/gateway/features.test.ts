import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { initialize, legacy, modern, openStage, type Stage, send, stream } from './stage.ts';

const fixture = join(import.meta.dirname, '../../fixtures/gateway/features-server.ts');

describe('resources and prompts', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args: [fixture], env: [] } });
  });
  afterAll(() => stage.close());
  beforeEach(() => tick());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });
  const tick = (...features: string[]): void => {
    stage.record = { ...stage.record, features };
  };
  const asked = (method: string): number => stage.stderr.filter((line) => line === `asked ${method}`).length;
  const named = (method: string, params: Record<string, unknown>) => {
    const request = modern(method, params);
    const name = params.uri ?? params.name;
    return { ...request, headers: { ...request.headers, ...(name === undefined ? {} : { 'mcp-name': String(name) }) } };
  };
  const requests: readonly (readonly [string, Record<string, unknown>])[] = [
    ['resources/list', {}],
    ['resources/templates/list', {}],
    ['resources/read', { uri: 'note://a' }],
    ['prompts/list', {}],
    ['prompts/get', { name: 'greet', arguments: { who: 'you' } }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'y' } }],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'note://{id}' }, argument: { name: 'id', value: '' } }],
  ];
  const only = ['resources/subscribe', 'resources/unsubscribe', 'tasks/get'];

  it('do not exist for an agent until they are ticked, in either era', async () => {
    const session = await initialize(stage);
    for (const [method, params] of [...requests, ...only.map((each) => [each, {}] as const)]) {
      const now = await send(stage, named(method, params));
      expect([now.status, now.json], method).toMatchObject([404, { error: { code: -32_601 } }]);
      const before = await send(stage, legacy(session, method, params, 1));
      expect([before.status, before.json], method).toMatchObject([200, { error: { code: -32_601 } }]);
      expect(asked(method), method).toBe(0);
    }
    const discovered = await send(stage, modern('server/discover'));
    expect(discovered.json).toMatchObject({ result: { capabilities: { tools: { listChanged: true } } } });
    const { capabilities } = (discovered.json as { result: { capabilities: object } }).result;
    expect(Object.keys(capabilities)).toEqual(['logging', 'tools']);
  });

  it('pass once ticked, unchanged but for what the modern era adds', async () => {
    tick('resources', 'prompts');
    const session = await initialize(stage);
    const { result: info } = (await send(stage, modern('server/discover'))).json as {
      result: { capabilities: object };
    };
    expect(info.capabilities).toEqual({
      logging: {},
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      completions: {},
    });
    for (const [method, params] of requests) {
      const now = (await send(stage, named(method, params))).json as { result: Record<string, unknown> };
      const before = (await send(stage, legacy(session, method, params, 1))).json as { result: object };
      const { resultType, ttlMs, cacheScope, ...rest } = now.result;
      expect(resultType, method).toBe('complete');
      const caches = method.endsWith('list') || method === 'resources/read';
      expect([ttlMs === undefined, cacheScope], method).toEqual([!caches, caches ? 'private' : undefined]);
      expect(rest, method).toEqual(before.result);
    }
    const page = await send(stage, named('resources/list', { cursor: 'two' }));
    expect(page.json).toMatchObject({ result: { resources: [{ uri: 'note://b' }] } });
    const read = await send(stage, named('resources/read', { uri: 'note://a' }));
    expect(read.json).toMatchObject({ result: { contents: [{ text: 'the text of note://a', 'x-kept': 2 }] } });
  });

  it('are logged and decided one by one', async () => {
    tick('prompts');
    const ended = stage.nextEnd();
    await send(stage, named('prompts/get', { name: 'greet', arguments: { who: 'you' } }));
    expect(await ended).toMatchObject({
      method: 'prompts/get',
      tool: 'greet',
      outcome: 'ran',
      decision: { effect: 'allow', rule: 'feature:shared' },
    });
  });

  it('one ticked does not tick the other, and completion follows what it names', async () => {
    tick('prompts');
    const before = asked('completion/complete');
    const [, , , , , ofPrompt, ofResource] = requests;
    if (!ofPrompt || !ofResource) throw new Error('requests are missing');
    expect((await send(stage, named('resources/read', { uri: 'note://a' }))).status).toBe(404);
    expect((await send(stage, named(...ofPrompt))).status).toBe(200);
    expect((await send(stage, named(...ofResource))).status).toBe(404);
    expect((await send(stage, named('completion/complete', { ref: { type: '__proto__' } }))).status).toBe(404);
    expect(asked('completion/complete')).toBe(before + 1);
  });

  it('a token for some tools reaches none of them', async () => {
    tick('resources', 'prompts');
    const { token } = stage.mint('Narrow', ['get_changes']);
    const read = named('resources/read', { uri: 'note://a' });
    const answer = await send(stage, { ...read, headers: { ...read.headers, authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(404);
  });

  it('never lead to our own files or to credentials', async () => {
    tick('resources');
    const before = asked('resources/read');
    for (const uri of [`file://${stage.folder}/settings.json`, 'file:///home/somebody/.ssh/id_ed25519']) {
      const answer = await send(stage, named('resources/read', { uri }));
      expect(answer.json, uri).toMatchObject({ error: { code: -32_602 } });
    }
    expect(asked('resources/read')).toBe(before);
  });

  it('do not run while all is paused', async () => {
    tick('resources');
    const before = asked('resources/read');
    stage.paused = { at: '2026-11-22T12:00:00Z' };
    const answer = await send(stage, named('resources/read', { uri: 'note://a' }));
    stage.paused = undefined;
    expect(answer.json).toMatchObject({ error: { code: -31_001 } });
    expect(asked('resources/read')).toBe(before);
  });

  it('tell a legacy session of changes and of what it subscribed to, and only that session', async () => {
    tick('resources', 'prompts');
    const [mine, other] = [await initialize(stage), await initialize(stage)];
    const open = (session: string) => stream(stage, { method: 'GET', headers: { 'mcp-session-id': session } });
    const [heard, elsewhere] = [await open(mine), await open(other)];
    await send(stage, legacy(mine, 'resources/subscribe', { uri: 'note://a' }, 1));
    expect(await heard.next()).toMatchObject({
      method: 'notifications/resources/updated',
      params: { uri: 'note://a' },
    });
    await send(stage, legacy(other, 'resources/subscribe', { uri: 'note://b' }, 1));
    expect(await elsewhere.next()).toMatchObject({ params: { uri: 'note://b' } });
    await send(stage, legacy(mine, 'tools/call', { name: 'get_changes', arguments: {} }, 2));
    expect(await heard.next()).toMatchObject({ method: 'notifications/prompts/list_changed' });
    expect(await heard.next()).toMatchObject({ method: 'notifications/resources/list_changed' });
    heard.cut();
    elsewhere.cut();
  });

  it('tell a modern listener of what it asked for, tagged, and of nothing else', async () => {
    tick('resources', 'prompts');
    await send(stage, modern('tools/list'));
    const notifications = { promptsListChanged: true, resourceSubscriptions: ['note://a'] };
    const listening = await stream(stage, modern('subscriptions/listen', { notifications }, 'sub'));
    expect(await listening.next()).toMatchObject({ params: { notifications } });
    expect(await listening.next()).toMatchObject({
      method: 'notifications/resources/updated',
      params: { uri: 'note://a', _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub' } },
    });
    await send(stage, named('tools/call', { name: 'get_changes', arguments: {} }));
    await send(stage, named('tools/call', { name: 'get_changes', arguments: {} }));
    const prompt = {
      method: 'notifications/prompts/list_changed',
      params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub' } },
    };
    expect([await listening.next(), await listening.next()]).toMatchObject([prompt, prompt]);
    listening.cut();
  });
});
