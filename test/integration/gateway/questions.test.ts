import { join } from 'node:path';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { legacy, modern, openStage, type Stage, send, stream } from './stage.ts';

const fixture = join(import.meta.dirname, '../../fixtures/gateway/asking-server.ts');
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };
const said = (result: unknown): unknown => {
  const { content } = result as { content: { text: string }[] };
  return JSON.parse(content[0]?.text ?? 'null');
};

for (const behind of ['2025-11-25', '2026-07-28'] as const) {
  describe(`what a server of ${behind} asks`, () => {
    let stage: Stage;
    beforeAll(async () => {
      const args = behind === '2026-07-28' ? [fixture, 'modern'] : [fixture];
      stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args, env: [] } });
    });
    afterAll(() => stage.close());
    beforeEach(() => {
      stage.record = { ...stage.record, features: ['elicitation', 'sampling', 'roots', 'resources', 'prompts'] };
    });
    afterEach(() => {
      stage.paused = undefined;
      expect(stage.problems).toEqual([]);
    });
    const requestInit = () => ({ headers: { authorization: `Bearer ${stage.token}` } });
    const connectLegacy = async (declared: object = capabilities) => {
      const client = new LegacyClient({ name: 'legacy', version: '1' }, { capabilities: declared });
      const asked: string[] = [];
      const noted: unknown[] = [];
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void noted.push(params.data));
      const has = (name: string): boolean => Object.hasOwn(declared, name);
      if (has('elicitation')) {
        client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
          asked.push(('url' in params ? params.url : params.message) ?? '');
          return { action: 'accept', content: { name: 'Ada' } };
        });
      }
      if (has('sampling')) {
        client.setRequestHandler(CreateMessageRequestSchema, () => {
          asked.push('model');
          return { model: 'm', role: 'assistant', content: { type: 'text', text: 'Hello' } };
        });
      }
      if (has('roots')) {
        client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///work' }] }));
      }
      await client.connect(new LegacyTransport(stage.url, { requestInit: requestInit() }));
      return { client, asked, noted };
    };
    const connectModern = async () => {
      const client = new ModernClient(
        { name: 'modern', version: '1' },
        { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
      );
      const asked: string[] = [];
      client.setRequestHandler('elicitation/create', ({ params }) => {
        asked.push(('url' in params ? params.url : params.message) ?? '');
        return { action: 'accept', content: { name: 'Ada' } };
      });
      client.setRequestHandler('sampling/createMessage', () => {
        asked.push('model');
        return { model: 'm', role: 'assistant', content: { type: 'text', text: 'Hello' } };
      });
      client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///work' }] }));
      await client.connect(new ModernTransport(stage.url, { requestInit: requestInit() }));
      return { client, asked };
    };
    /** What the tool says of an answer, in the form of its era. */
    const given = (answer: object) => (behind === '2026-07-28' ? { q: answer, state: 'state "ä"' } : answer);

    for (const era of ['legacy', 'modern'] as const) {
      it(`reaches a ${era} client that can be asked, and its answer the server, all of it logged`, async () => {
        const { client, asked } = await (era === 'legacy' ? connectLegacy() : connectModern());
        const call = async (name: string): Promise<unknown> => said(await client.callTool({ name, arguments: {} }));
        expect(await call('get_form')).toMatchObject(given({ action: 'accept', content: { name: 'Ada' } }));
        expect(await call('get_page')).toMatchObject(given({ action: 'accept' }));
        expect(await call('get_model')).toMatchObject(given({ model: 'm', content: { text: 'Hello' } }));
        expect(await call('get_roots')).toMatchObject(given({ roots: [{ uri: 'file:///work' }] }));
        expect(asked).toEqual(['What is your name?', 'https://example.com/in', 'model']);
        const rows = stage.calls().filter((row) => row.method === 'elicitation/create');
        expect(rows[0]).toMatchObject({ outcome: 'ran', decision: { rule: 'built-in:question' }, server: 'notes' });
        await client.close();
      });

      it(`does not ask a ${era} client for what may not be asked`, async () => {
        const { client, asked } = await (era === 'legacy' ? connectLegacy() : connectModern());
        for (const name of ['get_plain_page', 'get_others']) {
          const answer = await client.callTool({ name, arguments: {} }).then(
            (result) => JSON.stringify(result),
            (error: unknown) => String(error),
          );
          expect(answer, name).toMatch(/cannot be asked|may not ask|did not get/);
          const row = stage.calls().find(({ method }) => /elicitation|sampling/.test(method ?? ''));
          expect(row, name).toMatchObject({ outcome: 'denied' });
        }
        expect(asked).toEqual([]);
        await client.close();
      });

      it(`does not ask a ${era} client before the person ticked it, nor tell the server that it could`, async () => {
        stage.record = { ...stage.record, features: [] };
        const { client, asked } = await (era === 'legacy' ? connectLegacy() : connectModern());
        const from = stage.stderr.length;
        const answer = await client.callTool({ name: 'get_form', arguments: {} }).then(
          (result) => JSON.stringify(result),
          (error: unknown) => String(error),
        );
        expect(answer).toMatch(/-32601|may not ask|did not get/);
        expect(asked).toEqual([]);
        const told = stage.stderr.slice(behind === '2026-07-28' ? from : 0).filter((line) => /apabilities/.test(line));
        expect(told.at(-1)).toMatch(/\{\}$/);
        await client.close();
      });
    }

    it('asks nothing of a legacy client that declared nothing', async () => {
      const { client } = await connectLegacy({});
      const answer = await client.callTool({ name: 'get_form', arguments: {} }).then(
        (result) => JSON.stringify(result),
        (error: unknown) => String(error),
      );
      expect(answer).toMatch(/-32601|did not get/);
      await client.close();
    });

    it('logs at the level that each era asks for', async () => {
      const { client, noted } = await connectLegacy();
      await client.setLoggingLevel('error');
      expect(said(await client.callTool({ name: 'get_log', arguments: {} }))).toBe('error');
      expect(noted).toContain('error of error');
      await client.close();
      const quiet = await stream(stage, modern('tools/call', { name: 'get_log', arguments: {} }, 7));
      expect(await quiet.next()).toMatchObject({ id: 7, result: {} });
      const level = { 'io.modelcontextprotocol/logLevel': 'error' };
      const loud = await stream(stage, modern('tools/call', { name: 'get_log', arguments: {}, _meta: level }, 8));
      const first = (await loud.next()) as { params: { level: string } };
      expect(first.params.level).toBe('error');
    });

    it('tells a modern listener and a legacy session of the lists and resources that they asked for', async () => {
      const { client } = await connectLegacy();
      const heard: string[] = [];
      const all = Promise.withResolvers<void>();
      client.fallbackNotificationHandler = ({ method, params }) => {
        heard.push(`${method} ${String(params?.uri ?? '')}`.trim());
        if (method === 'notifications/resources/updated') all.resolve();
        return Promise.resolve();
      };
      await client.subscribeResource({ uri: 'note://b' });
      await client.callTool({ name: 'get_subject', arguments: {} });
      await all.promise;
      expect(heard).toEqual(
        expect.arrayContaining(['notifications/prompts/list_changed', 'notifications/resources/updated note://b']),
      );
      await client.unsubscribeResource({ uri: 'note://b' });
      await client.close();

      const notifications = {
        promptsListChanged: true,
        resourceSubscriptions: ['note://a', 'file:///home/somebody/.ssh/id'],
      };
      const listening = await stream(stage, modern('subscriptions/listen', { notifications }, 'sub'));
      expect(await listening.next()).toMatchObject({
        params: { notifications: { promptsListChanged: true, resourceSubscriptions: ['note://a'] } },
      });
      await stream(stage, modern('tools/call', { name: 'get_subject', arguments: {} }, 9));
      const tag = { _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub' } };
      const got = [await listening.next(), await listening.next()];
      expect(got).toContainEqual({ jsonrpc: '2.0', method: 'notifications/prompts/list_changed', params: tag });
      expect(got).toContainEqual({
        jsonrpc: '2.0',
        method: 'notifications/resources/updated',
        params: { uri: 'note://a', ...tag },
      });
      const left = stage.said(behind === '2026-07-28' ? 'a listener left' : 'unsubscribed note://a');
      listening.cut();
      await left;
    });
  });
}

