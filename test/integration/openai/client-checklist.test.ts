import { afterEach, describe, expect, it } from 'vitest';
import { serveLegacyHttp } from '../../fixtures/mcp-servers/http-servers.ts';
import type { ResponsePayload } from '../../fixtures/openai-control-plane/strictness.ts';
import { modern, modernCall, openTunnelStage, type TunnelStage } from './tunnel-stage.ts';

// Each rule of the implementation checklist in openai/tunnel-client, docs/protocol.md, against the strict stand-in.

let open: TunnelStage | undefined;
async function openStage(options: Parameters<typeof openTunnelStage>[0] = {}): Promise<TunnelStage> {
  open = await openTunnelStage(options);
  return open;
}

afterEach(async () => {
  const violations = open?.plane.violations ?? [];
  const problems = open?.stage.problems ?? [];
  await open?.close();
  open = undefined;
  expect(violations).toEqual([]);
  expect(problems).toEqual([]);
});

function resultOf(payload: ResponsePayload): Record<string, unknown> {
  if (!('resp_json' in payload) || !('result' in payload.resp_json)) throw new Error(JSON.stringify(payload));
  return payload.resp_json.result as Record<string, unknown>;
}
function errorOf(payload: ResponsePayload): { code: number; message: string; data?: unknown } {
  if (!('resp_json' in payload) || !('error' in payload.resp_json)) throw new Error(JSON.stringify(payload));
  return payload.resp_json.error as { code: number; message: string; data?: unknown };
}
const read = (id: number | string, path = 'a.md') => modernCall(id, 'read_note', { path });

