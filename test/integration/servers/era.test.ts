import { afterEach, describe, expect, it } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { type JsonObject, memberAt, serializeJson } from '../../../electron/shared/json-tree.ts';
import { callTool, fixture, installed, scriptRecord, station, textOf, tree } from './station.ts';

let servers: Servers;
afterEach(async () => {
  await servers.stopAll(300);
});

describe('a modern server over stdio', () => {
  it('is found out by the probe and gets the envelope with each request', async () => {
    servers = station();
    const session = await servers.connect(scriptRecord(fixture('modern-stdio.ts'), ['only']), 'a');
    expect(session.info).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28', instructions: 'Modern.' });
    expect(memberAt(session.info.serverInfo, 'name')).toBe('modern-tools');
    const answer = await callTool(session, 'add', { a: 2, b: 3 });
    expect(textOf(answer)).toBe('5');
    expect('result' in answer && memberAt(answer.result, 'resultType')).toBe('complete');
    const seen: string[] = [];
    const onNotification = (method: string, params: JsonObject | undefined): void => {
      seen.push(`${method} ${serializeJson(params ?? null)}`);
    };
    await callTool(session, 'progress', {}, { token: 'mine', onNotification });
    expect(seen).toEqual(['notifications/progress {"progressToken":"mine","progress":1,"total":2}']);
  });

  it('is told of a cancelled call', async () => {
    servers = station();
    const heard = new Promise<string>((resolve) => servers.onStderr((_slug, line) => resolve(line)));
    const session = await servers.connect(scriptRecord(fixture('modern-stdio.ts')), 'a');
    expect(session.info.era).toBe('modern');
    const abort = new AbortController();
    const waiting = callTool(session, 'wait', {}, { signal: abort.signal });
    await callTool(session, 'add', { a: 1, b: 1 });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'call_cancelled' });
    expect(await heard).toBe('a call was cancelled');
  });

  it('that was silent on the probe is found out when it refuses the old handshake', async () => {
    servers = station({ limits: { probeMs: 100 } });
    const session = await servers.connect(scriptRecord(fixture('modern-stdio.ts'), ['only', 'slow']), 'a');
    expect(session.info.era).toBe('modern');
    expect(servers.health('under-test').era).toBe('modern');
  });

  it('keeps a subscription open and routes what it brings to it', async () => {
    servers = station();
    const session = await servers.connect(scriptRecord(fixture('modern-stdio.ts')), 'a');
    const abort = new AbortController();
    const acknowledged = Promise.withResolvers<string>();
    const listening = session.request('subscriptions/listen', tree('{"notifications":{"toolsListChanged":true}}'), {
      signal: abort.signal,
      timeoutMs: Number.POSITIVE_INFINITY,
      onNotification: acknowledged.resolve,
    });
    expect(await acknowledged.promise).toBe('notifications/subscriptions/acknowledged');
    abort.abort();
    await expect(listening).rejects.toMatchObject({ code: 'call_cancelled' });
  });
});

describe('the verdict on the era', () => {
  it('is asked for once and shared by those who come at once', async () => {
    servers = station();
    const record = scriptRecord(fixture('modern-stdio.ts'));
    const [a, b, same] = await Promise.all([
      servers.connect(record, 'a'),
      servers.connect(record, 'b'),
      servers.connect(record, 'a'),
    ]);
    expect(a).toBe(same);
    expect(a).not.toBe(b);
    expect(servers.health('under-test')).toEqual({ state: 'ready', era: 'modern', sessions: 2 });
  });
});

describe('real servers from npm', () => {
  it.each([
    ['server-everything', ['stdio'], 'echo', { message: 'hi' }, 'Echo: hi'],
    ['server-memory', [], 'read_graph', {}, '{\n  "entities": [],\n  "relations": []\n}'],
    ['server-filesystem', [import.meta.dirname], 'list_directory', { path: import.meta.dirname }, undefined],
  ])('%s starts, lists its tools and is called', async (name, args, tool, input, expected) => {
    servers = station({}, { 'server-env:under-test:MEMORY_FILE_PATH': '/nonexistent/memory.json' });
    const script = installed(`@modelcontextprotocol/${name}/dist/index.js`);
    const env = name === 'server-memory' ? ['MEMORY_FILE_PATH'] : [];
    const session = await servers.connect(scriptRecord(script, args, env), 'a');
    expect(session.info.era).toBe('legacy');
    const listed = await session.request('tools/list', undefined);
    const tools = 'result' in listed ? memberAt(listed.result, 'tools') : undefined;
    expect(Array.isArray(tools) && tools.some((one) => memberAt(one, 'name') === tool)).toBe(true);
    const said = textOf(await callTool(session, tool, input));
    expect(said).toContain(expected ?? '[FILE] era.test.ts');
  });
});
