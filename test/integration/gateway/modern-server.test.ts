import { join } from 'node:path';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { initialize, legacy, modern, openStage, type Stage, send } from './stage.ts';

const fixture = join(import.meta.dirname, '../../fixtures/mcp-servers/modern-stdio.ts');

describe('the gateway in front of a server of 2026-07-28', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args: [fixture, 'only'], env: [] } });
    for (const tool of ['add', 'region', 'progress', 'wait']) stage.policy.setAccess('notes', tool, 'allow');
  });
  afterAll(() => stage.close());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });

  const requestInit = () => ({ headers: { authorization: `Bearer ${stage.token}` } });

  it('serves a legacy client', async () => {
    const client = new LegacyClient({ name: 'legacy', version: '1' });
    await client.connect(new LegacyTransport(stage.url, { requestInit: requestInit() }));
    expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(['add', 'region', 'progress', 'wait']);
    const sum = await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } });
    expect(sum.content).toEqual([{ type: 'text', text: '3' }]);
    const seen: unknown[] = [];
    const options = { onprogress: (progress: unknown) => void seen.push(progress) };
    await client.callTool({ name: 'progress', arguments: {} }, undefined, options);
    expect(seen).toMatchObject([{ progress: 1, total: 2 }]);
    await client.close();
  });

  it('serves a modern client, argument headers included', async () => {
    const client = new ModernClient(
      { name: 'm', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await client.connect(new ModernTransport(stage.url, { requestInit: requestInit() }));
    await client.listTools();
    const sum = await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } });
    expect(sum.content).toEqual([{ type: 'text', text: '3' }]);
    const region = await client.callTool({ name: 'region', arguments: { region: 'Zürich' } });
    expect(region.content).toEqual([{ type: 'text', text: '{"region":"Zürich"}' }]);
    const abort = new AbortController();
    const cancelled = stage.said('a call was cancelled');
    const ended = stage.nextEnd();
    const waiting = client.callTool({ name: 'wait', arguments: {} }, { signal: abort.signal });
    waiting.catch(() => {});
    await stage.running('wait');
    abort.abort();
    await expect(waiting).rejects.toThrow();
    await cancelled;
    expect(await ended).toMatchObject({ tool: 'wait', outcome: 'cancelled' });
    await client.close();
  });

  it('says nothing to a legacy client that only the modern era knows, and takes nothing of it from one', async () => {
    // The server is asked as modern servers are, and says so to a client of its own era.
    const own = await send(stage, modern('tools/call', { name: 'add', arguments: { a: 1, b: 2 } }));
    expect(own.json).toMatchObject({ result: { resultType: 'complete', content: [{ type: 'text', text: '3' }] } });
    stage.record = { ...stage.record, features: ['prompts'] };
    const session = await initialize(stage);
    const wanted: [string, Record<string, unknown>][] = [
      ['tools/list', {}],
      ['tools/call', { name: 'add', arguments: { a: 1, b: 2 }, requestState: 'forged', inputResponses: { x: {} } }],
      ['prompts/list', {}],
      ['prompts/get', { name: 'täglich' }],
    ];
    for (const [at, [method, params]] of wanted.entries()) {
      const { text } = await send(stage, legacy(session, method, params, at));
      expect(text).toContain('"result"');
      expect(text, method).not.toMatch(/resultType|ttlMs|cacheScope|io\.modelcontextprotocol/);
    }
  });

  it('gives the server’s own result type and caching on, made private', async () => {
    const answer = await send(stage, modern('tools/list'));
    expect(answer.json).toMatchObject({ result: { resultType: 'complete', cacheScope: 'private' } });
    expect(answer.text.match(/resultType/g)).toHaveLength(1);
  });
});
