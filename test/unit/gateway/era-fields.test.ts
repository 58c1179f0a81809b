import { expect, it } from 'vitest';
import { acrossEras, legacyResult, withoutRounds } from '../../../electron/core/gateway/era-fields.ts';
import { JsonObject, parseJson, serializeJson } from '../../../electron/shared/json-tree.ts';

const tree = (value: unknown): JsonObject => {
  const node = parseJson(JSON.stringify(value));
  if (!(node instanceof JsonObject)) throw new Error('no object');
  return node;
};
const plain = (node: unknown): unknown => JSON.parse(serializeJson(node as JsonObject));
const serverInfo = { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } };

it('a modern result loses what the legacy era does not know, and nothing else', () => {
  const list = {
    x: 1,
    resultType: 'complete',
    tools: [],
    ttlMs: 5,
    cacheScope: 'public',
    _meta: { ...serverInfo, own: 1 },
  };
  expect(plain(legacyResult('tools/list', tree(list)))).toEqual({ x: 1, tools: [], _meta: { own: 1 } });
  const call = { resultType: 'complete', content: [], ttlMs: 5, _meta: serverInfo };
  // No caching is defined for a call: there these names are the server's own.
  expect(plain(legacyResult('tools/call', tree(call)))).toEqual({ content: [], ttlMs: 5 });
  const untouched = tree({ content: [], _meta: { own: 1 } });
  expect(legacyResult('tools/call', untouched)).toBe(untouched);
});

it('answers change only where the eras differ', () => {
  const result = tree({ resultType: 'complete', content: [] });
  const legacyClient = { modern: false, method: 'tools/call' };
  expect(acrossEras({ result }, { era: 'legacy' }, legacyClient)).toEqual({ result });
  expect(acrossEras({ result }, { era: 'modern' }, { ...legacyClient, modern: true })).toEqual({ result });
  const across = acrossEras({ result }, { era: 'modern' }, legacyClient);
  expect('result' in across && plain(across.result)).toEqual({ content: [] });
  const asking = { result: tree({ resultType: 'input_required', requestState: 'x' }) };
  expect(acrossEras(asking, { era: 'modern' }, legacyClient)).toBe(asking);
  const unknown = acrossEras({ result: tree({ resultType: 'task', taskId: '1' }) }, { era: 'modern' }, legacyClient);
  expect('error' in unknown && plain(unknown.error)).toMatchObject({ code: -32_603 });
});

it('a legacy “resource not found” is told to a modern client with the code of its era', () => {
  const error = tree({ code: -32_002, message: 'Resource not found', data: { uri: 'x:' } });
  const code = (client: { modern: boolean; method: string }, era: 'legacy' | 'modern' = 'legacy'): unknown => {
    const answer = acrossEras({ error }, { era }, client);
    return 'error' in answer && plain(answer.error);
  };
  const data = { message: 'Resource not found', data: { uri: 'x:' } };
  expect(code({ modern: true, method: 'resources/read' })).toEqual({ code: -32_602, ...data });
  for (const other of [
    { modern: true, method: 'tools/call' },
    { modern: false, method: 'resources/read' },
  ]) {
    expect(code(other)).toEqual({ code: -32_002, ...data });
  }
});

it('params lose the members of a multi-round-trip request at their top only', () => {
  const params = tree({ name: 'a', requestState: 's', inputResponses: {}, arguments: { requestState: 'mine' } });
  expect(plain(withoutRounds(params))).toEqual({ name: 'a', arguments: { requestState: 'mine' } });
});
