import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { type JsonObject, serializeJson } from '../../../electron/shared/json-tree.ts';
import {
  type HttpFixture,
  serveHttp,
  serveLegacyHttp,
  serveModernHttp,
  serveSse,
} from '../../fixtures/mcp-servers/http-servers.ts';
import { callTool, station, textOf, urlRecord } from './station.ts';

const limits = { startMs: 2_000 };
const open: { close(): Promise<void> }[] = [];
const running: Servers[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((servers) => servers.stopAll(300)));
  await Promise.all(open.splice(0).map((fixture) => fixture.close()));
});
const kept = <T extends HttpFixture>(fixture: T): T => {
  open.push(fixture);
  return fixture;
};
const stationHere = (deps: Parameters<typeof station>[0] = {}): Servers => {
  const servers = station({ limits, ...deps });
  running.push(servers);
  return servers;
};
const methods = (fixture: HttpFixture): string[] => fixture.seen.map(({ method }) => method);

describe('a server over HTTP with SSE (2024-11-05)', () => {
  it('is found out, called, heard, cancelled, and left', async () => {
    const cancelled = Promise.withResolvers<void>();
    const fixture = kept(await serveSse(cancelled.resolve));
    const servers = stationHere();
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    expect(session.info).toMatchObject({ era: 'legacy' });
    expect(textOf(await callTool(session, 'add', { a: 2, b: 3 }))).toBe('5');
    const progress: string[] = [];
    const onNotification = (_method: string, params: JsonObject | undefined): void => {
      progress.push(serializeJson(params ?? null));
    };
    await callTool(session, 'progress', {}, { token: 'mine', onNotification });
    expect(progress).toEqual(['{"progressToken":"mine","progress":1}']);

    const heard = new Promise<string>((resolve) => session.onNotification(resolve));
    fixture.announce();
    expect(await heard).toBe('notifications/tools/list_changed');

    const abort = new AbortController();
    const sent = Promise.withResolvers<void>();
    const waiting = callTool(session, 'wait', {}, { signal: abort.signal, onSent: sent.resolve });
    await sent.promise;
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'call_cancelled' });
    await cancelled.promise;
    // Many at once share the one stream, and each gets its own answer.
    const sums = await Promise.all(Array.from({ length: 20 }, (_, n) => callTool(session, 'add', { a: n, b: 1 })));
    expect(sums.map(textOf)).toEqual(Array.from({ length: 20 }, (_, n) => String(n + 1)));
  });

  it('gets its own credentials on the stream and with each message', async () => {
    const fixture = kept(await serveSse());
    const servers = station({ limits }, { 'server-header:under-test:X-Key': 'of-its-own' });
    running.push(servers);
    const record = urlRecord(fixture.url);
    const target = { kind: 'http', url: fixture.url, headers: ['X-Key'] } as const;
    await callTool(await servers.connect({ ...record, target }, 'a'), 'add', { a: 1, b: 1 });
    expect(fixture.seen.every(({ headers }) => headers['x-key'] === 'of-its-own')).toBe(true);
    expect(methods(fixture)).toContain('GET');
  });

  it('that ends its stream in peace is opened anew by the next call', async () => {
    const fixture = kept(await serveSse());
    const servers = stationHere();
    for (const how of ['end', 'break'] as const) {
      const session = await servers.connect(urlRecord(fixture.url), 'a');
      expect(textOf(await callTool(session, 'add', { a: 1, b: 1 }))).toBe('2');
      const closed = new Promise<void>((resolve) => session.onClose(resolve));
      fixture.cut(how);
      await closed;
      expect(servers.health('under-test')).toMatchObject({ state: 'stopped', sessions: 0 });
    }
    const again = await servers.connect(urlRecord(fixture.url), 'a');
    expect(textOf(await callTool(again, 'add', { a: 2, b: 1 }))).toBe('3');
  });

  it('that breaks its stream under a call fails that call, once', async () => {
    const fixture = kept(await serveSse());
    const servers = stationHere();
    const session = await servers.connect(urlRecord(fixture.url), 'a');
    const sent = Promise.withResolvers<void>();
    const waiting = callTool(session, 'wait', {}, { onSent: sent.resolve });
    await sent.promise;
    fixture.cut('break');
    await expect(waiting).rejects.toMatchObject({ code: 'server_gone', hop: 'server' });
    const again = await servers.connect(urlRecord(fixture.url), 'a');
    expect(textOf(await callTool(again, 'add', { a: 2, b: 1 }))).toBe('3');
  });
});