describe('a question', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args: [fixture], env: [] } });
    stage.record = { ...stage.record, features: ['elicitation', 'roots'] };
  });
  afterAll(() => stage.close());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });
  const declared = (params: object = {}) => ({
    ...params,
    _meta: { 'io.modelcontextprotocol/clientCapabilities': capabilities },
  });
  const open = async (token?: string): Promise<string> => {
    const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'raw', version: '1' } };
    const answer = await send(stage, {
      body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    return String(answer.headers['mcp-session-id']);
  };
  const answering = (session: string, id: unknown, name: string, token?: string) => ({
    body: JSON.stringify({ jsonrpc: '2.0', id, result: { action: 'accept', content: { name } } }),
    headers: {
      'mcp-session-id': session,
      'mcp-protocol-version': '2025-11-25',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  });
  type Message = { id: unknown; method?: string; params?: Record<string, unknown>; result?: Record<string, unknown> };

  it('is answered only in the session that was asked, although the server gives all of them the same ids', async () => {
    const other = stage.mint('Another agent');
    const [mine, theirs] = [await open(), await open(other.token)];
    const form = legacy(mine, 'tools/call', { name: 'get_form', arguments: {} }, 1);
    const their = legacy(theirs, 'tools/call', { name: 'get_form', arguments: {} }, 1);
    const [here, there] = [
      await stream(stage, form),
      await stream(stage, { ...their, headers: { ...their.headers, authorization: `Bearer ${other.token}` } }),
    ];
    const [asked, alsoAsked] = [(await here.next()) as Message, (await there.next()) as Message];
    expect(asked).toMatchObject({ method: 'elicitation/create' });
    expect(asked.id).toEqual(alsoAsked.id);
    // Another agent's session is not found, and one's own does not reach into it.
    expect((await send(stage, answering(mine, asked.id, 'Eve', other.token))).status).toBe(404);
    expect((await send(stage, answering(theirs, alsoAsked.id, 'Bob', other.token))).status).toBe(202);
    expect(JSON.stringify(await there.next())).toContain('Bob');
    expect((await send(stage, answering(mine, 'sallyport-99', 'Eve'))).status).toBe(202);
    expect((await send(stage, answering(mine, asked.id, 'Ada'))).status).toBe(202);
    expect(JSON.stringify(await here.next())).toContain('Ada');
  });

  it('that the server withdraws is withdrawn at the client', async () => {
    const session = await open();
    const asking = await stream(stage, legacy(session, 'tools/call', { name: 'get_withdrawn', arguments: {} }, 1));
    const said: Message[] = [];
    for (let next = (await asking.next()) as Message; next; next = (await asking.next()) as Message) said.push(next);
    const asked = said.find((one) => one.method === 'elicitation/create');
    const withdrawn = said.find((one) => one.method === 'notifications/cancelled');
    expect(asked?.id).toBeDefined();
    expect(withdrawn?.params?.requestId).toEqual(asked?.id);
    expect(stage.calls().find((row) => row.method === 'elicitation/create')).toMatchObject({ outcome: 'cancelled' });
  });

  it('of a legacy server goes on by a handle that counts once, for the same request of the same agent', async () => {
    const call = (params: object) => modern('tools/call', declared({ name: 'get_twice', arguments: {}, ...params }));
    const result = async (options: ReturnType<typeof call>) =>
      (await send(stage, options)).json as { result?: Record<string, unknown>; error?: { code: number } };
    const first = (await result(call({}))).result;
    expect(first).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'question-1': { method: 'elicitation/create' } },
    });
    const requestState = first?.requestState;
    const ada = { 'question-1': { action: 'accept', content: { name: 'Ada' } } };
    const other = stage.mint('A third agent');
    const stolen = call({ requestState, inputResponses: ada });
    expect(
      await result({ ...stolen, headers: { ...stolen.headers, authorization: `Bearer ${other.token}` } }),
    ).toMatchObject({ error: { code: -32_602 } });
    expect(await result(call({ requestState, inputResponses: ada, arguments: { other: 1 } }))).toMatchObject({
      error: { code: -32_602 },
    });
    // What is left out is asked again, under a new handle.
    const again = (await result(call({ requestState, inputResponses: {} }))).result;
    expect(again).toMatchObject({ inputRequests: { 'question-1': { method: 'elicitation/create' } } });
    expect(again?.requestState).not.toBe(requestState);
    expect(await result(call({ requestState, inputResponses: ada }))).toMatchObject({ error: { code: -32_602 } });
    const second = (await result(call({ requestState: again?.requestState, inputResponses: ada }))).result;
    expect(second).toMatchObject({ inputRequests: { 'question-2': { method: 'roots/list' } } });
    const roots = { 'question-2': { roots: [] } };
    const end = (await result(call({ requestState: second?.requestState, inputResponses: roots }))).result;
    expect(said(end)).toMatchObject([{ action: 'accept', content: { name: 'Ada' } }, { roots: [] }]);
    const rows = stage.calls().filter((row) => row.tool === 'get_twice');
    expect(rows.map((row) => row.outcome)).toContain('ran');
  });

  it('that waits ends with everything else when all is paused', async () => {
    const asking = modern('tools/call', declared({ name: 'get_form', arguments: {} }));
    const { result } = (await send(stage, asking)).json as { result: Record<string, unknown> };
    stage.gateway.endSessions({}, 'paused');
    const inputResponses = { 'question-1': { action: 'cancel' } };
    const late = modern(
      'tools/call',
      declared({ name: 'get_form', arguments: {}, requestState: result.requestState, inputResponses }),
    );
    expect((await send(stage, late)).json).toMatchObject({ error: { code: -32_602 } });
  });
});
