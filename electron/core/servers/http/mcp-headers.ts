import { type JsonObject, memberAt } from '../../../shared/json-tree.ts';

/** The parameter that `Mcp-Name` repeats, by method (2026-07-28, basic/transports/streamable-http). */
const named: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/** The headers that a modern request carries beside its body. */
export function modernHeaders(
  method: string,
  params: JsonObject | undefined,
  protocolVersion: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'mcp-protocol-version': protocolVersion,
    'mcp-method': headerValue(method),
  };
  const member = named.get(method);
  const name = member === undefined ? undefined : memberAt(params, member);
  if (typeof name === 'string') headers['mcp-name'] = headerValue(name);
  return headers;
}

/**
 * A value as a header can carry it: what is not plain visible ASCII, has space at an end, or looks like the sentinel
 * itself goes as `=?base64?…?=`.
 */
export function headerValue(value: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/^=\?base64\?.*\?=$/i.test(value)) return value;
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}
