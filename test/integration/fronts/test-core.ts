import { EventEmitter } from 'node:events';
import { createDispatcher, type Dispatcher, type Handlers } from '../../../electron/core/fronts/dispatcher.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { Clock } from '../../../electron/shared/clock.ts';
import type { AppState, EventPayload } from '../../../electron/shared/contract.ts';
import { SallyportError } from '../../../electron/shared/errors.ts';
import type { ApprovalView, LogRow, Preferences, ServerView, ToolView } from '../../../electron/shared/views.ts';

const at = '2026-11-22T12:00:00.000Z';
const digest = `sha256:${'a'.repeat(64)}`;

export const approval: ApprovalView = {
  id: 'ap-1',
  digest,
  at,
  expiresAt: '2026-11-22T12:05:00.000Z',
  agent: { id: 'token:1', name: 'Claude' },
  server: 'files',
  tool: 'write_file',
  class: 'effect',
  arguments: { path: 'plan.md' },
  argumentsText: '{"path":"plan.md\u202e"}',
  verb: 'write a file',
  unusual: [],
  summary: 'write a file',
  reasons: ['write_file changes things'],
  risk: 40,
  count: 1,
  remember: { scopes: ['call'], durations: ['once'] },
};

export const tool: ToolView = {
  name: 'read_file',
  class: 'read',
  why: 'its name reads',
  access: 'allow',
  pin: digest,
  state: 'approved',
};

export function logRow(seq: number): LogRow {
  return { seq, at, id: `call-${seq}`, kind: 'call', bytesIn: 1, bytesOut: 2, hash: `sha256:${seq}` };
}