async function initialize({ plane }: TunnelStage): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
  const answer = await plane.call({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
  return answer.resp_headers?.['Mcp-Session-Id']?.[0] ?? '';
}

describe('models and payloads', () => {
  it('answers both eras inside jsonrpc: 2026-07-28 without headers that repeat the body', async () => {
    const tunnel = await openStage();
    const discovered = resultOf(await tunnel.plane.call(modern('d', 'server/discover')));
    expect(discovered.supportedVersions).toEqual(['2026-07-28']);
    const { tools } = resultOf(await tunnel.plane.call(modern(1, 'tools/list')));
    expect((tools as { name: string }[]).map((tool) => tool.name)).toContain('read_note');
    expect(resultOf(await tunnel.plane.call(read(2)))).toMatchObject({ resultType: 'complete' });
  });

  it('answers both eras inside jsonrpc: 2025-11-25 with a session in its header', async () => {
    const tunnel = await openStage();
    const session = await initialize(tunnel);
    const headers = { 'Mcp-Session-Id': [session], 'Mcp-Protocol-Version': ['2025-11-25'] };
    const initialized = await tunnel.plane.call({ jsonrpc: '2.0', method: 'notifications/initialized' }, { headers });
    expect(initialized).toMatchObject({ resp_type: 'notify_ack', resp_code: 202 });
    expect(initialized).not.toHaveProperty('resp_json');
    const params = { name: 'read_note', arguments: { path: 'a.md' } };
    const answer = await tunnel.plane.call({ jsonrpc: '2.0', id: 5, method: 'tools/call', params }, { headers });
    expect(resultOf(answer)).toMatchObject({ structuredContent: { path: 'a.md' } });
  });

  it('preserves raw payloads: ids and numbers come back as they were written', async () => {
    const { plane } = await openStage();
    const text = JSON.stringify(read('ID')).replace('"ID"', '9007199254740993').replace('"a.md"', '1.10');
    const sent = plane.enqueue({ jsonrpc: text });
    expect((await sent.answer).resp_code).toBe(200);
    expect(sent.body()).toContain('"id":9007199254740993');
    expect(sent.body()).toContain('"structuredContent":{"path":1.10}');
    expect(sent.body()).toContain('"x-extra":[9007199254740993]');
  });

  it('keeps a server’s own error as it is, and does not decorate it', async () => {
    const { plane } = await openStage();
    const error = errorOf(await plane.call(modernCall(1, 'get_fault')));
    expect(error).toEqual({ code: -32_050, message: 'A fault of the server', data: { kept: true } });
  });

  it('refuses what two parsers could read differently, and goes on with the commands beside it', async () => {
    const { plane, stage } = await openStage();
    const twice = '{"jsonrpc":"2.0","id":"x","method":"tools/call","method":"tools/list"}';
    const bad = plane.enqueue({ jsonrpc: twice });
    const good = plane.enqueue({ jsonrpc: JSON.stringify(read(2)) });
    expect(errorOf(await bad.answer).code).toBe(-32_700);
    expect((await bad.answer).resp_code).toBe(400);
    expect(resultOf(await good.answer)).toHaveProperty('content');
    expect(stage.calls()).toHaveLength(1);
  });

  it('ignores unknown members, and leaves unknown command types alone while polling goes on', async () => {
    const { plane, notes } = await openStage();
    plane.enqueue({ type: 'reticulate', jsonrpc: JSON.stringify(read(1)) });
    const answer = await plane.call(read(2), { extra: '"trace":{"a":[1,2]},"priority":7' });
    expect(resultOf(answer)).toHaveProperty('content');
    expect(plane.posts).toHaveLength(1);
    expect(notes.join()).toContain('unknown type reticulate');
  });
});

describe('correlation', () => {
  it('echoes request_id, channel and shard_token in their places, whatever the order of answers', async () => {
    const { plane, stage } = await openStage();
    const slow = plane.enqueue({ jsonrpc: JSON.stringify(modernCall(1, 'read_on_signal')), channel: 'notes' });
    const line = await stage.said('on signal');
    const fast = await plane.call(read(2), { channel: null });
    expect(fast).toHaveProperty('channel', 'main');
    process.kill(Number(line.split(' ')[2]), 'SIGUSR2');
    expect(await slow.answer).toMatchObject({ channel: 'notes', request_id: slow.requestId });
  });

  it('answers a channel that leads nowhere, without touching a server', async () => {
    const { plane, stage } = await openStage();
    const answer = await plane.call(read(1), { channel: 'harpoon' });
    expect(errorOf(answer)).toMatchObject({
      code: -32_603,
      message: 'unsupported_channel',
      data: { tunnel_failure: { version: 1, source: 'client_internal', upstream_response_received: false } },
    });
    expect(stage.calls()).toEqual([]);
  });
});

describe('requests of the client', () => {
  it('declares what its channels can, in version 2, and in version 1 where the service takes no other', async () => {
    const { plane } = await openStage();
    await plane.call(read(1));
    expect(plane.declared).toEqual([
      '{"version":2,"channels":[{"name":"main","stateless":true,"proc_affinity":true},{"name":"notes","stateless":true,"proc_affinity":true}]}',
    ]);
    await open?.close();
    const older = await openStage({ hold: true });
    older.plane.firstVersionOnly = true;
    older.connector.start();
    await older.plane.call(read(2));
    expect(older.plane.declared.at(-1)).toMatch(/^\{"version":1,"channels":\[\{"name":"main","proc_affinity":true\}/);
  });

  it('uses the plural endpoints only, with bearer authorization, a name, a version and one instance', async () => {
    const { plane } = await openStage();
    await plane.call(read(1));
    // The stand-in refuses, and notes as a violation, every other path, method, header and body.
    expect(plane.polls.length).toBeGreaterThan(0);
    expect(plane.posts).toHaveLength(1);
  });

  it('takes every command of a poll that brings more than was asked for, and an empty list as none', async () => {
    const { plane, stage } = await openStage();
    plane.lavish = true;
    plane.handsOut = false;
    const sent = Array.from({ length: 60 }, (_, id) => plane.enqueue({ jsonrpc: JSON.stringify(read(id)) }));
    plane.failPolls({ kind: 'body', body: '{"commands":[]}' });
    plane.handsOut = true;
    plane.redeliver();
    for (const one of sent) expect(resultOf(await one.answer)).toHaveProperty('content');
    expect(stage.calls()).toHaveLength(60);
  });

  it('takes a command without a type for JSON-RPC', async () => {
    const { plane } = await openStage();
    expect(resultOf(await plane.call(read(1), { untyped: true }))).toHaveProperty('content');
  });
});

describe('notifications', () => {
  it('posts non-final jsonrpc_notify payloads before the terminal answer', async () => {
    const { plane } = await openStage();
    const call = modernCall(1, 'read_slowly', {}, { progressToken: 'p' });
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(call) });
    await sent.answer;
    expect(
      sent.notifications.map((one) => 'resp_json' in one && 'params' in one.resp_json && one.resp_json.params),
    ).toEqual([1, 2, 3].map((progress) => ({ progressToken: 'p', progress, total: 3 })));
    expect(plane.posts.map((post) => post.type)).toEqual([...Array(3).fill('jsonrpc_notify'), 'jsonrpc_response']);
  });

  it('after one that may have arrived is not repeated, skips later ones, and still delivers the answer', async () => {
    const { plane } = await openStage();
    plane.failPosts({ kind: 'cut', after: true });
    const call = modernCall(1, 'read_slowly', {}, { progressToken: 'p' });
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(call) });
    expect(resultOf(await sent.answer)).toHaveProperty('content');
    expect(sent.notifications).toHaveLength(1);
  });

  it('repeats one that met 429', async () => {
    const { plane } = await openStage();
    plane.failPosts({ kind: 'status', status: 429 });
    const call = modernCall(1, 'read_slowly', {}, { progressToken: 'p' });
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(call) });
    await sent.answer;
    expect(sent.notifications).toHaveLength(3);
  });

  it('sends none to a caller that takes no event stream', async () => {
    const { plane } = await openStage();
    const call = modernCall(1, 'read_slowly', {}, { progressToken: 'p' });
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(call), headers: { Accept: ['application/json'] } });
    await sent.answer;
    expect(sent.notifications).toEqual([]);
  });
});

