import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type * as z from 'zod';
import { sendStatic } from '../../electron/core/fronts/static-files.ts';
import {
  type AppState,
  clientFrame,
  type EventName,
  type EventPayload,
  type RequestName,
  type RequestOutput,
  requests,
  type ServerFrame,
} from '../../electron/shared/contract.ts';
import { asSallyportError, SallyportError } from '../../electron/shared/errors.ts';
import { serverFeatures } from '../../electron/shared/features.ts';
import {
  type FirstCallView,
  type FoundServer,
  type LogRow,
  type NetworkView,
  preferencesView,
  type ToolView,
} from '../../electron/shared/views.ts';
import { detailOf, doctorChecks, fileTools, logRow, morningLog, rulesText, sharingState } from './fixtures.ts';

type Parsed<Name extends RequestName> = z.output<(typeof requests)[Name]['input']>;
/** One handler for every request of the contract, so that the fake cannot fall behind it. */
export type Handlers = {
  [Name in RequestName]: (input: Parsed<Name>) => RequestOutput<Name> | Promise<RequestOutput<Name>>;
};

/** A core in memory that serves the real pages with the real headers, and remembers what was asked of it. */
export interface FakeCore {
  /** The page's address with the key, as `sallyport ui` prints it. */
  readonly url: string;
  /** The address without the key. */
  readonly origin: string;
  state: AppState;
  rows: LogRow[];
  tools: ToolView[];
  rules: string;
  network: NetworkView;
  found: FoundServer[];
  canaries: RequestOutput<'canaries.list'>['canaries'];
  /** Handlers as they are; a test replaces the one whose answer matters to it. */
  readonly handlers: Handlers;
  readonly asked: { readonly name: RequestName; readonly input: unknown }[];
  /** Changes slices and sends them as a patch. */
  patch(change: Partial<AppState>): void;
  /** Sends the whole state, as the core does where a slice went away. */
  replace(state: AppState): void;
  /** Adds or changes rows and sends them. */
  log(rows: readonly LogRow[], dropped?: number): void;
  emit<Name extends EventName>(topic: Name, payload: EventPayload<Name>): void;
  /** Skips a revision, as if a patch had been lost. */
  loseOne(): void;
  /** How many pages listen to a topic. */
  listening(topic: EventName): number;
  /** How often the state was subscribed to. */
  readonly snapshots: number;
  /** Cuts every connection and takes no new one until {@link up}. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** From now on another key is the right one. */
  changeKey(): void;
  stop(): Promise<void>;
}

