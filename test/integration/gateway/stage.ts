import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Approvals } from '../../../electron/core/approvals/approvals.ts';
import { createApprovals } from '../../../electron/core/approvals/create-approvals.ts';
import { createRememberedFile } from '../../../electron/core/approvals/remembered-store.ts';
import { createGateway, type Gateway } from '../../../electron/core/gateway/gateway.ts';
import { createPathRoutes, type Routes } from '../../../electron/core/gateway/routes.ts';
import { createResourceServer } from '../../../electron/core/oauth/create-resource-server.ts';
import type { ResourceServer } from '../../../electron/core/oauth/resource-server.ts';
import { openCanaries } from '../../../electron/core/policy/canaries.ts';
import { createPolicy } from '../../../electron/core/policy/create-policy.ts';
import { createPausedAgents, type PausedAgents } from '../../../electron/core/policy/paused-agents.ts';
import { createPinFiles } from '../../../electron/core/policy/pin-store.ts';
import type { Policy } from '../../../electron/core/policy/policy.ts';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import type { RequestLog } from '../../../electron/core/request-log/request-log.ts';
import { createServers } from '../../../electron/core/servers/create-servers.ts';
import type { ServerRecord, Servers, ServerTarget } from '../../../electron/core/servers/servers.ts';
import { listTools } from '../../../electron/core/servers/sharing.ts';
import type { UpstreamSession } from '../../../electron/core/servers/upstream-session.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { LogRow } from '../../../electron/shared/views.ts';
import { logDeps } from '../../unit/request-log/calls.ts';
import { createDesk, type Desk } from './desk.ts';

const fixture = join(import.meta.dirname, '../../fixtures/gateway/notes-server.ts');

/** The gateway with its real neighbours and real children, behind a plain HTTP server on loopback. */
export interface Stage {
  /** The data folder, which no call may lead to. */
  readonly folder: string;
  readonly gateway: Gateway;
  readonly url: URL;
  readonly port: number;
  readonly token: string;
  readonly grant: string;
  readonly desk: Desk;
  readonly approvals: Approvals;
  readonly log: RequestLog;
  readonly policy: Policy;
  readonly agents: PausedAgents;
  readonly resourceServer: ResourceServer;
  readonly servers: Servers;
  readonly routes: Routes;
  /** Lines that the server wrote on stderr. */
  readonly stderr: string[];
  readonly problems: string[];
  /** Faults of clients that were passed over. */
  readonly forgiven: string[];
  /** Calls whose first byte was written to the server. */
  readonly forwarded: number;
  paused: { readonly at: string } | undefined;
  record: ServerRecord;
  mint(name: string, tools?: readonly string[]): { readonly id: string; readonly token: string };
  /** Resolves with the next row whose call ended. */
  nextEnd(): Promise<LogRow>;
  /** Resolves when the gateway has seen an exchange close. */
  nextClose(): Promise<void>;
  /** Resolves when a call of that tool is at the server. */
  running(tool: string): Promise<void>;
  /** Resolves when the server wrote a line that starts so. */
  said(start: string): Promise<string>;
  calls(): readonly LogRow[];
  close(): Promise<void>;
}