describe('deadlines', () => {
  it('drops an expired command without touching a server or answering', async () => {
    const { plane, stage } = await openStage();
    plane.enqueue({ jsonrpc: JSON.stringify(read(1)), responseTimeout: '0s' });
    await plane.call(read(2));
    expect(plane.posts).toHaveLength(1);
    expect(stage.calls()).toHaveLength(1);
  });

  it('cancels what runs when its time is over, says nothing late, and does not run it when it comes again', async () => {
    const { plane, stage } = await openStage();
    await plane.call(read(0));
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(modernCall(1, 'read_never')), responseTimeout: '2s' });
    await stage.said('never');
    await expect.poll(() => stage.calls()[0]?.outcome, { timeout: 8_000 }).toBe('cancelled');
    await stage.said('cancelled');
    expect(plane.posts.filter((post) => post.requestId === sent.requestId)).toEqual([]);
    await plane.down();
    await plane.up();
    expect(errorOf(await sent.answer).message).toContain('not run again');
    expect(stage.calls()).toHaveLength(2);
  });

  it('fails open on a timeout that is malformed', async () => {
    const { plane } = await openStage();
    for (const responseTimeout of ['1m30s', 30, null, '-1s', '99999999999999999999h']) {
      expect(resultOf(await plane.call(read(1), { responseTimeout }))).toHaveProperty('content');
    }
  });

  it('tells a person’s prompt when the agent gives up', async () => {
    const { plane, stage } = await openStage();
    const sent = plane.enqueue({
      jsonrpc: JSON.stringify(modernCall(1, 'write_note', { path: 'a', text: 'b' })),
      responseTimeout: '60s',
    });
    const waiting = await stage.desk.next();
    const left = (waiting.call.deadline ?? 0) - Date.now();
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
    expect(waiting.call.agent.name).toBe('An agent (OpenAI tunnel, not verified)');
    waiting.answer({ outcome: 'allowed', by: 'test' });
    expect(resultOf(await sent.answer)).toHaveProperty('content');
  });
});