/** Starts it on a free port of 127.0.0.1. @param root folder of the built pages @param now what its answers take for the time */
export async function startFakeCore(
  root: string,
  first: AppState = sharingState(),
  now: () => number = Date.now,
): Promise<FakeCore> {
  let key = 'k'.repeat(43);
  let rev = 1;
  let port = 0;
  let snapshots = 0;
  const sessions = new Map<WebSocket, Set<string>>();
  const asked: { name: RequestName; input: unknown }[] = [];
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((request, response) => {
    sendStatic(root, request, response).catch(() => response.destroy());
  });
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (ws) => serve(ws));
  });

  const send = (ws: WebSocket, frame: ServerFrame): void => {
    if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(frame));
  };
  const emit = <Name extends EventName>(topic: Name, payload: EventPayload<Name>): void => {
    for (const [ws, topics] of sessions) if (topics.has(topic)) send(ws, { type: 'event', topic, payload });
  };
  const serve = (ws: WebSocket): void => {
    ws.on('error', () => ws.terminate());
    ws.on('close', () => sessions.delete(ws));
    ws.on('message', (data) => {
      const message: unknown = JSON.parse(String(data));
      const topics = sessions.get(ws);
      if (!topics) {
        if (isKey(message, key)) sessions.set(ws, new Set());
        else ws.close(4401, 'the key is not this run’s');
        return;
      }
      const frame = clientFrame.parse(message);
      if (frame.type === 'request') void answer(ws, frame.id, frame.name, frame.input);
      else if (frame.type === 'unsubscribe') topics.delete(frame.topic);
      else {
        topics.add(frame.topic);
        if (frame.topic === 'state') {
          snapshots += 1;
          send(ws, { type: 'event', topic: 'state', payload: { rev, state: core.state } });
        }
      }
    });
  };
  const answer = async (ws: WebSocket, id: number, name: string, input: unknown): Promise<void> => {
    try {
      if (!isRequest(name)) throw new SallyportError('unknown_request', 'app', `There is no request ${name}.`);
      const parsed = requests[name].input.parse(input);
      asked.push({ name, input: parsed });
      const value = await (core.handlers[name] as (given: unknown) => unknown)(parsed);
      send(ws, { type: 'answer', id, ok: true, value: requests[name].output.parse(value) });
    } catch (thrown) {
      send(ws, { type: 'failure', id, ok: false, error: asSallyportError(thrown).toShape() });
    }
  };
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: '127.0.0.1' }, () => {
        server.off('error', reject);
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  const down = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
    await closed;
  };
  await listen();

  const core: FakeCore = {
    get url() {
      return `http://127.0.0.1:${port}/#k=${key}`;
    },
    get origin() {
      return `http://127.0.0.1:${port}`;
    },
    listening: (topic) => [...sessions.values()].filter((topics) => topics.has(topic)).length,
    get snapshots() {
      return snapshots;
    },
    state: first,
    rows: morningLog(),
    tools: [...fileTools],
    rules: rulesText,
    network: { direct: false },
    found: [],
    canaries: [],
    handlers: undefined as unknown as Handlers,
    asked,
    patch(change) {
      core.state = { ...core.state, ...change };
      rev += 1;
      emit('state', { rev, patch: change });
    },
    replace(state) {
      core.state = state;
      rev += 1;
      emit('state', { rev, state });
    },
    log(rows, dropped = 0) {
      for (const row of rows) core.rows = [...core.rows.filter((each) => each.id !== row.id), row];
      emit('log', { rows: [...rows], dropped });
    },
    emit,
    loseOne() {
      rev += 1;
    },
    down,
    up: listen,
    changeKey() {
      key = 'n'.repeat(43);
    },
    async stop() {
      if (server.listening) await down();
    },
  };
  Object.assign(core, { handlers: handlersOf(core, now) });
  return core;
}