/** How a stage differs from the usual one. */
export interface StageOptions {
  /** The server behind; without one, the notes server of the legacy era. */
  readonly target?: ServerTarget;
  /** Agents whose wrong version header is passed over. */
  readonly forgivesVersion?: (agent: string) => boolean;
  /** The real approvals station instead of the desk. */
  readonly realApprovals?: boolean;
  /** A value that was planted “in the notes”. */
  readonly planted?: string;
}

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const { target, realApprovals, planted, forgivesVersion } = options;
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-gateway-'));
  const resourceServer = createResourceServer({ path: join(folder, 'oauth.db'), clock: systemClock });
  const log = createRequestLog({
    path: join(folder, 'log.db'),
    clock: systemClock,
    ...logDeps(),
  });
  const agents = createPausedAgents({ clock: systemClock });
  const values = new Map<string, string>();
  const canaries = await openCanaries({
    clock: systemClock,
    secrets: {
      get: async (name) => values.get(name),
      set: async (name, value) => void values.set(name, value),
      delete: async (name) => void values.delete(name),
      names: () => [...values.keys()],
    },
  });
  if (planted !== undefined) await canaries.add('in the notes', planted);
  const policy = createPolicy({
    agents,
    canaries,
    store: createPinFiles({ dataFolder: folder, clock: systemClock }),
    dataFolder: folder,
    home: '/home/somebody',
  });
  const servers = createServers({
    secrets: { get: () => Promise.resolve(undefined) },
    clock: systemClock,
    client: { name: 'sallyport', version: '0.0.0' },
    environment: process.env,
    // Closed SDK clients of the legacy era leave their sessions behind.
    limits: { probeMs: 500, perServer: 100, total: 100 },
  });
  const desk = createDesk();
  const store = createRememberedFile({ dataFolder: folder, clock: systemClock });
  const approvals = createApprovals({ clock: systemClock, newId: randomUUID, store });
  const problems: string[] = [];
  const forgiven: string[] = [];
  const stderr: string[] = [];
  const listeners: { start: string; resolve: (line: string) => void }[] = [];
  servers.onStderr((_slug, line) => {
    stderr.push(line);
    for (const listener of listeners.splice(0)) {
      if (line.startsWith(listener.start)) listener.resolve(line);
      else listeners.push(listener);
    }
  });
  const closes: (() => void)[] = [];
  const http = createServer((request, response) => {
    stage.gateway.handle(request, response);
    response.on('close', () => {
      for (const resolve of closes.splice(0)) resolve();
    });
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = http.address() as AddressInfo;
  const url = new URL(`http://127.0.0.1:${port}/notes/mcp`);
  const record: ServerRecord = {
    slug: 'notes',
    name: 'Notes',
    shared: true,
    target: target ?? { kind: 'stdio', command: process.execPath, args: [fixture], env: [] },
  };
  const routes = createPathRoutes({
    domain: () => 'localhost',
    aliases: () => ['127.0.0.1'],
    records: () => [stage.record],
    resource: () => url.href,
  });
  const watched = new WeakMap<UpstreamSession, UpstreamSession>();
  const watchers: { tool: string; resolve: () => void }[] = [];
  let forwarded = 0;
  const sent = (tool: unknown): void => {
    forwarded += 1;
    for (const watcher of watchers.splice(0)) {
      if (watcher.tool === tool) watcher.resolve();
      else watchers.push(watcher);
    }
  };
  const gateway = createGateway({
    clock: systemClock,
    routes,
    servers: {
      end: servers.end,
      async connect(record, key, options) {
        const session = await servers.connect(record, key, options);
        const known = watched.get(session) ?? watch(session, sent);
        watched.set(session, known);
        return known;
      },
    },
    resourceServer,
    policy,
    approvals: realApprovals ? approvals : desk,
    log,
    paused: () => stage.paused,
    probeKey: () => 'public-key',
    onProblem: (problem) => problems.push(problem),
    pauseAgent(agent, why) {
      if (agents.pause(agent, why)) gateway.endSessions({ agent: agent.id }, 'paused');
    },
    onForgiven: (message) => forgiven.push(message),
    ...(forgivesVersion ? { forgivesVersion } : {}),
  });
  const mint = (name: string, tools?: readonly string[]) =>
    resourceServer.mint({
      server: 'notes',
      resource: url.href,
      name,
      ttlMs: 3_600_000,
      ...(tools === undefined ? {} : { tools }),
    });
  const { id: grant, token } = mint('Test agent');
  const stage: Stage = {
    folder,
    gateway,
    url,
    port,
    token,
    grant,
    desk,
    approvals,
    log,
    policy,
    agents,
    resourceServer,
    servers,
    routes,
    stderr,
    problems,
    forgiven,
    get forwarded() {
      return forwarded;
    },
    paused: undefined,
    record,
    mint,
    nextEnd: () =>
      new Promise((resolve) => {
        const stop = log.onRow((row) => {
          if (row.kind !== 'call' || row.outcome === undefined) return;
          stop();
          resolve(row);
        });
      }),
    nextClose: () => new Promise((resolve) => void closes.push(resolve)),
    running: (tool) => new Promise((resolve) => void watchers.push({ tool, resolve })),
    said: (start) => {
      const line = stderr.find((one) => one.startsWith(start));
      return line ? Promise.resolve(line) : new Promise((resolve) => void listeners.push({ start, resolve }));
    },
    calls: () => log.list({ limit: 500 }).rows.filter((row) => row.kind === 'call'),
    async close() {
      gateway.close();
      approvals.close();
      http.closeAllConnections();
      http.close();
      await servers.stopAll(500);
      log.close();
      resourceServer.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  const session = await servers.connect(record, 'sharing');
  policy.approveAll('notes', await listTools(session, 10_000));
  await servers.end('notes', 'sharing');
  return stage;
}

/** The same conversation, which also tells when a tool's call was written to the server. */
function watch(session: UpstreamSession, sent: (tool: unknown) => void): UpstreamSession {
  return {
    ...session,
    request: (method, params, options) =>
      session.request(method, params, {
        ...options,
        onSent: () => {
          options?.onSent?.();
          if (method === 'tools/call') sent(params?.get('name'));
        },
      }),
  };
}

/** An HTTP answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

/** What {@link send} may change. */
export interface RawOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: string | Uint8Array;
  /** Aborting it drops the connection. */
  readonly signal?: AbortSignal;
}

function open(stage: Stage, options: RawOptions) {
  const headers: Record<string, string | string[]> = {};
  const defaults = {
    authorization: `Bearer ${stage.token}`,
    accept: 'application/json, text/event-stream',
    ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  for (const [name, value] of Object.entries({ ...defaults, ...options.headers })) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : [...value];
  }
  return httpRequest({
    port: stage.port,
    host: '127.0.0.1',
    agent: false,
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    path: options.path ?? stage.url.pathname,
    headers,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

/** Sends one raw request and reads the whole answer. A header set to undefined is left out. */
export async function send(stage: Stage, options: RawOptions): Promise<RawAnswer> {
  const outgoing = open(stage, options);
  // What is refused early may be cut while its body is still on the way: the answer counts.
  outgoing.on('error', () => {});
  outgoing.end(options.body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk as string;
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) };
}

/** An event stream that a test reads message by message, and may cut. */
export interface RawStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The next JSON-RPC message; `undefined` at the end. */
  next(): Promise<unknown>;
  /** Id of the last event, also of one without a message. */
  readonly lastId: string | undefined;
  /** Drops the connection. */
  cut(): void;
}

/** Sends one raw request and reads its answer as an event stream. */
export async function stream(stage: Stage, options: RawOptions): Promise<RawStream> {
  const outgoing = open(stage, options);
  outgoing.on('error', () => {});
  outgoing.end(options.body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  response.on('error', () => {});
  let lastId: string | undefined;
  const messages = (async function* () {
    let buffer = '';
    for await (const chunk of response) {
      buffer += chunk as string;
      for (let cut = buffer.indexOf('\n\n'); cut >= 0; cut = buffer.indexOf('\n\n')) {
        const data = /^data: (.*)$/m.exec(buffer.slice(0, cut))?.[1];
        lastId = /^id: (.*)$/m.exec(buffer.slice(0, cut))?.[1] ?? lastId;
        buffer = buffer.slice(cut + 2);
        if (data !== undefined) yield JSON.parse(data) as unknown;
      }
    }
    // A fast answer comes as one JSON document.
    if (response.headers['content-type'] === 'application/json' && buffer !== '') yield JSON.parse(buffer) as unknown;
  })();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    next: async () => (await messages.next()).value as unknown,
    get lastId() {
      return lastId;
    },
    cut: () => outgoing.destroy(),
  };
}

function parsed(text: string): unknown {
  const data = /^data: (.*)$/m.exec(text)?.[1];
  try {
    return JSON.parse(data ?? text);
  } catch {
    return undefined;
  }
}

/** A modern request with its envelope and its headers. */
export function modern(method: string, params: Record<string, unknown> = {}, id: number | string = 1): RawOptions {
  const { _meta: meta, ...rest } = params;
  const body = {
    jsonrpc: '2.0',
    id,
    method,
    params: {
      ...rest,
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
        'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
        ...(meta as object | undefined),
      },
    },
  };
  return {
    body: JSON.stringify(body),
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof params.name === 'string' ? { 'mcp-name': params.name } : {}),
    },
  };
}

/** A legacy request within a session. */
export function legacy(session: string, method: string, params: unknown, id?: number | string): RawOptions {
  return {
    body: JSON.stringify({ jsonrpc: '2.0', method, params, ...(id === undefined ? {} : { id }) }),
    headers: { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
  };
}

/** Opens a legacy session. */
export async function initialize(stage: Stage, version = '2025-11-25', token?: string): Promise<string> {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const answer = await send(stage, {
    body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const session = answer.headers['mcp-session-id'];
  if (typeof session !== 'string') throw new Error(`no session: ${answer.status} ${answer.text}`);
  return session;
}