describe('retries', () => {
  it.each([408, 429, 502, 503, 504])('repeats a terminal answer that met %d, with the same bytes', async (status) => {
    const { plane, stage } = await openStage();
    plane.failPosts({ kind: 'status', status }, { kind: 'cut', after: false });
    expect(resultOf(await plane.call(read(1)))).toHaveProperty('content');
    expect(plane.posts).toHaveLength(3);
    expect(stage.calls()).toHaveLength(1);
  });

  it('does not repeat other refusals', async () => {
    const { plane, until } = await openStage();
    plane.failPosts({ kind: 'status', status: 400 }, { kind: 'status', status: 409 });
    plane.enqueue({ jsonrpc: JSON.stringify(read(1)) });
    plane.enqueue({ jsonrpc: JSON.stringify(read(2)) });
    await until((state) => state === 'trouble');
    expect(plane.posts).toHaveLength(2);
  });

  it('waits at least as long as Retry-After says, for polls and answers', async () => {
    const { plane } = await openStage({ hold: false });
    await plane.nextPoll();
    plane.failPosts({ kind: 'status', status: 503, retryAfter: '1' });
    await plane.call(read(1));
    const [first, second] = plane.posts;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
    plane.failPolls({ kind: 'status', status: 429, retryAfter: '1' });
    await plane.call(read(2));
    await plane.nextPoll();
    const gap = plane.polls.at(-1)?.at ?? 0;
    const before = plane.polls.at(-2)?.at ?? 0;
    expect(gap - before).toBeGreaterThanOrEqual(1_000);
  });

  it('goes on polling through 5xx, cut connections and answers that are no answer', async () => {
    const { plane } = await openStage();
    plane.failPolls(
      { kind: 'status', status: 500 },
      { kind: 'status', status: 503 },
      { kind: 'cut', after: false },
      { kind: 'cut-mid-body' },
      { kind: 'body', body: '{"commands":' },
      { kind: 'body', body: '{"commands":[]}' },
    );
    await plane.call(read(1));
    const answer = await plane.call(read(2));
    expect(resultOf(answer)).toHaveProperty('content');
  });

  it('takes 404 as the end of a command, keeps its result, and gives it to the next identical call', async () => {
    const { plane, stage } = await openStage();
    plane.failPosts({ kind: 'status', status: 404 });
    const ended = stage.nextEnd();
    plane.enqueue({ jsonrpc: JSON.stringify(modernCall(1, 'read_on_signal')) });
    const line = await stage.said('on signal');
    process.kill(Number(line.split(' ')[2]), 'SIGUSR2');
    expect(await ended).toMatchObject({ outcome: 'ran', bytesOut: 0 });
    const again = await plane.call(modernCall(2, 'read_on_signal'));
    expect(resultOf(again)).toMatchObject({ content: [{ text: 'signalled 1' }] });
    expect(stage.stderr.filter((one) => one.startsWith('on signal'))).toHaveLength(1);
  });
});

describe('concurrency', () => {
  it('runs a command once, however often it is delivered', async () => {
    const { plane, stage } = await openStage();
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(read(1)), copies: 5 });
    await sent.answer;
    const later = plane.enqueue({ jsonrpc: JSON.stringify(read(2)) });
    await later.answer;
    expect(stage.calls()).toHaveLength(2);
  });

  it('never polls for more than can be taken', async () => {
    const { plane, stage } = await openStage();
    const never = Array.from({ length: 40 }, (_, id) =>
      plane.enqueue({ jsonrpc: JSON.stringify(modernCall(id, 'read_never')) }),
    );
    await expect
      .poll(() => stage.stderr.filter((line) => line.startsWith('never')).length, { timeout: 15_000 })
      .toBe(32);
    expect(never.filter((one) => one.handedOut() > 0)).toHaveLength(32);
    expect(plane.polls.map((poll) => poll.limit)).not.toContain(0);
    const polled = plane.polls.length;
    stage.gateway.endSessions({ server: 'notes' }, 'unshared');
    await expect.poll(() => never.filter((one) => one.handedOut() > 0).length, { timeout: 15_000 }).toBe(40);
    expect(plane.polls.length).toBeGreaterThan(polled);
    stage.gateway.endSessions({ server: 'notes' }, 'unshared');
    await Promise.all(never.slice(0, 32).map((one) => one.answer));
  });
});