function handlersOf(core: FakeCore, clock: () => number): Handlers {
  const server = (name: string) => {
    const found = core.state.servers.find((each) => each.slug === name || each.name === name);
    if (!found) throw new SallyportError('unknown_server', 'app', `There is no server "${name}".`);
    return found;
  };
  const setServer = (slug: string, change: object) =>
    core.patch({ servers: core.state.servers.map((each) => (each.slug === slug ? { ...each, ...change } : each)) });
  const now = () => new Date(clock()).toISOString();
  return {
    'status.get': () => core.state.status,
    'policy.show': () => ({ path: '/home/ana/.config/sallyport/rules.yaml', text: core.rules, rules: 2 }),
    'policy.set': ({ text, name }) => {
      const line = text.split('\n').findIndex((each) => each.includes('thn:'));
      if (line >= 0) {
        const column = (text.split('\n')[line] ?? '').indexOf('thn:') + 1;
        const message = `${name}:${line + 1}:${column}: “thn” is no key of a rule.`;
        throw new SallyportError('rules_invalid', 'policy', message);
      }
      core.rules = text;
      return { path: '/home/ana/.config/sallyport/rules.yaml', rules: text.split('- id:').length - 1 };
    },
    'ui.address': () => ({ url: core.url }),
    'app.about': () => ({
      dataDir: '/home/ana/.config/sallyport',
      sealer: 'safe-storage:gnome_libsecret',
      storage: { logBytes: 4_800_000, totalBytes: 5_300_000 },
    }),
    'doctor.look': ({ from }) => {
      // One finding an answer, as it comes from a machine that looks.
      const checks = doctorChecks.slice(from, from + 1);
      const done = from + 1 >= doctorChecks.length;
      return { checks, done, ...(done ? { report: '# Report of `sallyport doctor`\n' } : {}) };
    },
    'servers.list': () => ({ servers: core.state.servers }),
    'servers.add': ({ name, command, args, url }) => {
      const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      core.patch({
        servers: [
          ...core.state.servers,
          {
            name,
            slug,
            kind: url === undefined ? 'stdio' : 'http',
            ...(command === undefined ? {} : { command }),
            ...(args === undefined ? {} : { args }),
            ...(url === undefined ? {} : { url }),
            env: [],
            shared: false,
            state: 'stopped',
            tools: { total: 0, exposed: 0 },
          },
        ],
      });
      return { name, slug };
    },
    'servers.discover': () => ({ found: core.found, unreadable: [] }),
    'servers.scan': () => ({ found: [], ports: 3 }),
    'servers.import': ({ found: name }) => {
      const found = core.found.find((each) => each.name === name);
      if (!found) throw new SallyportError('found_stale', 'app', `Nothing names "${name}" any more.`);
      const { kind, command, args, env, source } = found;
      core.found = core.found.map((each) => (each === found ? { ...each, already: true } : each));
      core.patch({
        servers: [
          ...core.state.servers,
          {
            name,
            slug: name,
            kind,
            ...(command === undefined ? {} : { command }),
            ...(args === undefined ? {} : { args }),
            env,
            source,
            shared: false,
            state: 'stopped',
            tools: { total: 0, exposed: 0 },
          },
        ],
      });
      return { name, slug: name };
    },
    'servers.adopt': ({ server: name }) => {
      setServer(server(name).slug, { origin: undefined });
      return server(name);
    },
    'servers.isolate': ({ server: name, isolation }) => {
      const { slug } = server(name);
      setServer(slug, { isolation });
      return { server: slug, ...(isolation ? { isolation } : {}) };
    },
    'servers.isolation': () => ({ ok: true }),
    'servers.authorize': ({ server: name, agree }) => {
      const { slug } = server(name);
      if (agree === undefined) {
        return {
          step: 'consent',
          server: slug,
          digest: 'd',
          issuer: 'https://sign-in.example',
          page: 'https://sign-in.example',
          scopes: ['notes:read', 'offline_access'],
          resource: 'https://notes.example/mcp',
          client: 'registers',
        };
      }
      setServer(slug, { signIn: { state: 'waiting' } });
      const expiresAt = '2026-11-22T12:10:00.000Z';
      return { step: 'browser', server: slug, url: 'https://sign-in.example/authorize?state=x', expiresAt };
    },
    'servers.authorized': ({ server: name }) => ({ server: server(name).slug, scopes: [] }),
    'servers.signOut': ({ server: name }) => ({ server: server(name).slug }),
    'servers.approveOffer': ({ server: name }) => {
      const { slug } = server(name);
      setServer(slug, { offers: [] });
      return { server: slug };
    },
    'servers.features': ({ server: name, ...ticked }) => {
      const { slug, features: before } = server(name);
      const features = serverFeatures.filter((each) => ticked[each] ?? before?.includes(each) ?? false);
      setServer(slug, { features });
      return { server: slug, features };
    },
    'servers.private': ({ server: name, private: marked, readable = false }) => {
      const { slug } = server(name);
      setServer(slug, { private: marked ? (readable ? 'offered' : 'withheld') : undefined });
      return { server: slug, private: marked, readable: marked && readable };
    },
    'servers.remove': ({ server: name }) => {
      const { slug } = server(name);
      core.patch({ servers: core.state.servers.filter((each) => each.slug !== slug) });
      return { name };
    },
    'servers.share': ({ server: name }) => {
      const found = server(name);
      const url = `https://localhost:47443/${found.slug}/mcp`;
      setServer(found.slug, { shared: true, publicUrl: url, state: 'ready', tools: { total: 6, exposed: 4 } });
      return { name: found.name, url, resource: url, tools: core.tools };
    },
    'servers.unshare': ({ server: name }) => {
      setServer(server(name).slug, { shared: false });
      return { name };
    },
    'servers.try': () => {
      const url = 'https://localhost:47443/sample/mcp';
      core.patch({
        status: { ...core.state.status, state: 'sharing', servers: core.state.servers.length + 1 },
        servers: [
          ...core.state.servers,
          {
            name: 'sample',
            slug: 'sample',
            kind: 'stdio',
            command: 'sallyport',
            args: ['sample-server'],
            env: [],
            shared: true,
            publicUrl: url,
            state: 'ready',
            tools: { total: 3, exposed: 2 },
          },
        ],
      });
      return { name: 'sample', slug: 'sample', url };
    },
    'servers.firstCall': async () => {
      const tried = await core.handlers['servers.try']({});
      core.log([{ ...logRow(90), id: 'call-first', tool: 'list_notes', server: tried.slug }]);
      const start = clock();
      const hop = (name: FirstCallView['hops'][number]['hop'], afterMs: number, detail: string) => ({
        hop: name,
        at: new Date(start + afterMs).toISOString(),
        afterMs,
        detail,
      });
      return {
        ...tried,
        callId: 'call-first',
        tool: 'list_notes',
        hops: [
          hop('agent', 0, 'A process of its own dials localhost:47443'),
          hop('edge', 212, 'Saw the name localhost, and passed the bytes on'),
          hop('inner-tls', 219, 'The agent met this machine’s own certificate'),
          hop('oauth', 240, 'The token is for this server'),
          hop('policy', 241, 'list_notes only looks'),
          hop('server', 241, 'list_notes ran in 3 ms'),
        ],
        answer: '{"notes":[{"name":"Welcome","bytes":312}]}',
        edge: {
          name: 'localhost',
          at: new Date(start + 212).toISOString(),
          connections: 2,
          bytesUp: 2_914,
          bytesDown: 4_102,
          sample: '1703030313a94be2'.padEnd(192, '7f3c90d1'),
        },
      };
    },
    'tools.list': ({ server: name }) => ({
      server: server(name).slug,
      tools: server(name).tools.total ? core.tools : [],
    }),
    'tools.set': ({ server: name, tool: toolName, access }) => {
      const tool = core.tools.find((each) => each.name === toolName);
      if (!tool) throw new SallyportError('unknown_tool', 'policy', `There is no tool "${toolName}".`);
      const changed: ToolView = { ...tool, access, state: 'approved' };
      core.tools = core.tools.map((each) => (each === tool ? changed : each));
      return { server: server(name).slug, tool: changed };
    },
    'agents.list': () => ({ agents: core.state.agents }),
    'agents.token': ({ server: name, ttlMs }) => ({
      id: 't9',
      token: `sp_${'x'.repeat(40)}`,
      resource: server(name).publicUrl ?? '',
      server: server(name).slug,
      scope: 'all-shared',
      expiresAt: new Date(clock() + (ttlMs ?? 86_400_000)).toISOString(),
    }),
    'agents.revoke': ({ id }) => {
      core.patch({
        agents: core.state.agents.map((agent) => ({
          ...agent,
          grants: agent.grants.filter((grant) => grant.id !== id),
        })),
      });
      return { id };
    },
    'agents.rename': ({ id, name }) => {
      core.patch({ agents: core.state.agents.map((agent) => (agent.id === id ? { ...agent, name } : agent)) });
      return { id, name };
    },
    'agents.narrow': ({ id, tools }) => {
      const scope = tools === 'reads' ? 'read' : tools.map((tool) => `tool:${tool}`).join(' ');
      core.patch({
        agents: core.state.agents.map((agent) => ({
          ...agent,
          grants: agent.grants.map((grant) => (grant.id === id ? { ...grant, scope } : grant)),
        })),
      });
      return { id, scope };
    },
    'agents.letIn': ({ forMs }) => {
      const { openUntil: _before, ...closed } = core.state.door;
      const door = forMs === 0 ? closed : { ...closed, openUntil: new Date(clock() + forMs).toISOString() };
      core.patch({ door });
      return door;
    },
    'agents.unblock': ({ id }) => {
      const door = { ...core.state.door, blocked: core.state.door.blocked.filter((one) => one.id !== id) };
      core.patch({ door });
      return door;
    },
    'consents.list': () => ({ consents: core.state.consents, door: core.state.door }),
    'consents.answer': ({ id, answer }) => {
      const consents = core.state.consents.flatMap((one) =>
        one.id !== id ? [one] : answer === 'allow' ? [{ ...one, phase: 'allowed' as const }] : [],
      );
      core.patch({ consents });
      return { id, answer };
    },
    'approvals.list': () => ({ approvals: core.state.approvals, remembered: core.state.remembered }),
    'approvals.answer': (input) => {
      const approval = core.state.approvals.find((each) => each.id === input.id);
      if (!approval || (input.digest !== undefined && approval.digest !== input.digest)) {
        throw new SallyportError('approval_stale', 'approval', 'This prompt has changed or ended.');
      }
      core.patch({ approvals: core.state.approvals.filter((each) => each !== approval) });
      return { id: input.id, answer: input.answer, scope: input.scope, for: input.for };
    },
    'approvals.reach': () => ({ windows: 1, pages: 0, desk: false, commandLine: false, version: '0.0.0' }),
    'approvals.forget': ({ id }) => {
      core.patch({ remembered: core.state.remembered.filter((each) => each.id !== id) });
      return { id };
    },
    'log.list': ({ limit, before }) => {
      const fitting = core.rows.filter((row) => before === undefined || row.seq < before).sort((a, b) => b.seq - a.seq);
      const rows = fitting.slice(0, limit);
      const last = rows.at(-1);
      return { rows, ...(fitting.length > limit && last ? { next: last.seq } : {}) };
    },
    'log.show': ({ id }) => {
      const row = core.rows.find((each) => each.id === id);
      if (!row) throw new SallyportError('unknown_call', 'app', `There is no call "${id}" in the log.`);
      return { row: detailOf(row) };
    },
    'log.verify': () => ({ ok: true, rows: core.rows.length, checkpoints: 1, signedBy: 'us' }),
    'log.kept': () => ({ days: 90, bytes: 1_073_741_824, usedBytes: 4_096 }),
    'log.keep': ({ days, bytes }) => ({ days: days ?? 90, bytes: bytes ?? 1_073_741_824, usedBytes: 4_096 }),
    'tunnel.status': () => core.state.tunnel,
    'tunnel.caRotate': () => ({ pem: 'PEM\n', fingerprint: 'a'.repeat(64), notAfter: now() }),
    'tunnel.certificate': () => ({
      kind: 'own',
      domain: core.state.tunnel.domain,
      fingerprint: 'a'.repeat(64),
      notAfter: now(),
    }),
    'tunnel.certificateUse': ({ kind }) => ({
      kind,
      domain: core.state.tunnel.domain,
      fingerprint: 'a'.repeat(64),
      notAfter: now(),
    }),
    'tunnel.ca': () => ({
      pem: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      fingerprint: 'CA:12:CD:34',
      notAfter: '2036-11-22T12:00:00.000Z',
    }),
    'tunnel.probe': () => ({ ok: true, at: now(), ms: 9 }),
    'tunnel.network': () => core.network,
    'tunnel.networkUse': ({ proxy, noProxy, caFile, credentials }) => {
      if (proxy !== undefined) core.network = { direct: proxy === 'direct' };
      if (proxy && proxy !== 'direct') {
        const sealed = credentials !== undefined && credentials !== null;
        core.network = { direct: false, proxy: { address: proxy, from: 'settings', credentials: sealed } };
      }
      const { noProxy: _list, caFile: _file, ...rest } = core.network;
      core.network = {
        ...rest,
        ...(noProxy ? { noProxy: { list: noProxy, from: 'settings' } } : {}),
        ...(caFile ? { caFile: { path: caFile, from: 'settings' } } : {}),
      };
      return core.network;
    },
    'tunnel.record': () => ({}),
    'tunnel.remote': () => ({ tunnels: [], certificates: [] }),
    'tunnel.remoteChange': () => core.state.tunnel,
    'tunnel.use': ({ way }) => {
      core.patch({ tunnel: { ...core.state.tunnel, way } });
      return core.state.tunnel;
    },
    pause: () => {
      core.patch({ paused: { at: now() }, status: { ...core.state.status, state: 'paused' } });
      return { paused: true, at: now(), endedStreams: 2 };
    },
    resume: () => {
      const { paused: _, ...rest } = core.state;
      core.replace({ ...rest, status: { ...core.state.status, state: 'sharing' } });
      return { paused: false, at: now(), endedStreams: 0 };
    },
    'servers.results': ({ server: name, secrets, unseen }) => {
      const { slug, results: before } = server(name);
      const results = { secrets: secrets ?? before?.secrets ?? 'mask', unseen: unseen ?? before?.unseen ?? 'report' };
      setServer(slug, { results });
      return { server: slug, ...results };
    },
    'results.list': () => ({ results: [] }),
    'results.reveal': ({ id }) => ({ id, text: '{}', kinds: [] }),
    'results.send': ({ id }) => ({ id }),
    'policy.propose': () => ({ proposals: [] }),
    'policy.adopt': () => ({ path: '/rules.yaml', rules: 1 }),
    'agents.pause': ({ id }) => {
      const paused = { at: now(), why: 'You paused it.' };
      core.patch({ agents: core.state.agents.map((agent) => (agent.id === id ? { ...agent, paused } : agent)) });
      return { id, at: now() };
    },
    'agents.resume': ({ id }) => {
      core.patch({
        agents: core.state.agents.map(({ paused, ...agent }) =>
          agent.id === id || !paused ? agent : { ...agent, paused },
        ),
      });
      return { id };
    },
    'canaries.list': () => ({ canaries: core.canaries }),
    'canaries.add': ({ note, value = 'acct-abc234-abcd2345' }) => {
      core.canaries = [
        ...core.canaries,
        { id: `c${core.canaries.length + 1}`, note, at: now(), begins: value.slice(0, 6) },
      ];
      return { id: 'c1', value };
    },
    'canaries.remove': ({ id }) => {
      core.canaries = core.canaries.filter((each) => each.id !== id);
      return { id };
    },
    'settings.get': () => core.state.settings,
    'settings.set': (change) => {
      const settings = preferencesView.parse({ ...core.state.settings, ...change });
      core.patch({ settings });
      return settings;
    },
    'review.week': () => ({
      since: new Date(Date.parse(now()) - 30 * 86_400_000).toISOString(),
      days: 30,
      prompts: { count: 41, quick: 3 },
      remembered: core.state.remembered.map(({ id, agent, server, tool }) => ({ id, agent: agent.name, server, tool })),
      rules: ['notes-only'],
      agents: core.state.agents.flatMap(({ name, grants }) =>
        grants.slice(0, 1).map(({ id, server }) => ({ id, name, server })),
      ),
      tools: core.tools.slice(0, 2).map(({ name, pin }) => ({ server: 'files', tool: name, pin })),
      ending: [{ what: 'authority' as const, at: new Date(Date.parse(now()) + 9 * 86_400_000).toISOString() }],
    }),
    'updates.do': ({ do: what }) => {
      const next = { check: 'available', download: 'ready', install: 'ready' } as const;
      core.patch({ updates: { state: next[what], version: '0.2.0' } });
      return core.state.updates ?? { state: 'off' };
    },
    'app.backup': ({ path }) => ({ path, code: 'K7Q2M-9XW4T-0BHZN-5VRCE-D8J3G-YA6PS', bytes: 1_843_200 }),
    'app.resetKeys': () => {
      const agents = core.state.agents.map(({ id, name, grants }) => ({
        id,
        name,
        servers: grants.map(({ server }) => server),
      }));
      core.patch({ agents: [] });
      return { fingerprint: 'f'.repeat(64), agents };
    },
    'presence.set': ({ away, back, seen, presenting }) => {
      const { summary, away: was, ...rest } = core.state.presence;
      const gone = away ? { at: new Date(now()).toISOString(), by: 'hand' as const } : was;
      core.replace({
        ...core.state,
        presence: {
          ...rest,
          ...(gone && !back ? { away: gone } : {}),
          ...(summary && !seen ? { summary } : {}),
          presenting: presenting ?? rest.presenting,
        },
      });
      return core.state.presence;
    },
  };
}

function isKey(message: unknown, key: string): boolean {
  return typeof message === 'object' && message !== null && 'key' in message && message.key === key;
}

function isRequest(name: string): name is RequestName {
  return Object.hasOwn(requests, name);
}

/** Rows in a burst, as a busy agent makes them. */
export function burst(from: number, count: number): LogRow[] {
  return Array.from({ length: count }, (_, index) => logRow(from + index));
}
