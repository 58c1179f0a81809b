import { describe, expect, it } from 'vitest';
import { createAgentSessions } from '../../../electron/core/gateway/agent-sessions.ts';
import { atInstant } from '../../../electron/core/gateway/at-instant.ts';
import { callDigest } from '../../../electron/core/gateway/call-digest.ts';
import { createEventStream } from '../../../electron/core/gateway/event-stream.ts';
import { forServer, forward } from '../../../electron/core/gateway/forward.ts';
import { createLegacySessions } from '../../../electron/core/gateway/legacy-sessions.ts';
import { createLive, perAgent } from '../../../electron/core/gateway/live.ts';
import { decodeMirrored } from '../../../electron/core/gateway/mirrored-headers.ts';
import { paramHeaderProblem } from '../../../electron/core/gateway/param-headers.ts';
import { beginLife } from '../../../electron/core/gateway/request-life.ts';
import { createPathRoutes } from '../../../electron/core/gateway/routes.ts';
import type { Decided } from '../../../electron/core/request-log/request-log.ts';
import type { UpstreamSession } from '../../../electron/core/servers/upstream-session.ts';
import { JsonObject, parseJson, serializeJson } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';

const minute = 60_000;
const object = (text: string): JsonObject => parseJson(text) as JsonObject;

describe('callDigest', () => {
  const call = {
    method: 'tools/call',
    name: 'a',
    arguments: parseJson('{"x":1,"y":2}'),
    pin: 'p',
    agent: 'g',
    server: 's',
  };

  it('is the same for the same call with members in another order', () => {
    expect(callDigest(call)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(callDigest({ ...call, arguments: parseJson('{"y":2,"x":1}') })).toBe(callDigest(call));
  });

  it('changes with each of its members, and with what a double would hide', () => {
    const others = [
      { ...call, method: 'prompts/get' },
      { ...call, name: 'b' },
      { ...call, name: undefined },
      { ...call, arguments: parseJson('{"x":1.0,"y":2}') },
      { ...call, arguments: parseJson('{"x":9007199254740993,"y":2}') },
      { ...call, arguments: parseJson('{"x":9007199254740992,"y":2}') },
      { ...call, arguments: null },
      { ...call, arguments: undefined },
      { ...call, inputResponses: parseJson('{}') },
      { ...call, pin: 'q' },
      { ...call, pin: undefined },
      { ...call, agent: 'h' },
      { ...call, server: 't' },
    ];
    expect(new Set([call, ...others].map(callDigest)).size).toBe(others.length + 1);
  });
});

describe('agent sessions', () => {
  it('last 30 minutes after the last call and 12 hours at most, sleep and a wrong clock included', () => {
    const clock = createManualClock();
    const sessions = createAgentSessions(clock);
    const first = sessions.of('a');
    expect(sessions.of('b')).not.toBe(first);
    clock.advance(29 * minute);
    expect(sessions.of('a')).toBe(first);
    clock.advance(30 * minute);
    const second = sessions.of('a');
    expect(second).not.toBe(first);
    clock.jump(31 * minute); // the machine slept: only wall time went on
    expect(sessions.of('a')).not.toBe(second);
    clock.jump(-24 * 60 * minute);
    const third = sessions.of('a');
    for (let step = 0; step < 36; step += 1) {
      clock.advance(20 * minute - 1);
      if (step < 35) expect(sessions.of('a')).toBe(third);
    }
    clock.advance(minute);
    expect(sessions.of('a')).not.toBe(third);
    const fourth = sessions.of('a');
    sessions.end('a');
    expect(sessions.of('a')).not.toBe(fourth);
  });
});

describe('atInstant', () => {
  it('waits longer than a timer can, and notices that the machine slept', () => {
    const clock = createManualClock();
    let ran = 0;
    const run = (): void => {
      ran += 1;
    };
    atInstant(clock, clock.now() + 40 * 24 * 60 * minute, run);
    clock.advance(39 * 24 * 60 * minute);
    expect(ran).toBe(0);
    clock.jump(2 * 24 * 60 * minute);
    clock.advance(60 * minute);
    expect(ran).toBe(1);
    const stop = atInstant(clock, clock.now() + minute, run);
    stop();
    clock.advance(2 * minute);
    expect([ran, clock.pending]).toEqual([1, 0]);
  });
});

describe('an event stream', () => {
  const open = (buffered = 0) => {
    const clock = createManualClock();
    const written: string[] = [];
    const state = { ends: 0, buffered };
    const count = (by: number) => (): void => {
      state.ends += by;
    };
    const sink = { write: (chunk: string) => void written.push(chunk), end: count(1), buffered: () => state.buffered };
    return { clock, written, state, stream: createEventStream(sink, clock, count(10)) };
  };

  it('says every 15 s that it is alive, and nothing after its end', () => {
    const { clock, written, state, stream } = open();
    clock.advance(45_000);
    expect(written).toEqual([': keep-alive\n\n', ': keep-alive\n\n', ': keep-alive\n\n']);
    expect(stream.send('{}')).toBe('event: message\ndata: {}\n\n'.length);
    stream.end();
    stream.end();
    expect(stream.send('{}')).toBe(0);
    clock.advance(60_000);
    expect([written.length, state.ends, clock.pending]).toEqual([4, 11, 0]);
  });

  it('keeps no heap for a reader that does not read', () => {
    const { clock, written, state, stream } = open(1024 * 1024);
    stream.offer('{}');
    clock.advance(15_000);
    expect([written.length, stream.open]).toEqual([0, true]);
    stream.insist('{}');
    expect([written.length, stream.open, state.ends]).toEqual([0, false, 11]);
  });
});

describe('what is forwarded', () => {
  it('is what was received, without the envelope of the agent’s hop', () => {
    const strip = (text: string): string => serializeJson(forServer(object(text)));
    const plain = '{"name":"a","_meta":{"progressToken":1,"x":2.50},"y":[1.0]}';
    expect(strip(plain)).toBe(plain);
    expect(strip('{"_meta":{"io.modelcontextprotocol/protocolVersion":"v","x":1},"name":"a","task":{}}')).toBe(
      '{"_meta":{"x":1},"name":"a"}',
    );
    expect(strip('{"_meta":{"io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/logLevel":"info"}}')).toBe(
      '{}',
    );
  });

  it('was decided, is what was decided, and leaves once', async () => {
    const params = object('{"name":"a","arguments":{"x":1}}');
    const call = { method: 'tools/call', name: 'a', arguments: params.get('arguments') };
    // Only the log can make a Decided; this stands for one, to see what the forwarder does with it.
    const decided = () => ({ call, decision: {} }) as unknown as Decided;
    const sent: string[] = [];
    const session = {
      info: { era: 'legacy' },
      request: (method: string) => {
        sent.push(method);
        return Promise.resolve({ result: null });
      },
    } as unknown as UpstreamSession;
    const one = decided();
    await forward(one, session, params, {});
    expect(() => forward(one, session, params, {})).toThrow('another call');
    expect(() => forward(decided(), session, object('{"name":"b","arguments":{"x":1}}'), {})).toThrow('another call');
    // Equal is not enough: it must be the very tree that was judged.
    expect(() => forward(decided(), session, object('{"name":"a","arguments":{"x":1}}'), {})).toThrow('another call');
    expect(sent).toEqual(['tools/call']);
  });
});

describe('headers that repeat the body', () => {
  it('are decoded, and refused where they cannot be', () => {
    expect(decodeMirrored('plain name')).toBe('plain name');
    expect(decodeMirrored(`=?base64?${Buffer.from('Zürich').toString('base64')}?=`)).toBe('Zürich');
    expect(decodeMirrored('=?base64??=')).toBe('');
    for (const wrong of [
      'Z\u00fcrich',
      'a\u0000',
      '=?base64?a?=',
      '=?base64?YQ?=',
      '=?base64?/w==?=',
      '=?base64?YQ==YQ==?=',
    ]) {
      expect(decodeMirrored(wrong), wrong).toBeUndefined();
    }
    expect(decodeMirrored('=?base64?=')).toBe('=?base64?=');
  });

  it('are compared with arguments: texts exactly, integers by value', () => {
    const definition = object(
      '{"inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"R"},"o":{"properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}}',
    );
    const check = (args: string, headers: Record<string, string>): string | undefined =>
      paramHeaderProblem(definition, parseJson(args), (name) => headers[name]);
    expect(check('{}', {})).toBeUndefined();
    expect(check('{"r":null}', {})).toBeUndefined();
    expect(check('{"r":"a","o":{"n":42}}', { 'mcp-param-r': 'a', 'mcp-param-n': '42.0' })).toBeUndefined();
    expect(check('{"r":"a"}', {})).toContain('Mcp-Param-R');
    expect(check('{"r":"a"}', { 'mcp-param-r': 'A' })).toContain('differ');
    expect(check('{"o":{"n":9007199254740993}}', { 'mcp-param-n': '9007199254740992' })).toContain('differ');
    expect(check('{"o":{"n":16}}', { 'mcp-param-n': '0x10' })).toContain('differ');
  });
});

describe('a request’s life', () => {
  it('ends for what waits when the client goes, and for what runs only in the modern era', () => {
    for (const modern of [true, false]) {
      const gone = new AbortController();
      const life = beginLife(gone.signal, modern);
      gone.abort();
      expect([life.open.aborted, life.run.aborted, life.why]).toEqual([true, modern, 'gone']);
      life.end('cancelled');
      expect([life.run.aborted, life.why]).toEqual([true, modern ? 'gone' : 'cancelled']);
    }
  });
});

describe('limits', () => {
  it('count per agent and kind, and give back', () => {
    const live = createLive();
    const add = (agent: string, kind: 'held' | 'stream') =>
      live.add({ kind, agent, grant: 'g', server: 's', end: () => {} });
    const held = Array.from({ length: perAgent.held }, () => add('a', 'held'));
    expect(held).not.toContain(undefined);
    expect(add('a', 'held')).toBeUndefined();
    expect(add('b', 'held')).toBeDefined();
    expect(add('a', 'stream')).toBeDefined();
    held[0]?.();
    held[0]?.();
    expect(add('a', 'held')).toBeDefined();
    expect(add('a', 'held')).toBeUndefined();
    expect(live.end({ agent: 'a' }, 'paused')).toBe(1);
  });

  it('make the session that was silent longest leave, never a busy one', () => {
    const clock = createManualClock();
    const sessions = createLegacySessions(clock);
    const owner = { agent: 'a', grant: 'g', server: 's' };
    const all = Array.from({ length: 64 }, () => {
      clock.advance(1);
      return sessions.create(owner, '2025-11-25', new JsonObject());
    });
    all[0]?.inFlight.set('n:1', beginLife(new AbortController().signal, false));
    expect(sessions.create(owner, '2025-11-25', new JsonObject())).toBeDefined();
    expect(sessions.find(all[0]?.id ?? '', 'a', 's')).toBe(all[0]);
    expect(sessions.find(all[1]?.id ?? '', 'a', 's')).toBeUndefined();
    expect(sessions.find(all[2]?.id ?? '', 'b', 's')).toBeUndefined();
    expect(sessions.find(all[2]?.id ?? '', 'a', 't')).toBeUndefined();
  });
});

describe('routes', () => {
  it('know shared servers by name and path, byte for byte', () => {
    const target = { kind: 'http', url: 'http://127.0.0.1:1/mcp' } as const;
    const routes = createPathRoutes({
      domain: () => 'agents.example',
      aliases: () => ['127.0.0.1'],
      records: () => [
        { slug: 'notes', name: 'Notes', target, shared: true },
        { slug: 'mail', name: 'Mail', target, shared: false },
      ],
      resource: (slug) => `https://agents.example/${slug}/mcp`,
    });
    expect(routes.byAddress('agents.example', '/notes/mcp')?.resource).toBe('https://agents.example/notes/mcp');
    expect(routes.byAddress('127.0.0.1', '/notes/mcp')).toBeDefined();
    for (const path of ['/mail/mcp', '/Notes/mcp', '/notes/mcp/', '/notes/mcp?x', '//notes/mcp', '/notes%2fmcp', '/']) {
      expect(routes.byAddress('agents.example', path), path).toBeUndefined();
    }
    expect(routes.byAddress('evil.example', '/notes/mcp')).toBeUndefined();
    expect(routes.serves('sub.agents.example')).toBe(false);
  });
});
