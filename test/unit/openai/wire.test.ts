import { describe, expect, it } from 'vitest';
import { isTunnelId, parseBaseUrl, serverInfo } from '../../../electron/core/tunnel/connectors/openai-control-plane.ts';
import { failurePayload, responseBody } from '../../../electron/core/tunnel/connectors/openai-response.ts';
import { parseRetryAfter, retryDelay } from '../../../electron/core/tunnel/connectors/openai-retry.ts';
import {
  elementTexts,
  parseResponseTimeout,
  readCommands,
} from '../../../electron/core/tunnel/connectors/openai-wire.ts';
import { serializeJson } from '../../../electron/shared/json-tree.ts';
import { provenanceProblem, responsePayload } from '../../fixtures/openai-control-plane/strictness.ts';

const command = (members: string) =>
  `{"request_id":"r","shard_token":"s","command_type":"jsonrpc","created_at":"2026-01-01T00:00:00Z","headers":{}${members}}`;
const read = (...commands: string[]) => readCommands(Buffer.from(`{"x":[{}],"commands":[${commands.join(' , ')}]}`));

describe('response_timeout', () => {
  it.each([
    ['30s', 30_000],
    ['4500ms', 4_500],
    ['0s', 0],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['500us', 0.5],
    ['1000000ns', 1],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(parseResponseTimeout(text)).toBe(milliseconds);
  });

  it.each([
    '4.5s',
    '-1s',
    '+1s',
    '1m30s',
    ' 1s',
    '1s ',
    '1e3s',
    '30d',
    '30',
    '',
    's',
    '999999999999999999999999h',
    30,
    null,
    undefined,
    {},
  ])('%j means no deadline', (value) => {
    expect(parseResponseTimeout(value)).toBeUndefined();
  });
});

