import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { initialize, legacy, modern, openStage, type RawOptions, type Stage, send, stream } from './stage.ts';

describe('the gateway and what it must refuse', () => {
  let stage: Stage;
  let callsBefore = 0;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.close());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });

  const code = (answer: { json: unknown }): unknown => (answer.json as { error?: { code?: unknown } }).error?.code;
  const call = modern('tools/call', { name: 'read_note', arguments: { path: 'a' } });

  it('asks for a token before anything else, whatever the body', async () => {
    callsBefore = stage.calls().length;
    for (const [authorization, error] of [
      [undefined, ''],
      ['Bearer nonsense', 'invalid_token'],
      ['Basic abc', ''],
    ] as const) {
      const answer = await send(stage, { body: '{"not json', headers: { authorization } });
      expect([400, 401]).toContain(answer.status);
      expect(answer.headers['www-authenticate']).toContain('resource_metadata="');
      expect(answer.headers['www-authenticate']).toContain(error);
    }
    const foreign = stage.resourceServer.mint({
      server: 'other',
      resource: 'http://127.0.0.1/other/mcp',
      name: 'Foreign',
      ttlMs: 60_000,
    });
    const answer = await send(stage, {
      ...call,
      headers: { ...call.headers, authorization: `Bearer ${foreign.token}` },
    });
    expect(answer.status).toBe(401);
    const inQuery = await send(stage, { ...call, path: `${stage.url.pathname}?access_token=${stage.token}` });
    expect(inQuery.status).toBe(400);
    expect(stage.calls()).toHaveLength(callsBefore);
  });

  it('serves its own names and paths only', async () => {
    expect((await send(stage, { headers: { host: 'evil.example' } })).status).toBe(421);
    expect(
      (await send(stage, { headers: { host: 'evil.example' }, path: '/.well-known/sallyport-probe?nonce=a' })).status,
    ).toBe(421);
    for (const path of [
      '/',
      '/other/mcp',
      '/notes',
      '/notes/mcp/',
      '/Notes/mcp',
      '/notes/../notes/mcp',
      '/.well-known/x',
    ]) {
      const answer = await send(stage, { path, headers: { authorization: undefined } });
      expect(answer.status, path).toBe(404);
      expect(answer.json).toEqual({ error: 'not_found' });
    }
    const evil = { ...call, headers: { ...call.headers, origin: 'https://evil.example' } };
    expect((await send(stage, evil)).status).toBe(403);
    const own = { ...call, headers: { ...call.headers, origin: `http://127.0.0.1:${stage.port}` } };
    expect((await send(stage, own)).status).toBe(200);
  });

  it('answers metadata and probe without a token, and logs neither', async () => {
    const before = stage.calls().length;
    const headers = { authorization: undefined };
    const metadata = await send(stage, { path: '/.well-known/oauth-protected-resource/notes/mcp', headers });
    expect(metadata.status).toBe(200);
    expect(metadata.json).toMatchObject({ resource: stage.url.href });
    const probe = await send(stage, { path: '/.well-known/sallyport-probe?nonce=0a1b', headers });
    expect(probe.json).toMatchObject({ nonce: '0a1b', publicKey: 'public-key', at: expect.stringMatching(/Z$/) });
    expect((await send(stage, { path: '/.well-known/sallyport-probe?nonce=%3Cb%3E', headers })).status).toBe(404);
    expect((await send(stage, { path: '/.well-known/oauth-protected-resource/other/mcp', headers })).status).toBe(404);
    expect(stage.calls()).toHaveLength(before);
  });

  it('does not know a server that is no longer shared', async () => {
    stage.record = { ...stage.record, shared: false };
    expect((await send(stage, call)).status).toBe(404);
    expect((await send(stage, { path: '/.well-known/oauth-protected-resource/notes/mcp' })).status).toBe(404);
    stage.record = { ...stage.record, shared: true };
    expect((await send(stage, call)).status).toBe(200);
  });

  const id = '"id":1,"jsonrpc":"2.0"';
  const bodies: readonly [string, string | Uint8Array, number, number][] = [
    ['malformed JSON', '{"jsonrpc":', 400, -32_700],
    ['an empty body', '', 400, -32_700],
    ['a duplicate key', `{${id},"method":"ping","method":"tools/call"}`, 400, -32_700],
    ['__proto__', `{${id},"method":"ping","params":{"__proto__":{}}}`, 400, -32_700],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, -32_700],
    ['a lone surrogate', `{${id},"method":"ping","params":{"a":"\\ud800"}}`, 400, -32_700],
    ['a byte-order mark', `\ufeff{${id},"method":"ping"}`, 400, -32_700],
    ['nesting without end', `${'['.repeat(100_000)}`, 400, -32_700],
    ['no JSON-RPC', '{"hello":1}', 400, -32_600],
    ['version 1.0', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32_600],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32_600],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32_600],
    ['params that are a list', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', 400, -32_600],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":7}', 400, -32_600],
    ['an empty batch', '[]', 400, -32_600],
    ['a batch with a modern element', `[${String(call.body)}]`, 400, -32_600],
    ['a number', '7', 400, -32_600],
  ];
  for (const [what, body, status, expected] of bodies) {
    it(`refuses ${what}`, async () => {
      const answer = await send(stage, { method: 'POST', body });
      expect(answer.status).toBe(status);
      expect(code(answer)).toBe(expected);
      expect(answer.json).toMatchObject({ jsonrpc: '2.0' });
    });
  }

  it('refuses a body over 4 MiB, announced or not, and other types', async () => {
    const large = `{${id},"method":"${'x'.repeat(4 * 1024 * 1024)}"}`;
    expect((await send(stage, { body: large })).status).toBe(413);
    expect((await send(stage, { body: large, headers: { 'transfer-encoding': 'chunked' } })).status).toBe(413);
    expect((await send(stage, { ...call, headers: { ...call.headers, 'content-type': 'text/plain' } })).status).toBe(
      415,
    );
    expect((await send(stage, { ...call, headers: { ...call.headers, 'content-encoding': 'gzip' } })).status).toBe(415);
    expect((await send(stage, { ...call, headers: { ...call.headers, accept: 'text/html' } })).status).toBe(406);
  });

  it('answers other methods than POST, GET and DELETE with 405, and those two without a session as well', async () => {
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'GET', 'DELETE']) {
      const answer = await send(stage, { method });
      expect(answer.status, method).toBe(405);
      expect(answer.headers.allow).toBe('POST');
    }
  });

  describe('of 2026-07-28', () => {
    const refusals: readonly [string, RawOptions, number, number][] = [
      ['a missing version header', without(call, 'mcp-protocol-version'), 400, -32_020],
      ['another version header', withHeader(call, 'mcp-protocol-version', '2025-11-25'), 400, -32_020],
      ['a missing method header', without(call, 'mcp-method'), 400, -32_020],
      ['another method header', withHeader(call, 'mcp-method', 'tools/list'), 400, -32_020],
      ['a method header in other case', withHeader(call, 'mcp-method', 'Tools/Call'), 400, -32_020],
      ['two method headers', withHeader(call, 'mcp-method', ['tools/call', 'tools/list']), 400, -32_020],
      ['a comma-joined method header', withHeader(call, 'mcp-method', 'tools/call, tools/list'), 400, -32_020],
      ['a missing name header', without(call, 'mcp-name'), 400, -32_020],
      ['another name header', withHeader(call, 'mcp-name', 'write_note'), 400, -32_020],
      ['broken base64 in the name header', withHeader(call, 'mcp-name', '=?base64?a?='), 400, -32_020],
      ['raw latin-1 in the name header', withHeader(call, 'mcp-name', 'read_not\u00e9'), 400, -32_020],
      ['a version nobody speaks', claiming('2031-01-01', '2031-01-01'), 400, -32_022],
      ['an old version in the envelope', claiming('2025-11-25', '2025-11-25'), 400, -32_022],
      ['a version that is a number', claiming(7, '2026-07-28'), 400, -32_602],
      ['a modern header without an envelope', legacyWithModernHeader(), 400, -32_602],
      ['an initialize with a modern header', initializeWithModernHeader(), 400, -32_020],
      ['an unknown method', modern('no/such'), 404, -32_601],
      ['a method that is off', modern('resources/list'), 404, -32_601],
      ['a method that was removed', modern('ping'), 404, -32_601],
      ['a method named like a prototype member', modern('constructor'), 404, -32_601],
      ['listening without a filter', modern('subscriptions/listen'), 400, -32_602],
    ];
    for (const [what, options, status, expected] of refusals) {
      it(`refuses ${what}`, async () => {
        const answer = await send(stage, options);
        expect([answer.status, code(answer)], answer.text).toEqual([status, expected]);
        expect(answer.json).toMatchObject({ jsonrpc: '2.0' });
      });
    }

    it('names what it supports', async () => {
      const answer = await send(stage, claiming('2031-01-01', '2031-01-01'));
      expect(answer.json).toMatchObject({
        error: { data: { supported: ['2026-07-28'], requested: '2031-01-01' } },
        id: 1,
      });
    });

    it('compares a base64 name decoded', async () => {
      const encoded = `=?base64?${Buffer.from('read_note').toString('base64')}?=`;
      expect((await send(stage, withHeader(call, 'mcp-name', encoded))).status).toBe(200);
    });

    it('checks arguments that are repeated in headers', async () => {
      const listing = modern('tools/call', { name: 'list_notes', arguments: { region: 'Zürich' } });
      expect(code(await send(stage, listing))).toBe(-32_020);
      expect(code(await send(stage, withHeader(listing, 'mcp-param-region', 'Bern')))).toBe(-32_020);
      const encoded = `=?base64?${Buffer.from('Zürich').toString('base64')}?=`;
      const answer = await send(stage, withHeader(listing, 'mcp-param-region', encoded));
      expect([answer.status, code(answer)]).toEqual([200, undefined]);
    });

    it('marks its results as 2026-07-28 wants them', async () => {
      const list = await send(stage, modern('tools/list'));
      expect(list.json).toMatchObject({ result: { resultType: 'complete', cacheScope: 'private' } });
      expect(list.text).toContain('"x-kept":{"order":[3,1,2]}');
      const { ttlMs } = (list.json as { result: { ttlMs: number } }).result;
      expect(ttlMs).toBeLessThanOrEqual(30_000);
      const discovered = await send(stage, modern('server/discover'));
      expect(discovered.json).toMatchObject({
        result: {
          resultType: 'complete',
          supportedVersions: ['2026-07-28'],
          capabilities: { tools: { listChanged: true } },
          cacheScope: 'private',
          _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'notes' } },
        },
      });
      expect((await send(stage, call)).json).toMatchObject({ result: { resultType: 'complete' } });
    });

    it('accepts a notification and drops it', async () => {
      const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
      const answer = await send(stage, { body, headers: { 'mcp-protocol-version': '2026-07-28' } });
      expect([answer.status, answer.text]).toEqual([202, '']);
    });
  });

  describe('of the legacy era', () => {
    it('wants a session, its own, and one that still lives', async () => {
      const session = await initialize(stage);
      expect(session).toMatch(/^[\x21-\x7e]{32,}$/);
      const list = legacy(session, 'tools/list', {}, 1);
      expect((await send(stage, list)).status).toBe(200);
      expect((await send(stage, without(list, 'mcp-session-id'))).status).toBe(400);
      expect((await send(stage, withHeader(list, 'mcp-session-id', 'guessed'))).status).toBe(404);
      expect((await send(stage, withHeader(list, 'mcp-protocol-version', '1999-01-01'))).status).toBe(400);
      const other = stage.mint('Thief');
      const stolen = withHeader(list, 'authorization', `Bearer ${other.token}`);
      expect((await send(stage, stolen)).status).toBe(404);
      const ended = await send(stage, { method: 'DELETE', headers: { 'mcp-session-id': session } });
      expect(ended.status).toBe(200);
      expect((await send(stage, list)).status).toBe(404);
      expect((await send(stage, { method: 'GET', headers: { 'mcp-session-id': session } })).status).toBe(404);
    });

    it('agrees on the version asked for, or on the newest', async () => {
      const ask = async (protocolVersion: string): Promise<unknown> => {
        const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
        const answer = await send(stage, {
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
        });
        return (answer.json as { result: { protocolVersion: unknown } }).result.protocolVersion;
      };
      expect(await ask('2025-03-26')).toBe('2025-03-26');
      expect(await ask('2025-06-18')).toBe('2025-06-18');
      expect(await ask('2026-07-28')).toBe('2025-11-25');
      expect(await ask('1999-01-01')).toBe('2025-11-25');
    });

    it('initializes anew for a client that still names a lost session, and never twice in one', async () => {
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
      const again = await send(stage, legacy('lost', 'initialize', params, 1));
      const session = again.headers['mcp-session-id'];
      expect([again.status, session === 'lost']).toEqual([200, false]);
      const twice = await send(stage, legacy(String(session), 'initialize', params, 2));
      expect([twice.status, code(twice)]).toEqual([400, -32_600]);
    });

    it('judges every element of a batch on its own, and takes batches of 2025-03-26 only', async () => {
      const batch = JSON.stringify([
        { jsonrpc: '2.0', id: 'a', method: 'tools/call', params: { name: 'read_note', arguments: {} } },
        { jsonrpc: '2.0', id: 'b', method: 'tools/call', params: { name: 'run_command', arguments: {} } },
        { jsonrpc: '2.0', id: 'c', method: 'prompts/list' },
        { jsonrpc: '2.0', method: 'notifications/initialized' },
      ]);
      const session = await initialize(stage, '2025-03-26');
      const before = stage.calls().length;
      const answer = await send(stage, { body: batch, headers: { 'mcp-session-id': session } });
      expect(answer.status).toBe(200);
      const answers = answer.json as { id: string; result?: object; error?: { code: number } }[];
      const byId = new Map(answers.map((one) => [one.id, one]));
      expect(byId.size).toBe(3);
      expect(byId.get('a')?.result).toBeDefined();
      expect(byId.get('b')?.error?.code).toBe(-32_602);
      expect(byId.get('c')?.error?.code).toBe(-32_601);
      expect(stage.calls()).toHaveLength(before + 3);
      const newer = await initialize(stage, '2025-06-18');
      const refused = await send(stage, { body: batch, headers: { 'mcp-session-id': newer } });
      expect([refused.status, code(refused)]).toEqual([400, -32_600]);
      expect(stage.calls()).toHaveLength(before + 3);
    });

    it('answers ping, takes notifications and refuses what is off as legal errors', async () => {
      const session = await initialize(stage);
      expect((await send(stage, legacy(session, 'ping', {}, 1))).json).toMatchObject({ id: 1, result: {} });
      const noted = await send(stage, legacy(session, 'notifications/initialized', {}));
      expect([noted.status, noted.text]).toEqual([202, '']);
      for (const method of [
        'prompts/list',
        'resources/read',
        'completion/complete',
        'logging/getLevel',
        'tasks/list',
      ]) {
        const answer = await send(stage, legacy(session, method, {}, 2));
        expect([answer.status, code(answer)], method).toEqual([200, -32_601]);
        expect(stage.calls()[0]).toMatchObject({ method, outcome: 'denied' });
      }
      expect(code(await send(stage, legacy(session, 'tools/call', {}, 3)))).toBe(-32_602);
      expect(code(await send(stage, legacy(session, 'tools/call', { name: 'read_note', arguments: 7 }, 4)))).toBe(
        -32_602,
      );
    });

    it('opens one GET stream a session: a new one takes the place of the old', async () => {
      const session = await initialize(stage);
      const headers = { 'mcp-session-id': session, accept: 'text/event-stream' };
      expect((await send(stage, { headers: { ...headers, accept: 'application/json' } })).status).toBe(406);
      const first = await stream(stage, { headers });
      expect(first.headers['content-type']).toBe('text/event-stream');
      const second = await stream(stage, { headers });
      expect(await first.next()).toBeUndefined();
      expect(stage.gateway.endSessions({ server: 'notes' }, 'paused')).toBe(1);
      expect(await second.next()).toBeUndefined();
    });
  });

  function without(options: RawOptions, name: string): RawOptions {
    return { ...options, headers: { ...options.headers, [name]: undefined } };
  }
  function withHeader(options: RawOptions, name: string, value: string | readonly string[]): RawOptions {
    return { ...options, headers: { ...options.headers, [name]: value } };
  }
  function claiming(version: unknown, header: string): RawOptions {
    const params = { _meta: { 'io.modelcontextprotocol/protocolVersion': version } };
    return withHeader(modern('tools/list', params), 'mcp-protocol-version', header);
  }
  function legacyWithModernHeader(): RawOptions {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
    return { body, headers: { 'mcp-protocol-version': '2026-07-28' } };
  }
  function initializeWithModernHeader(): RawOptions {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25' },
    });
    return { body, headers: { 'mcp-protocol-version': '2026-07-28' } };
  }
});
