import { describe, expect, it } from 'vitest';
import { headerValue, modernHeaders } from '../../../electron/core/servers/http/mcp-headers.ts';
import { fromPlain, JsonObject } from '../../../electron/shared/json-tree.ts';

describe('headers of a modern request', () => {
  it.each(['plain', 'two words', 'a=b?c', '~'])('carry %j as it is', (value) => {
    expect(headerValue(value)).toBe(value);
  });

  it.each(['ü', ' x', 'x ', 'a\r\nb: c', '', '\0', '=?base64?eA==?=', '=?BASE64?eA==?='])('wrap %j', (value) => {
    expect(headerValue(value)).toBe(`=?base64?${Buffer.from(value).toString('base64')}?=`);
  });

  it('name what the method names', () => {
    const params = fromPlain({ name: 'n', uri: 'u', taskId: 't' });
    const name = (method: string): string | undefined =>
      params instanceof JsonObject ? modernHeaders(method, params, 'v')['mcp-name'] : undefined;
    expect(['tools/call', 'prompts/get', 'resources/read', 'tasks/get', 'tools/list', '__proto__'].map(name)).toEqual([
      'n',
      'n',
      'u',
      't',
      undefined,
      undefined,
    ]);
  });
});
