import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { initialize, legacy, modern, openStage, type Stage, send, stream } from './stage.ts';

describe('how requests end that are not answered', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.close());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });

  const never = (id: number) =>
    modern('tools/call', { name: 'read_never', arguments: {}, _meta: { progressToken: id } }, id);
  const write = { name: 'write_note', arguments: { path: 'a', text: 'b' } };

  it('cancels at the server when a modern client closes its stream', async () => {
    const ended = stage.nextEnd();
    const said = stage.said('never ');
    const open = stream(stage, never(71)).catch(() => undefined);
    const [, upstreamId] = (await said).split(' ');
    // The stream begins by itself after two seconds; then it is cut.
    (await open)?.cut();
    await stage.said(`cancelled ${upstreamId}`);
    expect(await ended).toMatchObject({ outcome: 'cancelled', tool: 'read_never' });
  });

  it('withdraws a held call when its stream closes, in either era, and does not run it', async () => {
    const session = await initialize(stage);
    for (const options of [modern('tools/call', write, 5), legacy(session, 'tools/call', write, 5)]) {
      const withdrawn = stage.desk.onWithdrawn();
      const ended = stage.nextEnd();
      const held = await stream(stage, options);
      await stage.desk.next();
      held.cut();
      await withdrawn;
      expect(stage.desk.withdrawn.at(-1)?.cancelled).toBe(false);
      expect(await ended).toMatchObject({ outcome: 'cancelled', tool: 'write_note' });
    }
  });

  it('lets a running call go on when a legacy client loses its connection, and ends it on notifications/cancelled', async () => {
    const session = await initialize(stage);
    const lines = stage.stderr.length;
    const held = stream(stage, legacy(session, 'tools/call', { name: 'read_never', arguments: {} }, 6));
    const running = await held;
    const closed = stage.nextClose();
    running.cut();
    await closed;
    const fresh = () => stage.stderr.slice(lines);
    expect(fresh().filter((line) => line.startsWith('never'))).toHaveLength(1);
    expect(stage.calls()[0]?.outcome).toBeUndefined();
    const ended = stage.nextEnd();
    const cancel = await send(stage, legacy(session, 'notifications/cancelled', { requestId: 6 }));
    expect(cancel.status).toBe(202);
    expect(await ended).toMatchObject({ outcome: 'cancelled', tool: 'read_never' });
    await stage.said(
      fresh()
        .find((line) => line.startsWith('never'))
        ?.replace('never', 'cancelled') ?? 'none',
    );
  });

  it('keeps a result that could not be delivered, and gives it once to the same call', async () => {
    const session = await initialize(stage);
    const slow = legacy(session, 'tools/call', { name: 'read_on_signal', arguments: { n: 1 } }, 7);
    const held = await stream(stage, slow);
    const closed = stage.nextClose();
    held.cut();
    await closed;
    const ended = stage.nextEnd();
    const pid = (await stage.said('on signal ')).split(' ').at(-1);
    process.kill(Number(pid), 'SIGUSR2');
    expect(await ended).toMatchObject({ outcome: 'ran', bytesOut: 0 });
    const answer = await send(
      stage,
      legacy(session, 'tools/call', { name: 'read_on_signal', arguments: { n: 1 } }, 71),
    );
    expect(answer.json).toMatchObject({ id: 71, result: { content: [{ text: 'signalled 1' }] } });
    expect(stage.calls()[0]).toMatchObject({ outcome: 'ran', decision: { rule: 'built-in:kept-result' } });
    const third = stream(stage, legacy(session, 'tools/call', { name: 'read_on_signal', arguments: { n: 1 } }, 72));
    const open = await third;
    process.kill(Number(pid), 'SIGUSR2');
    expect(await open.next()).toMatchObject({ id: 72, result: { content: [{ text: 'signalled 2' }] } });
  });

  it('runs nothing for a client that went while the server started', async () => {
    const session = await initialize(stage);
    await send(stage, legacy(session, 'tools/call', { name: 'get_crash', arguments: {} }, 1));
    const decided = new Promise<void>((resolve) => {
      const stop = stage.log.onRow((row) => {
        if (row.tool !== 'read_never') return;
        stop();
        resolve();
      });
    });
    const lines = stage.stderr.length;
    const abort = new AbortController();
    const call = legacy(session, 'tools/call', { name: 'read_never', arguments: {} }, 2);
    send(stage, { ...call, signal: abort.signal }).catch(() => {});
    await decided;
    const ended = stage.nextEnd();
    abort.abort();
    expect(await ended).toMatchObject({ tool: 'read_never', outcome: 'cancelled' });
    expect(stage.stderr.slice(lines).filter((line) => line.startsWith('never'))).toEqual([]);
  });

  it('tells the prompt of an express cancel', async () => {
    const session = await initialize(stage);
    const held = await stream(stage, legacy(session, 'tools/call', write, 8));
    await stage.desk.next();
    await send(stage, legacy(session, 'notifications/cancelled', { requestId: 8 }));
    expect(await held.next()).toMatchObject({ id: 8, error: { code: -31_004 } });
    expect(stage.desk.withdrawn.at(-1)?.cancelled).toBe(true);
  });

  it('tells a waiting client with a progress token that somebody was asked', async () => {
    const held = await stream(stage, modern('tools/call', { ...write, _meta: { progressToken: 'mine' } }, 9));
    const waiting = await stage.desk.next();
    expect(await held.next()).toMatchObject({ method: 'notifications/progress', params: { progressToken: 'mine' } });
    waiting.answer({ outcome: 'allowed', by: 'window' });
    expect(await held.next()).toMatchObject({ id: 9, result: { resultType: 'complete' } });
    expect(await held.next()).toBeUndefined();
  });

  it('refuses an id that is still in use in its session', async () => {
    const session = await initialize(stage);
    const held = await stream(stage, legacy(session, 'tools/call', write, 10));
    const waiting = await stage.desk.next();
    const twice = await send(stage, legacy(session, 'tools/call', write, 10));
    expect(twice.json).toMatchObject({ id: 10, error: { code: -32_600 } });
    waiting.answer({ outcome: 'denied' });
    expect(await held.next()).toMatchObject({ id: 10, result: { isError: true } });
  });

  it('checks again after the answer: paused or changed meanwhile does not run', async () => {
    const paused = await stream(stage, modern('tools/call', write, 11));
    const first = await stage.desk.next();
    stage.paused = { at: 'now' };
    first.answer({ outcome: 'allowed', by: 'window' });
    expect(await paused.next()).toMatchObject({ result: { _meta: { 'sallyport/decision': { outcome: 'paused' } } } });
    stage.paused = undefined;

    const off = await stream(stage, modern('tools/call', write, 12));
    const second = await stage.desk.next();
    stage.policy.setAccess('notes', 'write_note', 'off');
    second.answer({ outcome: 'allowed', by: 'window' });
    expect(await off.next()).toMatchObject({ result: { _meta: { 'sallyport/decision': { outcome: 'denied' } } } });
    stage.policy.setAccess('notes', 'write_note', 'ask');
  });

  it('cancels what runs when everything is paused, and says that it may have happened', async () => {
    const lines = stage.stderr.length;
    const running = stream(stage, never(13));
    const stop = await running;
    expect(stage.stderr.slice(lines).some((line) => line.startsWith('never'))).toBe(true);
    const ended = stage.nextEnd();
    stage.paused = { at: 'now' };
    expect(stage.gateway.endSessions({}, 'paused')).toBeGreaterThanOrEqual(1);
    expect(await stop.next()).toMatchObject({ result: { isError: true } });
    expect(await ended).toMatchObject({ outcome: 'unknown' });
    stage.paused = undefined;
  });

  it('acknowledges a subscription, tells of a switch, and ends it when the token is revoked', async () => {
    const { id, token } = stage.mint('Listener');
    const listen = modern(
      'subscriptions/listen',
      { notifications: { toolsListChanged: true, promptsListChanged: true } },
      'sub',
    );
    const open = await stream(stage, { ...listen, headers: { ...listen.headers, authorization: `Bearer ${token}` } });
    const tag = { 'io.modelcontextprotocol/subscriptionId': 'sub' };
    expect(await open.next()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { toolsListChanged: true }, _meta: tag },
    });
    stage.policy.setAccess('notes', 'write_note', 'off');
    expect(await open.next()).toMatchObject({ method: 'notifications/tools/list_changed', params: { _meta: tag } });
    stage.policy.setAccess('notes', 'write_note', 'ask');
    expect(await open.next()).toMatchObject({ method: 'notifications/tools/list_changed' });
    stage.resourceServer.revoke(id);
    expect(await open.next()).toEqual({ jsonrpc: '2.0', id: 'sub', result: { resultType: 'complete', _meta: tag } });
    expect(await open.next()).toBeUndefined();
  });

  it('tells a session of its own conversation only, and everybody of what the person changed', async () => {
    const fresh = await openStage();
    const open = async () => {
      const session = await initialize(fresh);
      const headers = { 'mcp-session-id': session, accept: 'text/event-stream' };
      return { session, events: await stream(fresh, { headers }) };
    };
    const own = await open();
    const other = await open();
    const change = legacy(own.session, 'tools/call', { name: 'get_change', arguments: {} }, 1);
    await send(fresh, change);
    // The first change alters a definition, which concerns all; the second only announces.
    expect(await own.events.next()).toMatchObject({ method: 'notifications/tools/list_changed' });
    await send(fresh, change);
    expect(await own.events.next()).toMatchObject({ method: 'notifications/tools/list_changed' });
    fresh.policy.setAccess('notes', 'write_note', 'off');
    fresh.gateway.endSessions({}, 'paused');
    const rest = async (events: typeof own.events): Promise<number> => {
      let count = 0;
      while ((await events.next()) !== undefined) count += 1;
      return count;
    };
    expect([await rest(own.events), await rest(other.events)]).toEqual([1, 2]);
    await fresh.close();
  });

  it('ends the sessions of a server that is unshared', async () => {
    const session = await initialize(stage);
    stage.gateway.endSessions({ server: 'notes' }, 'unshared');
    expect((await send(stage, legacy(session, 'tools/list', {}, 1))).status).toBe(404);
  });

  it('holds 16 calls of one agent and denies the next', async () => {
    const { token } = stage.mint('Eager');
    const options = modern('tools/call', write, 1);
    const eager = { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } };
    const held = await Promise.all(Array.from({ length: 16 }, () => stream(stage, eager)));
    const waiting = await Promise.all(held.map(() => stage.desk.next()));
    const denied = await send(stage, eager);
    expect(denied.json).toMatchObject({
      result: { isError: true, _meta: { 'sallyport/decision': { outcome: 'denied' } } },
    });
    for (const one of waiting) one.answer({ outcome: 'denied' });
    for (const one of held) expect(await one.next()).toMatchObject({ result: { isError: true } });
  });

  it('serves HTTP/2 the same way', async () => {
    const server = createServer((request, response) => stage.gateway.handle(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(`http://127.0.0.1:${port}`);
    const ask = async (body: string, headers: Record<string, string>): Promise<{ status: unknown; text: string }> => {
      const sent = client.request({
        ':method': 'POST',
        ':path': '/notes/mcp',
        ':authority': `127.0.0.1:${port}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      });
      sent.end(body);
      const [answer] = (await once(sent, 'response')) as [Record<string, unknown>];
      let text = '';
      sent.setEncoding('utf8');
      for await (const chunk of sent) text += chunk as string;
      return { status: answer[':status'], text };
    };
    const call = modern('tools/call', { name: 'read_note', arguments: { n: 1 } });
    const headers = { ...(call.headers as Record<string, string>), authorization: `Bearer ${stage.token}` };
    const answer = await ask(String(call.body), headers);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ id: 1, result: { structuredContent: { n: 1 } } });
    expect((await ask(String(call.body), { ...headers, authorization: 'Bearer no' })).status).toBe(401);
    expect((await ask('x'.repeat(5 * 1024 * 1024), headers)).status).toBe(413);

    const held = client.request({
      ':method': 'POST',
      ':path': '/notes/mcp',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
      'mcp-name': 'write_note',
    });
    held.on('error', () => {});
    held.end(String(modern('tools/call', write, 2).body));
    await stage.desk.next();
    const withdrawn = stage.desk.onWithdrawn();
    held.close(8);
    await withdrawn;
    client.close();
    server.close();
  });

  it('passes numbers, order and unknown members through untouched, both ways', async () => {
    const args = '{"z":1.10,"a":9007199254740993,"e":1e400,"u":"\\u00e9\\ud83d\\ude00","-0":-0}';
    const session = await initialize(stage);
    const body = `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"read_note","arguments":${args},"x-own":[1.0],"task":{"ttl":1},"_meta":{"x":2.50}}}`;
    const answer = await send(stage, { body, headers: { 'mcp-session-id': session } });
    const decoded = args.replace('\\u00e9\\ud83d\\ude00', 'é😀');
    expect(answer.text).toContain(`"structuredContent":${decoded}`);
    expect(answer.text).toContain('"_meta":{"x-server":1.10},"x-extra":[9007199254740993]');
    const received = (answer.json as { result: { content: { text: string }[] } }).result.content[0]?.text;
    expect(received).toBe(`{"name":"read_note","arguments":${decoded},"x-own":[1.0],"_meta":{"x":2.50}}`);
  });

  it('logs exactly one decision and one end for each call made here', () => {
    const open = stage.calls().filter((row) => row.decision === undefined || row.outcome === undefined);
    expect(open).toEqual([]);
  });
});
