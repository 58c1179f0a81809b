import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ServerTarget } from '../../../electron/core/servers/servers.ts';
import { serveLegacyHttp, serveModernHttp } from '../../fixtures/mcp-servers/http-servers.ts';
import type { ResponsePayload } from '../../fixtures/openai-control-plane/strictness.ts';
import { modern, modernCall, openTunnelStage } from './tunnel-stage.ts';

// Both eras inside `jsonrpc`, each in front of servers of both eras, over stdio and HTTP.

const modernStdio = join(import.meta.dirname, '../../fixtures/mcp-servers/modern-stdio.ts');
const stdio = (args: string[]): ServerTarget => ({ kind: 'stdio', command: process.execPath, args, env: [] });

interface Upstream {
  readonly target: ServerTarget;
  close(): Promise<unknown>;
}
const upstreams: readonly (readonly [string, () => Promise<Upstream>])[] = [
  ['stdio, 2026-07-28', async () => ({ target: stdio([modernStdio, 'only']), close: async () => {} })],
  ['HTTP, 2026-07-28', async () => overHttp(await serveModernHttp({ strict: true }))],
  ['HTTP, 2025-11-25', async () => overHttp(await serveLegacyHttp())],
];
function overHttp(server: { readonly url: string; close(): Promise<unknown> }): Upstream {
  return { target: { kind: 'http', url: server.url }, close: () => server.close() };
}

function result(payload: ResponsePayload): Record<string, unknown> {
  if (!('resp_json' in payload) || !('result' in payload.resp_json)) throw new Error(JSON.stringify(payload));
  return payload.resp_json.result as Record<string, unknown>;
}
const names = (listed: Record<string, unknown>): string[] =>
  (listed.tools as { name: string }[]).map((tool) => tool.name);

describe.each(upstreams)('in front of a server over %s', (_what, open) => {
  it('answers 2026-07-28 without a session, and 2025-11-25 with one: discovery, lists, calls, progress', async () => {
    const upstream = await open();
    const tunnel = await openTunnelStage({ target: upstream.target });
    const { plane, stage } = tunnel;
    try {
      for (const tool of ['add', 'progress']) stage.policy.setAccess('notes', tool, 'allow');
      const sum = { name: 'add', arguments: { a: 2, b: 3 } };
      const five = [{ type: 'text', text: '5' }];

      // The headers that repeat the body over HTTP need not be there.
      expect(result(await plane.call(modern('d', 'server/discover'))).supportedVersions).toEqual(['2026-07-28']);
      expect(names(result(await plane.call(modern(1, 'tools/list'))))).toContain('add');
      const self = await plane.call(modernCall(2, sum.name, sum.arguments));
      expect(result(self)).toMatchObject({ resultType: 'complete', content: five });
      expect(self.resp_headers).not.toHaveProperty('Mcp-Session-Id');
      const told = plane.enqueue({ jsonrpc: JSON.stringify(modernCall(3, 'progress', {}, { progressToken: 'p' })) });
      expect(result(await told.answer)).toMatchObject({ content: [{ text: 'done' }] });
      expect(told.notifications).toHaveLength(1);
      // Where they are there they must agree.
      const headers = { 'Mcp-Method': ['tools/call'], 'MCP-Protocol-Version': ['2026-07-28'] };
      expect((await plane.call(modern(4, 'tools/list'), { headers })).resp_code).toBe(400);

      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
      const begun = await plane.call({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
      expect(result(begun).protocolVersion).toBe('2025-11-25');
      const session = { 'Mcp-Session-Id': begun.resp_headers?.['Mcp-Session-Id'] ?? [] };
      const noted = await plane.call({ jsonrpc: '2.0', method: 'notifications/initialized' }, { headers: session });
      expect(noted.resp_type).toBe('notify_ack');
      const listed = await plane.call({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, { headers: session });
      expect(names(result(listed))).toContain('add');
      const called = await plane.call(
        { jsonrpc: '2.0', id: 2, method: 'tools/call', params: sum },
        { headers: session },
      );
      expect(result(called).content).toEqual(five);
      const ended = await plane.enqueue({ type: 'session_termination', headers: session }).answer;
      expect(ended.resp_code).toBe(204);

      expect(plane.violations).toEqual([]);
      expect(stage.problems).toEqual([]);
    } finally {
      await tunnel.close();
      await upstream.close();
    }
  });
});