/** A dispatcher over an in-memory core: small, real handlers, and levers for a test to pull. */
export function createTestCore(options: { clock?: Clock; slowRequest?: Promise<void> } = {}): {
  readonly dispatcher: Dispatcher;
  readonly asked: { name: string; input: unknown; front: string; caller?: unknown }[];
  setState(change: (state: AppState) => AppState): void;
  row(row: LogRow): void;
  event(event: EventPayload<'approvals'>): void;
  settings: { -readonly [Name in keyof Preferences]: Preferences[Name] };
} {
  const emitter = new EventEmitter();
  const settings: { -readonly [Name in keyof Preferences]: Preferences[Name] } = {
    cliMayDecide: false,
    openAtLogin: false,
    lockEndsSessions: true,
    awayAfterMinutes: 10,
    promptSound: false,
  };
  const presence = { locked: false, presenting: false };
  const servers: ServerView[] = [];
  const certificate = { kind: 'own' as const, domain: 'localhost', fingerprint: digest, notAfter: at };
  const tunnel = {
    way: 'embedded' as const,
    domain: 'localhost',
    port: 47_443,
    state: 'connected' as const,
    connections: [{ edge: 'embedded', transport: 'tls' as const, since: at, rttMs: 0.2 }],
    canSee: ['names'],
    cannotSee: ['tools'],
  };
  const status = {
    state: 'nothing-shared' as const,
    since: at,
    road: [{ hop: 'edge' as const, ok: true, at }],
    way: 'embedded' as const,
    servers: 0,
    pending: 0,
  };
  const door = { refused: 0, blocked: [] };
  let state: AppState = {
    version: '0.0.0',
    status,
    tunnel,
    servers,
    approvals: [],
    remembered: [],
    agents: [],
    consents: [],
    door,
    settings,
    presence,
  };
  const asked: { name: string; input: unknown; front: string; caller?: unknown }[] = [];
  const find = (name: string): ServerView => {
    const found = servers.find((server) => server.name === name || server.slug === name);
    if (!found) throw new SallyportError('server_not_found', 'server', `There is no server "${name}".`);
    return found;
  };
  const url = (slug: string): string => `https://localhost:47443/${slug}/mcp`;
  const handlers: Handlers = {
    'doctor.look': async () => ({ checks: [], done: true, report: '' }),
    'presence.set': async () => presence,
    'review.week': async () => ({
      since: at,
      days: 0,
      prompts: { count: 0, quick: 0 },
      remembered: [],
      rules: [],
      agents: [],
      tools: [],
      ending: [],
    }),
    'updates.do': async () => ({ state: 'off' }),
    'app.backup': async ({ path }) => ({ path, code: 'A', bytes: 1 }),
    'app.resetKeys': async () => ({ fingerprint: digest, agents: [] }),
    'status.get': async () => {
      await options.slowRequest;
      return status;
    },
    'servers.results': async ({ server, secrets, unseen }) => ({
      server,
      secrets: secrets ?? 'mask',
      unseen: unseen ?? 'report',
    }),
    'results.list': async () => ({ results: [] }),
    'results.reveal': async ({ id }) => ({ id, text: '{}', kinds: [] }),
    'results.send': async ({ id }) => ({ id }),
    'agents.pause': async ({ id }) => ({ id, at }),
    'agents.resume': async ({ id }) => ({ id }),
    'canaries.list': async () => ({ canaries: [] }),
    'canaries.add': async ({ value }) => ({ id: 'c1', value: value ?? 'acct-abc234-abcd2345' }),
    'canaries.remove': async ({ id }) => ({ id }),
    'policy.show': async () => ({ path: '/rules.yaml', text: '', rules: 0 }),
    'policy.propose': async () => ({ proposals: [] }),
    'policy.adopt': async () => ({ path: '/rules.yaml', rules: 1 }),
    'policy.set': async () => ({ path: '/rules.yaml', rules: 0 }),
    'ui.address': async () => ({ url: 'http://127.0.0.1:1/#k=x' }),
    'servers.list': async () => ({ servers }),
    'servers.add': async (input) => {
      const slug = input.name.toLowerCase();
      servers.push({
        name: input.name,
        slug,
        kind: input.url === undefined ? 'stdio' : 'http',
        ...(input.command === undefined ? {} : { command: input.command }),
        ...(input.args ? { args: input.args } : {}),
        env: Object.keys(input.env ?? {}),
        ...(input.url === undefined ? {} : { url: input.url }),
        shared: false,
        state: 'stopped',
        tools: { total: 0, exposed: 0 },
      });
      return { name: input.name, slug };
    },
    'servers.discover': async () => ({ found: [], unreadable: [] }),
    'servers.scan': async () => ({ found: [], ports: 0 }),
    'servers.import': async ({ found }) => ({ name: found, slug: found }),
    'servers.adopt': async ({ server }) => find(server),
    'servers.authorize': async ({ server }) => ({
      step: 'browser',
      server,
      url: 'https://sign-in.example/authorize',
      expiresAt: at,
    }),
    'servers.authorized': async ({ server }) => ({ server, scopes: [] }),
    'servers.signOut': async ({ server }) => ({ server }),
    'servers.approveOffer': async ({ server }) => ({ server }),
    'servers.features': async ({ server }) => ({ server, features: [] }),
    'servers.isolate': async ({ isolation }) => ({ server: 'files', ...(isolation ? { isolation } : {}) }),
    'servers.isolation': async () => ({ ok: true }),
    'servers.private': async ({ server, private: marked, readable = false }) => ({
      server,
      private: marked,
      readable: marked && readable,
    }),
    'servers.remove': async ({ server }) => {
      const { name } = find(server);
      servers.splice(servers.indexOf(find(server)), 1);
      return { name };
    },
    'servers.share': async ({ server }) => {
      const { name, slug } = find(server);
      return {
        name,
        url: url(slug),
        resource: url(slug),
        tools: [{ name: 'read_file', class: 'read', access: 'allow' }],
      };
    },
    'servers.unshare': async ({ server }) => ({ name: find(server).name }),
    'app.about': async () => ({ dataDir: '/d', sealer: 'keyfile', storage: { logBytes: 1, totalBytes: 2 } }),
    'servers.firstCall': async () => ({
      name: 'Sample',
      slug: 'sample',
      url: url('sample'),
      callId: 'call-1',
      tool: 'list_notes',
      hops: [{ hop: 'agent', at, afterMs: 0, detail: 'dials' }],
      answer: '{}',
    }),
    'servers.try': async () => ({ name: 'Sample', slug: 'sample', url: url('sample') }),
    'tools.list': async ({ server }) => ({ server: find(server).slug, tools: [tool] }),
    'tools.set': async ({ server, access }) => ({ server: find(server).slug, tool: { ...tool, access } }),
    'agents.list': async () => ({ agents: [] }),
    'agents.token': async ({ server, ttlMs }) => ({
      id: 't1',
      token: 'sp_secret',
      resource: url(server),
      server,
      scope: 'all-shared',
      expiresAt: new Date(Date.parse(at) + (ttlMs ?? 0)).toISOString(),
    }),
    'agents.revoke': async ({ id }) => ({ id }),
    'agents.rename': async ({ id, name }) => ({ id, name }),
    'agents.narrow': async ({ id }) => ({ id, scope: 'read' }),
    'agents.letIn': async ({ forMs }) =>
      forMs === 0 ? door : { ...door, openUntil: new Date(Date.parse(at) + forMs).toISOString() },
    'agents.unblock': async () => door,
    'consents.list': async () => ({ consents: [], door }),
    'consents.answer': async ({ id, answer }) => ({ id, answer }),
    'approvals.list': async () => ({ approvals: [approval], remembered: [] }),
    'approvals.answer': async ({ id, answer, scope, for: time }) => ({ id, answer, scope, for: time }),
    'approvals.forget': async ({ id }) => ({ id }),
    'approvals.reach': async () => ({ windows: 0, pages: 1, desk: false, commandLine: false, version: '0.0.0' }),
    'log.list': async ({ limit, before }) => {
      const first = (before ?? 1_001) - 1;
      const rows = Array.from({ length: Math.min(limit, first) }, (_, index) => logRow(first - index));
      const last = rows.at(-1)?.seq ?? 1;
      return { rows, ...(last > 1 ? { next: last } : {}) };
    },
    'log.show': async () => ({ row: { ...logRow(1), steps: [] } }),
    'log.verify': async () => ({
      ok: false,
      rows: 3,
      badSeq: 4,
      why: 'its hash does not follow',
      damage: 'changed',
      checkpoints: 1,
      signedBy: 'us',
    }),
    'log.kept': async () => ({ days: 90, bytes: 1_073_741_824, usedBytes: 4_096 }),
    'log.keep': async ({ days, bytes }) => ({ days: days ?? 90, bytes: bytes ?? 1_073_741_824, usedBytes: 4_096 }),
    'tunnel.status': async () => tunnel,
    'tunnel.ca': async () => ({ pem: 'PEM\n', fingerprint: digest, notAfter: at }),
    'tunnel.caRotate': async () => ({ pem: 'PEM\n', fingerprint: digest, notAfter: at }),
    'tunnel.probe': async () => ({ ok: false, at, ms: 1, hop: 'edge', detail: 'no answer' }),
    'tunnel.certificate': async () => certificate,
    'tunnel.certificateUse': async () => certificate,
    'tunnel.network': async () => ({ direct: false }),
    'tunnel.networkUse': async () => ({ direct: false }),
    'tunnel.record': async () => ({}),
    'tunnel.remote': async () => ({ tunnels: [], certificates: [] }),
    'tunnel.remoteChange': async () => tunnel,
    'tunnel.use': async () => tunnel,
    pause: async () => ({ paused: true, at, endedStreams: 2 }),
    resume: async () => ({ paused: false, at, endedStreams: 0 }),
    'settings.get': async () => settings,
    'settings.set': async () => settings,
  };
  const recorded = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async (input: never, context: { front: string; caller?: unknown }) => {
        asked.push({ name, input, ...context });
        return await (handler as (input: never, context: unknown) => Promise<unknown>)(input, context);
      },
    ]),
  ) as unknown as Handlers;
  const on =
    <Value>(name: string) =>
    (listener: (value: Value) => void) => {
      emitter.on(name, listener);
      return () => {
        emitter.off(name, listener);
      };
    };
  const dispatcher = createDispatcher({
    handlers: recorded,
    state: { get: () => state, onChange: on<AppState>('state') },
    log: { onRow: on<LogRow>('row') },
    approvals: { onEvent: on<EventPayload<'approvals'>>('approval') },
    clock: options.clock ?? systemClock,
    cliMayDecide: () => settings.cliMayDecide,
  });
  return {
    dispatcher,
    asked,
    settings,
    setState(change) {
      state = change(state);
      emitter.emit('state', state);
    },
    row: (row) => void emitter.emit('row', row),
    event: (event) => void emitter.emit('approval', event),
  };
}
