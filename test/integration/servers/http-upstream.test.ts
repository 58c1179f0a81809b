import { afterEach, describe, expect, it } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { type JsonObject, memberAt, serializeJson } from '../../../electron/shared/json-tree.ts';
import {
  type HttpFixture,
  serveHttp,
  serveLegacyHttp,
  serveModernHttp,
} from '../../fixtures/mcp-servers/http-servers.ts';
import { callTool, station, textOf, tree, urlRecord } from './station.ts';

const servers: Servers = station({ limits: { startMs: 2_000 } });
const open: HttpFixture[] = [];
const kept = <T extends HttpFixture>(fixture: T): T => {
  open.push(fixture);
  return fixture;
};
afterEach(async () => {
  await servers.stopAll(300);
  await Promise.all(open.splice(0).map((fixture) => fixture.close()));
});

describe('a legacy server over Streamable HTTP', () => {
  it('is opened with a session, called, listened to, and left', async () => {
    const fixture = kept(await serveLegacyHttp());
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    expect(session.info).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    expect(textOf(await callTool(session, 'add', { a: 2, b: 3 }))).toBe('5');
    const seen: string[] = [];
    const onNotification = (_method: string, params: JsonObject | undefined): void => {
      seen.push(serializeJson(params ?? null));
    };
    await callTool(session, 'progress', {}, { token: 'mine', onNotification });
    expect(seen).toEqual(['{"progressToken":"mine","progress":1}']);
    const last = fixture.seen.at(-1);
    expect(last?.headers).toMatchObject({
      'mcp-protocol-version': '2025-11-25',
      accept: 'application/json, text/event-stream',
    });
    expect(last?.headers['mcp-session-id']).toBe([...fixture.sessions.keys()][0]);
    expect(last?.headers.authorization).toBeUndefined();
    await servers.end('under-test', 'a');
    expect(fixture.seen.at(-1)?.method).toBe('DELETE');
    expect(fixture.sessions.size).toBe(0);
    expect(servers.health('under-test')).toEqual({ state: 'stopped', era: 'legacy', sessions: 0 });
  });

  it('tells the session what it says unasked', async () => {
    const fixture = kept(await serveLegacyHttp());
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    const heard = new Promise<string>((resolve) => session.onNotification(resolve));
    // The GET stream is asked for right after the handshake; what is announced before it stands is lost by design.
    while (!fixture.seen.some((one) => one.method === 'GET')) await new Promise((resolve) => setImmediate(resolve));
    await callTool(session, 'add', { a: 1, b: 1 });
    for (const one of fixture.sessions.values()) one.announce();
    expect(await heard).toBe('notifications/tools/list_changed');
  });

  it('that forgot the session ends it; the next caller gets a new one', async () => {
    const fixture = kept(await serveLegacyHttp());
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    for (const one of fixture.sessions.values()) one.forget();
    const closed = new Promise<void>((resolve) => session.onClose(resolve));
    await expect(callTool(session, 'add', { a: 1, b: 1 })).rejects.toMatchObject({ code: 'server_gone' });
    await closed;
    const again = await servers.connect(urlRecord(fixture.url), 'a');
    expect(textOf(await callTool(again, 'add', { a: 1, b: 1 }))).toBe('2');
    expect(servers.health('under-test').state).toBe('ready');
  });
});

