import type { JsonObject } from '../../shared/json-tree.ts';
import type { Policy } from '../policy/policy.ts';
import type { ConnectOptions, ServerRecord, Servers } from '../servers/servers.ts';
import type { ServerRequest, UpstreamSession } from '../servers/upstream-session.ts';
import { featureNotifications } from './features.ts';
import { codes, errorBody } from './protocol-errors.ts';
import type { ServerListening } from './server-listening.ts';
import type { ToolLists } from './tool-lists.ts';

/** One agent-side stream that wants to hear of changes. */
export interface ChangeListener {
  readonly server: string;
  /** Key of its conversation with the server: it hears of no other conversation's notifications. */
  readonly key: string;
  toolsChanged(): void;
  /** Takes what a legacy server asks outside of any call, where its client can be asked. */
  asks?(request: ServerRequest): void;
  /** What the server said: log messages, and of its resources or prompts where the person shares these. */
  said(method: string, params: JsonObject | undefined): void;
}

/** Conversations with servers, and what they say unasked. */
export interface Upstreams {
  /** See {@link Servers.connect}. */
  connect(record: ServerRecord, key: string, options?: ConnectOptions): Promise<UpstreamSession>;
  /**
   * Key of a modern agent's conversation. A legacy server is told once, at its start, what it may ask for: a client that can
   * be asked less or more has another conversation with it. A modern one is told with each request.
   */
  agentKey(record: ServerRecord, agent: string, capabilities: JsonObject): string;
  /** Takes what a server says of a resource that is followed on a stream of its own. */
  hears(record: ServerRecord, key: string): (method: string, params: JsonObject | undefined) => void;
  /** Begins to listen; the function returned ends it. */
  listen(listener: ChangeListener): () => void;
  close(): void;
}

/** Makes it. */
export function createUpstreams(
  servers: Pick<Servers, 'connect'>,
  policy: Pick<Policy, 'tools' | 'onChange'>,
  lists: ToolLists,
  listening: ServerListening,
): Upstreams {
  const listeners = new Set<ChangeListener>();
  const attached = new WeakSet<UpstreamSession>();
  /** Era of a server as modern agents meet it. */
  const modern = new Map<string, boolean>();
  const shown = new Map<string, string>();
  /** What was ticked when a conversation was last used; unticking ends the streams that hear of it. */
  const ticked = new Map<string, readonly string[]>();
  const tell = (server: string, key?: string): void => {
    for (const listener of listeners) {
      if (listener.server === server && (key === undefined || listener.key === key)) listener.toolsChanged();
    }
  };
  /** Compares what agents may see of a server with what they could see before. */
  const noticeChange = (server: string): boolean => {
    const exposed = policy.tools(server).filter((tool) => tool.access !== 'off' && tool.state === 'approved');
    const now = exposed.map((tool) => `${tool.name} ${tool.pin}`).join('\n');
    const before = shown.get(server);
    shown.set(server, now);
    if (before === undefined || before === now) return false;
    tell(server);
    return true;
  };
  const stopPolicy = policy.onChange((server) => void noticeChange(server));
  const tellListeners = (record: ServerRecord, key: string, method: string, params: JsonObject | undefined): void => {
    const feature = featureNotifications.get(method);
    const log = method === 'notifications/message';
    if (!log && (feature === undefined || !ticked.get(record.slug)?.includes(feature))) return;
    for (const listener of listeners) {
      if (listener.server === record.slug && listener.key === key) listener.said(method, params);
    }
  };
  const attach = (record: ServerRecord, key: string, session: UpstreamSession): void => {
    if (attached.has(session)) return;
    attached.add(session);
    const hear = (method: string, params: JsonObject | undefined): void => {
      tellListeners(record, key, method, params);
      if (method !== 'notifications/tools/list_changed') return;
      lists.invalidate(session);
      const before = shown.get(record.slug);
      // Read before telling: a definition that changed is blocked by the time an agent asks for it.
      lists.of(record.slug, session).then(
        () => {
          if (shown.get(record.slug) === before) tell(record.slug, key);
        },
        () => tell(record.slug, key),
      );
    };
    const stop = session.onNotification(hear);
    if (session.info.era === 'modern') listening.lists(session, hear);
    const stopAsking = session.onServerRequest((request) => {
      const [listener] = [...listeners].filter((one) => one.server === record.slug && one.key === key && one.asks);
      if (listener?.asks) listener.asks(request);
      else request.answer({ error: errorBody(codes.methodNotFound, 'The client cannot be asked that.') });
    });
    session.onClose(() => {
      stop();
      stopAsking();
    });
  };
  return {
    agentKey(record, agent, capabilities) {
      const asks = [...capabilities.members.keys()].join('+');
      return asks === '' || modern.get(record.slug) === true ? `agent:${agent}` : `agent:${agent} ${asks}`;
    },
    async connect(record, key, options) {
      if (!shown.has(record.slug)) noticeChange(record.slug);
      ticked.set(record.slug, record.features ?? []);
      const session = await servers.connect(record, key, options);
      // A conversation in the old era is no sign for one that was opened for a client of that era.
      if (options?.preferLegacy !== true) modern.set(record.slug, session.info.era === 'modern');
      attach(record, key, session);
      return session;
    },
    hears: (record, key) => (method, params) => tellListeners(record, key, method, params),
    listen(listener) {
      if (!shown.has(listener.server)) noticeChange(listener.server);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stopPolicy();
      listeners.clear();
    },
  };
}
