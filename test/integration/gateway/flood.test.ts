import { expect, it } from 'vitest';
import { serveHttp } from '../../fixtures/mcp-servers/http-servers.ts';
import { flood } from '../../fuzz/flood.ts';
import { initialize, legacy, modern, openStage, send } from './stage.ts';

it('a call that says 16 MiB on its stream costs little memory, and ends', { timeout: 60_000 }, async () => {
  const report = await flood(16);
  expect(report.answer).toContain('256 said');
  expect(report.arrived).toBeGreaterThan(50);
  expect(report.grownMiB, JSON.stringify(report)).toBeLessThan(256);
});

it('a result of 15 MiB passes whole in both eras, one of 17 MiB is refused in words', { timeout: 60_000 }, async () => {
  const server = await serveHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(405).end();
      const { id, method, params } = JSON.parse(body) as {
        id?: number;
        method: string;
        params?: Record<string, never>;
      };
      if (id === undefined) return void response.writeHead(202).end();
      const { mebibytes = 0 } = (params?.arguments ?? {}) as { mebibytes?: number };
      const results: Record<string, object> = {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'big', version: '1' },
        },
        'tools/list': {
          tools: [{ name: 'get_big', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }],
        },
        'tools/call': { content: [{ type: 'text', text: 'ä'.repeat(mebibytes * 512 * 1024) }] },
      };
      const result = results[method];
      const message = result ? { result } : { error: { code: -32_601, message: 'Method not found' } };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, ...message })}\n\n`);
    });
  });
  const stage = await openStage({ target: { kind: 'http', url: server.url } });
  try {
    const session = await initialize(stage);
    const call = (mebibytes: number) => ({ name: 'get_big', arguments: { mebibytes } });
    for (const request of [
      (size: number) => legacy(session, 'tools/call', call(size), size),
      (size: number) => modern('tools/call', call(size), size),
    ]) {
      const passed = (await send(stage, request(15))).json as { result: { content: { text: string }[] } };
      expect(passed.result.content[0]?.text.length).toBe(15 * 512 * 1024);
      const refused = await send(stage, request(17));
      expect(refused.text.length).toBeLessThan(2_000);
      expect(refused.text).toMatch(/16 MiB|may or may not have happened/);
    }
    expect(stage.problems).toEqual([]);
  } finally {
    await stage.close();
    await server.close();
  }
});
