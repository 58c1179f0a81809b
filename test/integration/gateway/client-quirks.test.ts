import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownForVersionHeader } from '../../../electron/core/gateway/client-quirks.ts';
import { initialize, legacy, modern, openStage, type Stage, send } from './stage.ts';

describe('a version header that contradicts the body', () => {
  let stage: Stage;
  let known = '';
  beforeAll(async () => {
    stage = await openStage({ forgivesVersion: (agent) => agent === known });
    known = stage.resourceServer.agents()[0]?.id ?? '';
  });
  afterAll(() => stage.close());
  const wrong = (request: ReturnType<typeof modern>, headers: Record<string, string>, token?: string) => ({
    ...request,
    headers: {
      ...request.headers,
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  });
  const call = () => modern('tools/call', { name: 'read_note', arguments: {} });
  const old = { 'mcp-protocol-version': '2025-11-25' };
  const now = { 'mcp-protocol-version': '2026-07-28' };

  it('is passed over for an agent known for it, in both directions, and logged once', async () => {
    for (let time = 0; time < 2; time += 1) {
      expect((await send(stage, wrong(call(), old))).json).toMatchObject({ result: { resultType: 'complete' } });
    }
    const session = await initialize(stage);
    const inSession = legacy(session, 'tools/call', { name: 'read_note', arguments: {} }, 1);
    expect((await send(stage, wrong(inSession, now))).json).toMatchObject({ result: { content: [{ type: 'text' }] } });
    expect(stage.forgiven).toHaveLength(2);
    expect(stage.forgiven[0]).toContain('header says 2025-11-25, its message 2026-07-28');
    expect(stage.forgiven[1]).toContain('belongs to a session of the older era');
  });

  it('is refused for everybody else', async () => {
    const before = stage.forgiven.length;
    const { token } = stage.mint('Somebody else');
    expect((await send(stage, wrong(call(), old, token))).json).toMatchObject({ error: { code: -32_020 } });
    const session = await initialize(stage, '2025-11-25', token);
    const inSession = legacy(session, 'tools/list', {}, 1);
    expect((await send(stage, wrong(inSession, now, token))).json).toMatchObject({ error: { code: -32_602 } });
    expect(stage.forgiven).toHaveLength(before);
  });

  it('is the only thing passed over: method and name must agree, and versions must be known', async () => {
    for (const headers of [
      { ...old, 'mcp-method': 'tools/list' },
      { ...old, 'mcp-name': 'write_note' },
      { 'mcp-protocol-version': '2024-01-01' },
    ]) {
      expect((await send(stage, wrong(call(), headers))).json, JSON.stringify(headers)).toMatchObject({
        error: { code: -32_020 },
      });
    }
    const fresh = wrong(modern('tools/list'), now);
    const bare = { ...fresh, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }) };
    expect((await send(stage, bare)).json).toMatchObject({ error: { code: -32_602 } });
  });

  it('is known of the clients that come through claude.ai alone', () => {
    const agents = ['client:claude.ai', 'client:claude-code', 'client:chatgpt.com', 'token:claude.ai', ''];
    expect(agents.filter(knownForVersionHeader)).toEqual(['client:claude.ai']);
  });
});