describe('sessions and discovery', () => {
  it('answers messages of the older era that name no session, each for itself', async () => {
    const { plane, stage } = await openStage();
    const params = { name: 'read_note', arguments: { path: 'a.md' } };
    const call = { jsonrpc: '2.0', id: 5, method: 'tools/call', params };
    const answers = await Promise.all([1, 2, 3].map(() => plane.call(call)));
    for (const answer of answers) expect(resultOf(answer)).toMatchObject({ structuredContent: { path: 'a.md' } });
    const { tools } = resultOf(await plane.call({ jsonrpc: '2.0', id: 5, method: 'tools/list' }));
    expect(tools).not.toEqual([]);
    const noted = await plane.call({ jsonrpc: '2.0', method: 'notifications/initialized' });
    expect(noted).toMatchObject({ resp_type: 'notify_ack', resp_code: 202 });
    // The list is a row, too.
    expect(stage.calls()).toHaveLength(4);
  });

  it('ends a session, and answers what still names it with 404', async () => {
    const tunnel = await openStage();
    const session = await initialize(tunnel);
    const headers = { 'mcp-session-id': [session] };
    const ended = await tunnel.plane.enqueue({ type: 'session_termination', headers }).answer;
    expect(ended).toMatchObject({ resp_type: 'session_termination_response', resp_code: 204 });
    expect(ended).not.toHaveProperty('resp_json');
    const after = await tunnel.plane.call({ jsonrpc: '2.0', id: 1, method: 'ping' }, { headers });
    expect(after.resp_code).toBe(404);
    const bare = await tunnel.plane.enqueue({ type: 'session_termination' }).answer;
    expect(bare.resp_code).toBe(400);
  });

  it('checks the forwarded Authorization with our own resource server, and tells where tokens come from', async () => {
    const { plane, stage } = await openStage({ access: 'oauth' });
    const discovered = await plane.enqueue({ type: 'oauth_discovery' }).answer;
    expect(discovered).toMatchObject({
      resp_type: 'oauth_discovery_response',
      resp_code: 200,
      resp_json: { resource: stage.url.href },
    });
    const bare = await plane.call(read(1));
    expect(bare.resp_code).toBe(401);
    expect(bare.resp_headers?.['WWW-Authenticate']?.[0]).toContain('resource_metadata=');
    expect(errorOf(bare).data).toMatchObject({ tunnel_failure: { source: 'target_http', upstream_status: 401 } });
    expect(stage.calls()).toEqual([]);
    const good = await plane.call(read(2), { headers: { Authorization: [`Bearer ${stage.token}`] } });
    expect(resultOf(good)).toHaveProperty('content');
    expect(stage.calls()[0]?.agent?.name).toBe('Test agent');
  });

  it('needs no token where the person relies on the tunnel’s own access control, and says that nobody was verified', async () => {
    const { plane, stage } = await openStage();
    const discovered = await plane.enqueue({ type: 'oauth_discovery' }).answer;
    expect(discovered.resp_code).toBe(404);
    await plane.call(read(1), {
      headers: { 'User-Agent': ['openai-mcp/1.0.0 (ChatGPT)'], Authorization: ['Bearer x'] },
    });
    expect(stage.calls()[0]?.agent).toEqual({
      id: `openai:${plane.tunnelId}:chatgpt`,
      name: 'ChatGPT (OpenAI tunnel, not verified)',
    });
  });
});

describe('upstreams over HTTP', () => {
  it('answers both eras from a server of its own era, and passes no header of the tunnel on', async () => {
    const upstream = await serveLegacyHttp();
    try {
      const { plane, stage } = await openStage({ target: { kind: 'http', url: upstream.url } });
      const { tools } = resultOf(await plane.call(modern(1, 'tools/list')));
      const [tool] = tools as { name: string }[];
      expect(tool?.name).toBeDefined();
      const headers = { Authorization: ['Bearer agents-own'], 'X-Later': ['1'] };
      await plane.call(modern(2, 'tools/list'), { headers });
      expect(upstream.seen.length).toBeGreaterThan(0);
      for (const { headers: met } of upstream.seen) {
        expect(met.authorization).toBeUndefined();
        expect(met['x-later']).toBeUndefined();
        expect(JSON.stringify(met)).not.toContain(plane.key);
      }
      expect(stage.calls().map((row) => row.outcome)).not.toContain('failed');
    } finally {
      await upstream.close();
    }
  });
});

describe('limits', () => {
  it('answers a huge call and a huge result whole', async () => {
    const { plane } = await openStage();
    const path = 'x'.repeat(1_500_000);
    expect(resultOf(await plane.call(read(1, path)))).toMatchObject({ structuredContent: { path } });
  });

  it('says so where an answer is larger than the service takes', async () => {
    const { plane } = await openStage();
    plane.failPosts({ kind: 'status', status: 413 });
    expect(errorOf(await plane.call(read(1))).message).toContain('larger than the tunnel takes');
  });
});