describe('a modern server over HTTP', () => {
  it.each([true, false])('is spoken to with headers that repeat the body (strict: %s)', async (strict) => {
    const fixture = kept(await serveModernHttp({ strict }));
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    expect(session.info).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28' });
    expect(textOf(await callTool(session, 'add', { a: 2, b: 3 }))).toBe('5');
    expect(fixture.seen.at(-1)?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'add',
    });
    const prompt = await session.request('prompts/get', tree('{"name":"täglich"}'));
    expect('result' in prompt && serializeJson(memberAt(prompt.result, 'messages') ?? null)).toContain('"text":"ja"');
    expect(fixture.seen.at(-1)?.headers['mcp-name']).toBe(`=?base64?${Buffer.from('täglich').toString('base64')}?=`);
    const seen: string[] = [];
    const onNotification = (_method: string, params: JsonObject | undefined): void => {
      seen.push(serializeJson(params ?? null));
    };
    await callTool(session, 'progress', {}, { token: 'mine', onNotification });
    expect(seen).toEqual(['{"progressToken":"mine","progress":1,"total":2}']);
    const unknown = await session.request('no/such', undefined);
    expect('error' in unknown && memberAt(unknown.error, 'code')).toMatchObject({ lexeme: '-32601' });
    expect(fixture.seen.every((one) => one.method === 'POST')).toBe(true);
  });

  it('gets the arguments that its schema marks repeated in headers, without having been asked for its list', async () => {
    const fixture = kept(await serveModernHttp({ strict: true }));
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    expect(textOf(await callTool(session, 'region', { region: 'Süd' }))).toBe('{"region":"Süd"}');
    expect(fixture.seen.at(-1)?.headers['mcp-param-region']).toBe(
      `=?base64?${Buffer.from('Süd').toString('base64')}?=`,
    );
    expect(fixture.seen.map((one) => one.headers['mcp-method'])).toEqual([
      'server/discover',
      'tools/list',
      'tools/call',
    ]);
  });

  it('hears of a cancelled call by its closed stream', async () => {
    const aborted = Promise.withResolvers<void>();
    const fixture = kept(await serveModernHttp({ strict: true, onAborted: aborted.resolve }));
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    const abort = new AbortController();
    const sent = Promise.withResolvers<void>();
    const waiting = callTool(session, 'wait', {}, { signal: abort.signal, onSent: sent.resolve });
    await sent.promise;
    await callTool(session, 'add', { a: 1, b: 1 });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'call_cancelled' });
    await aborted.promise;
  });
});

describe('an HTTP server that is no good', () => {
  it.each([
    ['redirects', 307, 'answered with a redirect (307), which is not followed'],
    ['wants a sign-in', 401, 'wants credentials (HTTP 401)'],
    ['fails', 503, 'answered with HTTP status 503'],
  ])('%s', async (_what, status, words) => {
    const fixture = kept(
      await serveHttp((_request, response) => {
        response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end();
      }),
    );
    await expect(servers.connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      hop: 'server',
      message: `Under test ${words}.`,
    });
    expect(fixture.seen).toHaveLength(1);
    await servers.stop('under-test');
  });

  it('is not there, or is no MCP server', async () => {
    const fixture = kept(await serveHttp((_request, response) => response.writeHead(200).end('<h1>Hello</h1>')));
    await expect(servers.connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: 'Under test answered with no JSON-RPC message.',
    });
    expect(servers.health('under-test').state).toBe('wrong-output');
    await fixture.close();
    await servers.stop('under-test');
    await expect(servers.connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: expect.stringContaining('nothing listens at 127.0.0.1:') as string,
    });
  });

  it('never answers', async () => {
    const quick = station({ limits: { startMs: 100 } });
    const fixture = kept(await serveHttp(() => {}));
    await expect(quick.connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: expect.stringContaining('did not answer') as string,
    });
    expect(fixture.seen).toHaveLength(1);
  });

  it('is refused before anything is sent where it is neither https nor on this machine', async () => {
    await expect(servers.connect(urlRecord('http://192.0.2.1/mcp'), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: 'Under test: plain http is for this machine only.',
    });
    await servers.stop('under-test');
  });

  it('answers with more than 16 MiB, as JSON or as one event', async () => {
    for (const type of ['application/json', 'text/event-stream']) {
      let big = false;
      const fixture = kept(
        await serveHttp((request, response) => {
          if (request.method !== 'POST') {
            response.writeHead(405).end();
            return;
          }
          if (big) {
            response.writeHead(200, { 'content-type': type });
            response.write('data: ');
            const part = Buffer.alloc(1024 * 1024, 'x');
            const more = (): void => {
              while (!response.destroyed && response.write(part));
              if (!response.destroyed) response.once('drain', more);
            };
            more();
            return;
          }
          const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'big', version: '1' } };
          let body = '';
          request.on('data', (chunk: Buffer) => {
            body += chunk.toString();
          });
          request.on('end', () => {
            const { id, method } = JSON.parse(body) as { id?: number; method: string };
            if (method !== 'initialize') {
              response.writeHead(id === undefined ? 202 : 400).end();
              return;
            }
            response.writeHead(200, { 'content-type': 'application/json' });
            response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
          });
        }),
      );
      const session = await servers.connect(urlRecord(fixture.url), 'a');
      big = true;
      await expect(callTool(session, 'x')).rejects.toMatchObject({ code: 'server_wrong_output' });
      expect(servers.health('under-test')).toMatchObject({ state: 'wrong-output', sessions: 1 });
      await servers.stop('under-test');
    }
  });
});
