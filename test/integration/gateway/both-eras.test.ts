import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

const connectLegacy = async (stage: Stage, token = stage.token): Promise<LegacyClient> => {
  const client = new LegacyClient({ name: 'legacy', version: '1' });
  await client.connect(
    new LegacyTransport(stage.url, { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
  );
  return client;
};
const connectModern = async (stage: Stage, token = stage.token): Promise<ModernClient> => {
  const client = new ModernClient(
    { name: 'modern', version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(
    new ModernTransport(stage.url, { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
  );
  return client;
};
const textOf = (result: unknown): string =>
  (result as { content: { text?: string }[] }).content.map((block) => block.text ?? '').join('');
const decisionOf = (result: unknown): unknown =>
  (result as { _meta?: Record<string, unknown> })._meta?.['sallyport/decision'];

describe('the gateway between the SDK’s clients and a legacy server', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.close());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });

  for (const [era, connect] of [
    ['2025-11-25', connectLegacy],
    ['2026-07-28', connectModern],
  ] as const) {
    it(`lists only what is switched on, all pages as one (${era})`, async () => {
      const client = await connect(stage);
      const { tools, ...rest } = await client.listTools();
      const names = tools.map((tool) => tool.name);
      expect(names).toContain('read_note');
      expect(names).toContain('write_note');
      expect(names).not.toContain('run_command');
      expect(rest).toMatchObject({ 'x-list': 1 });
      expect(rest.nextCursor).toBeUndefined();
      expect(client.getServerCapabilities()).toEqual({ logging: {}, tools: { listChanged: true } });
      expect(client.getServerVersion()).toMatchObject({ name: 'notes', version: '1.2.3' });
      expect(client.getInstructions()).toBe('Ask before writing.');
      await client.close();
    });

    it(`runs a read and logs it once (${era})`, async () => {
      const client = await connect(stage);
      const before = stage.calls().length;
      const ended = stage.nextEnd();
      const result = await client.callTool({ name: 'read_note', arguments: { path: 'plan.md' } });
      expect(JSON.parse(textOf(result))).toMatchObject({ name: 'read_note', arguments: { path: 'plan.md' } });
      expect(result).toMatchObject({ 'x-extra': [2 ** 53], _meta: { 'x-server': 1.1 } });
      // Nothing of the hop between agent and gateway reaches the server.
      expect(textOf(result)).not.toContain('io.modelcontextprotocol');
      expect(await ended).toMatchObject({
        tool: 'read_note',
        outcome: 'ran',
        decision: { effect: 'allow' },
        agent: { name: 'Test agent' },
      });
      expect(stage.calls()).toHaveLength(before + 1);
      await client.close();
    });

    it(`asks before a write, runs it when allowed, and says so in words when not (${era})`, async () => {
      const client = await connect(stage);
      const call = () => client.callTool({ name: 'write_note', arguments: { path: 'a', text: 'b' } });

      const allowing = call();
      const first = await stage.desk.next();
      expect(first.call).toMatchObject({ method: 'tools/call', name: 'write_note', server: 'notes', era });
      expect(first.call.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      first.answer({ outcome: 'allowed', by: 'window' });
      expect(JSON.parse(textOf(await allowing))).toMatchObject({ arguments: { path: 'a', text: 'b' } });

      const denying = call();
      const second = await stage.desk.next();
      expect(second.call.digest).toBe(first.call.digest);
      expect(second.call.id).not.toBe(first.call.id);
      second.answer({ outcome: 'denied', by: 'window', reason: 'Not on a Sunday.' });
      const denied = await denying;
      expect(denied.isError).toBe(true);
      expect(textOf(denied)).toBe('This call was not allowed and did not run. Reason: Not on a Sunday.');
      expect(decisionOf(denied)).toEqual({ outcome: 'denied', reason: 'Not on a Sunday.', callId: second.call.id });

      const waiting = call();
      (await stage.desk.next()).answer({ outcome: 'pending', retryAfterMs: 15_000 });
      const pending = await waiting;
      expect(pending.isError).toBe(true);
      expect(textOf(pending)).toContain('Call again with the same arguments in about 15s.');
      expect(decisionOf(pending)).toMatchObject({ outcome: 'pending', retryAfterMs: 15_000 });

      const late = call();
      (await stage.desk.next()).answer({ outcome: 'expired' });
      expect(decisionOf(await late)).toMatchObject({ outcome: 'expired' });
      expect(
        stage
          .calls()
          .slice(0, 4)
          .map((row) => row.outcome),
      ).toEqual(['expired', 'pending', 'denied', 'ran']);
      await client.close();
    });

    it(`gives off and unknown tools the same words (${era})`, async () => {
      const client = await connect(stage);
      for (const name of ['run_command', 'no_such_tool']) {
        const error = await client.callTool({ name, arguments: {} }).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: -32_602, message: expect.stringContaining(`Unknown tool: ${name}`) });
        expect(stage.calls()[0]).toMatchObject({ tool: name, outcome: 'denied', decision: { effect: 'deny' } });
      }
      await client.close();
    });

    it(`narrows a token to its tools, in list and call (${era})`, async () => {
      const narrow = stage.mint(`Narrow ${era}`, ['get_process']);
      const client = await connect(stage, narrow.token);
      expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(['get_process']);
      const error = await client.callTool({ name: 'read_note', arguments: {} }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: -32_602 });
      await client.close();
    });

    it(`streams progress with the client’s own token (${era})`, async () => {
      const client = await connect(stage);
      const seen: unknown[] = [];
      const options = { onprogress: (progress: unknown) => void seen.push(progress) };
      const result =
        client instanceof LegacyClient
          ? await client.callTool({ name: 'read_slowly', arguments: {} }, undefined, options)
          : await client.callTool({ name: 'read_slowly', arguments: {} }, options);
      expect(textOf(result)).toBe('slow');
      expect(seen).toMatchObject([{ progress: 1 }, { progress: 2 }, { progress: 3 }]);
      await client.close();
    });

    it(`passes a server’s error on as it is, and says unknown when the server dies (${era})`, async () => {
      const client = await connect(stage);
      const fault = await client.callTool({ name: 'get_fault', arguments: {} }).catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({ code: -32_050, data: { kept: true } });
      const crashed = await client.callTool({ name: 'get_crash', arguments: {} });
      expect(crashed.isError).toBe(true);
      expect(textOf(crashed)).toContain('may or may not have happened');
      expect(stage.calls()[0]).toMatchObject({ tool: 'get_crash', outcome: 'unknown' });
      await client.close();
    });

    it(`answers everything with "paused" while paused, and goes on after it (${era})`, async () => {
      const client = await connect(stage);
      stage.paused = { at: new Date().toISOString() };
      const result = await client.callTool({ name: 'read_note', arguments: {} });
      expect(result.isError).toBe(true);
      expect(decisionOf(result)).toMatchObject({ outcome: 'paused' });
      expect(stage.calls()[0]).toMatchObject({ outcome: 'paused' });
      await expect(client.listTools()).rejects.toMatchObject({ code: -31_001 });
      stage.paused = undefined;
      expect((await client.callTool({ name: 'read_note', arguments: {} })).isError).toBeUndefined();
      await client.close();
    });
  }

  it('gives each legacy session and each modern agent its own conversation with the server', async () => {
    const other = stage.mint('Another agent');
    const clients = [
      await connectLegacy(stage),
      await connectLegacy(stage),
      await connectModern(stage),
      await connectModern(stage, other.token),
    ];
    const pids = await Promise.all(
      clients.map(async (client) => textOf(await client.callTool({ name: 'get_process', arguments: {} }))),
    );
    expect(new Set(pids).size).toBe(4);
    const again = await connectModern(stage);
    expect(textOf(await again.callTool({ name: 'get_process', arguments: {} }))).toBe(pids[2]);
    await Promise.all([...clients, again].map((client) => client.close()));
  });

  it('negotiates an initialize for the modern revision down', async () => {
    const client = new ModernClient({ name: 'auto', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    const transport = new ModernTransport(stage.url, {
      requestInit: { headers: { authorization: `Bearer ${stage.token}` } },
    });
    await client.connect(transport);
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    await client.close();
  });

  it('blocks a tool whose definition changed, and tells both eras that the list did', async () => {
    const fresh = await openStage();
    const legacy = await connectLegacy(fresh);
    const heard = new Promise<void>((resolve) => {
      legacy.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
    });
    const client = await connectModern(fresh);
    const heardToo = Promise.withResolvers<void>();
    client.setNotificationHandler('notifications/tools/list_changed', () => heardToo.resolve());
    await client.listen({ toolsListChanged: true });
    await client.callTool({ name: 'get_change', arguments: {} });
    await Promise.all([heard, heardToo.promise]);
    expect((await client.listTools()).tools.map((tool) => tool.name)).not.toContain('read_note');
    const result = await client.callTool({ name: 'read_note', arguments: {} });
    expect(result.isError).toBe(true);
    expect(decisionOf(result)).toMatchObject({ outcome: 'denied' });
    await Promise.all([legacy.close(), client.close()]);
    await fresh.close();
  });
});
