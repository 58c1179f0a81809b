import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DocumentServer, startDocumentServer } from './document-server.ts';
import { AgentProvider } from './sdk-provider.ts';
import { type OauthStage, startStage, TestBrowser } from './stage.ts';

let documents: DocumentServer;
let stage: OauthStage;
beforeAll(async () => {
  documents = await startDocumentServer();
  stage = await startStage({ documents: documents.fetchDeps });
});
afterAll(async () => {
  await stage.close();
  await documents.close();
});

/** What a person and a browser do once the client wants authorization. */
async function authorize(provider: AgentProvider, tools: 'all' | 'reads' = 'all'): Promise<URLSearchParams> {
  const address = provider.authorization;
  if (!address) throw new Error('the client asked for no authorization');
  provider.authorization = undefined;
  const browser = new TestBrowser(stage.issuer);
  const page = await browser.visit(address);
  const { id, code } = await stage.consent();
  await stage.ask('consents.answer', { id, answer: 'allow', tools });
  return (await browser.type(page, code)).url.searchParams;
}

const lines = [
  {
    line: '1.x',
    legacy: true,
    transport: (provider: AgentProvider) => new LegacyTransport(new URL(stage.url), { authProvider: provider }),
    finish: (transport: unknown, back: URLSearchParams) =>
      (transport as LegacyTransport).finishAuth(back.get('code') ?? ''),
    client: () => new LegacyClient({ name: 'legacy', version: '1' }),
  },
  {
    line: '2.x',
    legacy: false,
    transport: (provider: AgentProvider) => new ModernTransport(new URL(stage.url), { authProvider: provider.modern }),
    finish: (transport: unknown, back: URLSearchParams) => (transport as ModernTransport).finishAuth(back),
    client: () =>
      new ModernClient({ name: 'modern', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } }),
  },
] as const;

/** The part of both clients that the tests use. */
interface AnyClient {
  connect(transport: unknown): Promise<void>;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(call: { name: string; arguments: object }): Promise<{ isError?: boolean; content?: unknown }>;
  close(): Promise<void>;
}

describe.each(lines)('SDK $line', ({ line, legacy, transport, finish, client }) => {
  const connect = async (provider: AgentProvider): Promise<AnyClient> => {
    const made = client() as unknown as AnyClient;
    await made.connect(transport(provider));
    return made;
  };
  const connected = async (provider: AgentProvider, tools: 'all' | 'reads' = 'all'): Promise<AnyClient> => {
    await stage.ask('agents.letIn', {});
    const first = transport(provider);
    await expect((client() as unknown as AnyClient).connect(first)).rejects.toThrow();
    await finish(first, await authorize(provider, tools));
    return await connect(provider);
  };

  test('discovers, registers, authorizes, lists and calls', async () => {
    const provider = new AgentProvider(`Registered ${line}`);
    const made = await connected(provider);
    expect(provider.information?.client_id).toMatch(/^dcr_/);
    expect((await made.listTools()).tools.map((tool) => tool.name)).toContain('write_note');
    expect((await made.callTool({ name: 'list_notes', arguments: {} })).isError).not.toBe(true);
    await made.close();
  });

  test('is known by its metadata document, fetched once', async () => {
    const address = documents.url(`/${line}.json`);
    const provider = new AgentProvider('ignored', address);
    const made = await connected(provider);
    expect(provider.information?.client_id).toBe(address);
    expect((await made.listTools()).tools.length).toBeGreaterThan(0);
    await made.close();
    expect(documents.asked.filter((path) => path === `/${line}.json`)).toHaveLength(1);
    const { agents } = await stage.ask('agents.list', {});
    expect(agents.find((agent) => agent.id === 'client:agent.example.com')).toMatchObject({ verified: true });
  });

  test('refreshes by itself, and is out after it was revoked, its stream within a second', async () => {
    const provider = new AgentProvider(`Refreshing ${line}`);
    const made = await connected(provider);
    const before = provider.held;
    // An access token that is over, as an hour later.
    provider.held = { ...before, access_token: 'over', token_type: 'bearer' };
    expect((await made.callTool({ name: 'list_notes', arguments: {} })).isError).not.toBe(true);
    expect(provider.held?.refresh_token).not.toBe(before?.refresh_token);
    const { agents } = await stage.ask('agents.list', {});
    const grant = agents.find((agent) => agent.client === provider.information?.client_id)?.grants[0];
    const stream = await listen(provider.held?.access_token ?? '', legacy);
    const started = performance.now();
    await stage.ask('agents.revoke', { id: grant?.id ?? '' });
    await stream.ended;
    expect(performance.now() - started).toBeLessThan(1_000);
    await expect(made.callTool({ name: 'list_notes', arguments: {} })).rejects.toThrow();
    await made.close();
  });

  test('reads only narrows the list and the calls; asking for more raises a prompt', async () => {
    const provider = new AgentProvider(`Reader ${line}`);
    const made = await connected(provider, 'reads');
    const names = (await made.listTools()).tools.map((tool) => tool.name);
    expect(names).toContain('list_notes');
    expect(names).not.toContain('write_note');
    expect(provider.held?.scope).toContain('read');
    const write = { name: 'write_note', arguments: { name: `n${line.charAt(0)}`, text: 'x' } };
    if (legacy) {
      // SDK 1.x cannot ask for more: its call waits for the person, and the grant grows by this tool.
      const asked = stage.until((state) => state.approvals.some((one) => one.tool === 'write_note'));
      const call = made.callTool(write);
      const approval = (await asked).approvals.find((one) => one.tool === 'write_note');
      expect(approval?.reasons.join(' ')).toContain('does not cover write_note');
      await stage.ask('approvals.answer', { id: approval?.id ?? '', answer: 'allow' });
      expect((await call).isError).not.toBe(true);
      expect((await made.listTools()).tools.map((tool) => tool.name)).toContain('write_note');
    } else {
      await expect(made.callTool(write)).rejects.toThrow();
      expect(provider.authorization?.searchParams.get('scope')).toContain('tool:write_note');
      expect(provider.authorization?.searchParams.get('scope')).toContain('read');
    }
    await made.close();
  });
});

/** Opens a stream that does not end by itself; `ended` settles when it does. */
async function listen(token: string, legacy: boolean): Promise<{ ended: Promise<unknown> }> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const post = (body: object, more: Record<string, string> = {}) =>
    fetch(stage.url, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
  let response: Response;
  if (legacy) {
    const clientInfo = { name: 'listener', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const opened = await post({ id: 1, method: 'initialize', params });
    await opened.text();
    const session = {
      'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
      'mcp-protocol-version': '2025-11-25',
    };
    await (await post({ method: 'notifications/initialized' }, session)).text();
    response = await fetch(stage.url, { headers: { ...headers, ...session } });
  } else {
    const version = 'io.modelcontextprotocol/protocolVersion';
    const _meta = { [version]: '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
    const params = { _meta, notifications: { toolsListChanged: true } };
    response = await post(
      { id: 1, method: 'subscriptions/listen', params },
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
    );
  }
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const reader = response.body?.getReader();
  const drain = async (): Promise<void> => {
    for (;;) if ((await reader?.read())?.done !== false) return;
  };
  return { ended: drain().catch(() => {}) };
}