describe('a stream that is no good', () => {
  const streaming = (write: Parameters<typeof serveHttp>[0]): RequestListener => {
    return (request, response) => {
      if (request.method !== 'GET') {
        response.writeHead(405).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      write(request, response);
    };
  };

  it.each([
    'http://127.0.0.1:1/messages',
    'https://elsewhere.example/messages',
    '//elsewhere.example/m',
    'file:///etc',
  ])('is not followed to %s', async (endpoint) => {
    const fixture = kept(
      await serveHttp(streaming((_request, response) => response.write(`event: endpoint\ndata: ${endpoint}\n\n`))),
    );
    await expect(stationHere().connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: `Under test wants its messages at ${endpoint}.`,
    });
  });

  it('names another address later: the first one counts', async () => {
    const lure = kept(await serveHttp((_request, response) => response.end()));
    const messages: string[] = [];
    const fixture = kept(
      await serveHttp((request, response) => {
        if (request.method === 'GET') {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(
            `event: endpoint\ndata: /first\n\nevent: endpoint\ndata: ${lure.url}\n\nevent: endpoint\ndata: /x\n\n`,
          );
          return;
        }
        messages.push(request.url ?? '');
        response.writeHead(request.url === '/mcp' ? 404 : 202).end();
      }),
    );
    await expect(stationHere({ limits: { startMs: 300 } }).connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      message: expect.stringContaining('did not answer initialize') as string,
    });
    expect(messages.filter((path) => path !== '/mcp')[0]).toBe('/first');
    expect(messages).not.toContain('/x');
    expect(lure.seen).toEqual([]);
  });

  it('never names one', async () => {
    const fixture = kept(await serveHttp(streaming((_request, response) => response.write(': hello\n\n'))));
    await expect(stationHere({ limits: { startMs: 200 } }).connect(urlRecord(fixture.url), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: 'Under test opened a stream and did not say where it takes messages.',
    });
  });

  it('sends one event without end', async () => {
    const fixture = kept(
      await serveHttp(
        streaming((_request, response) => {
          response.write('data: ');
          const part = Buffer.alloc(1024 * 1024, 'x');
          const more = (): void => {
            while (!response.destroyed && response.write(part));
            if (!response.destroyed) response.once('drain', more);
          };
          more();
        }),
      ),
    );
    await expect(
      stationHere({ limits: { startMs: 20_000 } }).connect(urlRecord(fixture.url), 'a'),
    ).rejects.toMatchObject({
      code: 'server_not_ready',
      message: 'Under test answered with more than 16 MiB.',
    });
  });
});

describe('how a server is spoken to', () => {
  /** One URL behind which the server can be exchanged. */
  const exchangeable = async (first: HttpFixture): Promise<HttpFixture & { put(next: HttpFixture): void }> => {
    let behind = first;
    const front = kept(
      await serveHttp((request, response) => {
        void (async () => {
          const parts: Buffer[] = [];
          for await (const part of request) parts.push(part as Buffer);
          const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
            value === undefined || ['host', 'connection', 'content-length'].includes(name)
              ? []
              : [[name, String(value)]],
          );
          const answer = await fetch(new URL(request.url ?? '/', behind.url), {
            method: request.method ?? 'GET',
            headers,
            ...(parts.length > 0 ? { body: Buffer.concat(parts) } : {}),
          });
          response.writeHead(answer.status, Object.fromEntries(answer.headers));
          response.flushHeaders();
          if (answer.body) for await (const part of answer.body) response.write(part);
          response.end();
        })().catch(() => response.destroy());
      }),
    );
    return { ...front, put: (next) => (behind = next) };
  };

  it('is remembered, and found out anew where it is not so any more', async () => {
    const sse = kept(await serveSse());
    const front = await exchangeable(sse);
    const servers = stationHere();
    const record = urlRecord(front.url);
    await servers.connect(record, 'a');
    expect(methods(front).slice(0, 3)).toEqual(['POST', 'POST', 'GET']);
    await servers.end('under-test', 'a');
    const from = front.seen.length;
    await servers.connect(record, 'b');
    expect(methods(front).slice(from)[0]).toBe('GET');
    await servers.end('under-test', 'b');

    front.put(kept(await serveModernHttp({ strict: true })));
    const session = await servers.connect(record, 'c');
    expect(session.info.era).toBe('modern');
    expect(textOf(await callTool(session, 'add', { a: 1, b: 1 }))).toBe('2');
    await servers.end('under-test', 'c');

    front.put(kept(await serveLegacyHttp()));
    expect((await servers.connect(record, 'd')).info.era).toBe('legacy');
  });

  it('is looked at again after a day, so that nobody stays old for ever', async () => {
    let ahead = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const front = await exchangeable(kept(await serveLegacyHttp()));
    const servers = stationHere({ clock });
    const record = urlRecord(front.url);
    expect((await servers.connect(record, 'a')).info.era).toBe('legacy');
    await servers.end('under-test', 'a');
    front.put(kept(await serveModernHttp({ strict: false })));
    for (const hours of [10, 20]) {
      ahead = hours * 3_600_000;
      expect((await servers.connect(record, `${hours}`)).info.era).toBe('legacy');
      await servers.end('under-test', `${hours}`);
    }
    ahead = 25 * 3_600_000;
    expect((await servers.connect(record, 'b')).info.era).toBe('modern');
  });
});