describe('a poll response', () => {
  it('keeps payloads as they were written', () => {
    const payload = '{"jsonrpc":"2.0","id":9007199254740993,"method":"m","params":{"b":1.10,"a":"\\u00e9 }]{,"}}';
    const [first] = read(command(`,"jsonrpc":${payload}`));
    expect(first).toMatchObject({ requestId: 'r', shardToken: 's', channel: 'main', timeoutMs: undefined });
    if (!first || 'why' in first || first.payload === undefined) throw new Error('not read');
    expect(serializeJson(first.payload)).toBe(payload.replace('\\u00e9', 'é'));
    expect(first.idText).toBe('9007199254740993');
  });

  it('does not let one bad command spoil the others', () => {
    const twice = command(',"jsonrpc":{"jsonrpc":"2.0","id":7,"method":"a","method":"b"}');
    const [nameless, doubled, good] = read('{"command_type":"jsonrpc"}', twice, command(',"jsonrpc":{}'));
    expect(nameless).toHaveProperty('why');
    expect(doubled).toMatchObject({ payload: undefined, idText: '7' });
    expect(doubled).toHaveProperty('payloadProblem', expect.stringContaining('twice'));
    expect(good).toMatchObject({ payloadProblem: undefined });
  });

  it('tolerates members that it does not know, and a wrong timeout', () => {
    const [one] = read(command(',"later":{"x":[1]},"response_timeout":17'));
    expect(one).toMatchObject({ requestId: 'r', timeoutMs: undefined });
  });

  it('takes the contract’s defaults for what is absent: a JSON-RPC command on main', () => {
    const [bare, empty] = read('{"request_id":"r","shard_token":"s","jsonrpc":{}}', command(',"channel":""'));
    expect(bare).toMatchObject({ type: 'jsonrpc', channel: 'main' });
    expect(empty).toMatchObject({ channel: 'main' });
    expect(readCommands(Buffer.from('{"commands":null}'))).toEqual([]);
  });

  it('leaves a command alone whose shard token no header can carry', () => {
    const [one] = read('{"request_id":"r","shard_token":"a\\nb","command_type":"jsonrpc","jsonrpc":{}}');
    expect(one).toEqual({ why: expect.stringContaining('shard_token') });
  });

  it('keeps several values of a header apart', () => {
    const text =
      '{"request_id":"r","shard_token":"s","command_type":"jsonrpc","headers":{"X-A":["1, 2","3"],"x-a":["4"]}}';
    const [one] = read(text);
    expect(one && 'headers' in one && one.headers.get('x-a')).toEqual(['1, 2', '3', '4']);
  });

  it.each(['', '[]', '{"commands":{}}', '{"commands":[', '{}'])('refuses %j as a whole', (text) => {
    expect(() => readCommands(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'openai_answer_invalid' }));
  });

  it('cuts elements out of any JSON', () => {
    const elements = [{ a: '"]},{[' }, [[1], '\\'], 'x,y', -1.5e3, true, null, {}];
    const text = JSON.stringify({ before: { commands: [1] }, commands: elements, after: [] }, undefined, 1);
    expect(elementTexts(text, 'commands').map((one) => JSON.parse(one))).toEqual(elements);
    expect(elementTexts('{"commands":[]}', 'commands')).toEqual([]);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  it.each([
    ['5', 5_000],
    ['0', 0],
    ['Sun, 22 Nov 2026 12:00:07 GMT', 7_000],
    ['86400', 60_000],
    ['99999999999999999999', 60_000],
  ])('%s is a wait', (header, wait) => {
    expect(parseRetryAfter(header, now)).toBe(wait);
  });
  it.each(['-5', 'soon', '1.5', '', 'Sun, 22 Nov 2026 11:00:00 GMT', undefined])('%s is not', (header) => {
    expect(parseRetryAfter(header, now)).toBeUndefined();
  });
  it('is a minimum, on top of a back-off that grows, is bounded and has jitter', () => {
    expect(retryDelay(1, () => 0, 5_000)).toBeGreaterThan(5_000);
    expect(retryDelay(40, () => 0.999)).toBeLessThanOrEqual(5_000);
    expect(retryDelay(3, () => 0.9)).toBeGreaterThan(retryDelay(1, () => 0.9));
    expect(retryDelay(3, () => 0.1)).not.toBe(retryDelay(3, () => 0.9));
  });
});

describe('an answer', () => {
  it('carries only the headers that the protocol allows, and none that Connection names', () => {
    const body = responseBody(
      { requestId: 'r', channel: 'main' },
      {
        type: 'notify_ack',
        status: 202,
        headers: {
          'mcp-session-id': 'x',
          'x-internal': 'y',
          'www-authenticate': '',
          connection: 'last-event-id',
          'last-event-id': '1',
        },
      },
    );
    expect(JSON.parse(body.toString())).toEqual({
      request_id: 'r',
      channel: 'main',
      resp_headers: { 'Mcp-Session-Id': ['x'] },
      resp_code: 202,
      resp_type: 'notify_ack',
    });
  });

  it('names the provenance of a synthesized failure as published', () => {
    const payload = failurePayload('"a"', 502, 'Bad Gateway', { source: 'target_http', upstreamStatus: 503 });
    const body = responsePayload.parse(
      JSON.parse(responseBody({ requestId: 'r', channel: 'main' }, payload).toString()),
    );
    expect(provenanceProblem(body)).toBeUndefined();
    expect(body).toMatchObject({
      resp_code: 502,
      resp_json: {
        id: 'a',
        error: {
          code: -32_603,
          data: {
            tunnel_failure: {
              version: 1,
              source: 'target_http',
              upstream_response_received: true,
              upstream_status: 503,
            },
          },
        },
      },
    });
  });
});

describe('X-Tunnel-MCP-Server-Info', () => {
  it('is compact, in order, and within 32 channels and 4096 bytes', () => {
    expect(serverInfo(['main'])).toBe(
      '{"version":2,"channels":[{"name":"main","stateless":true,"proc_affinity":true}]}',
    );
    expect(serverInfo(['main'], 1)).toBe('{"version":1,"channels":[{"name":"main","proc_affinity":true}]}');
    expect(serverInfo([])).toBeUndefined();
    const many = serverInfo(Array.from({ length: 60 }, (_, index) => `server-${'x'.repeat(30)}-${index}`)) ?? '';
    expect(Buffer.byteLength(many)).toBeLessThanOrEqual(4_096);
    expect(JSON.parse(many).channels.length).toBeGreaterThan(30);
    expect(JSON.parse(serverInfo(Array.from({ length: 60 }, (_, index) => `s${index}`)) ?? '').channels).toHaveLength(
      32,
    );
  });
});

describe('the id of a tunnel', () => {
  it('has its form at OpenAI, and is opaque elsewhere', () => {
    const own = 'https://api.openai.com';
    expect(isTunnelId(`tunnel_${'a1'.repeat(16)}`, own)).toBe(true);
    expect(isTunnelId('tunnel_123', own)).toBe(false);
    expect(isTunnelId('tunnel_123', 'http://127.0.0.1:1')).toBe(true);
    expect(isTunnelId('../x', 'http://127.0.0.1:1')).toBe(false);
  });
});

describe('the address of the control plane', () => {
  it('is an https origin, or http on this machine', () => {
    expect(parseBaseUrl('https://api.openai.com/')).toBe('https://api.openai.com');
    expect(parseBaseUrl('http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080');
  });
  it.each(['http://api.openai.com', 'https://api.openai.com/v1', 'https://u:p@api.openai.com', 'ftp://x', 'nonsense'])(
    'is not %s',
    (text) => {
      expect(() => parseBaseUrl(text)).toThrow(expect.objectContaining({ code: 'openai_base_url' }));
    },
  );
});
