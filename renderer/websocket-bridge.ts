import type {
  ClientFrame,
  EventName,
  EventPayload,
  RequestInput,
  RequestName,
  RequestOutput,
} from '../electron/shared/contract.ts';
import { events, requests, serverFrame } from '../electron/shared/contract.ts';
import { SallyportError } from '../electron/shared/errors.ts';
import type { Bridge, Connection } from './bridge.ts';
import { texts } from './texts.ts';

const storedKey = 'sallyport.key';
/** Close codes by which the browser front says that the key is not (or no longer) good. */
const refusedCodes: ReadonlySet<number> = new Set([1008, 4401, 4403]);
const firstRetry = 500;
const lastRetry = 15_000;

/**
 * Takes this run's key out of the address (`#k=…`), so that it is in no history entry and no bookmark, and keeps it for
 * this tab (`security.md` S20).
 * @returns the key, or `undefined` if this tab never got one
 */
export function takeKey(): string | undefined {
  const match = /^#k=([A-Za-z0-9_-]{16,200})(.*)$/.exec(location.hash);
  if (match?.[1]) {
    sessionStorage.setItem(storedKey, match[1]);
    const rest = match[2]?.replace(/^&/, '') ?? '';
    history.replaceState(null, '', `${location.pathname}${location.search}${rest ? `#${rest}` : ''}`);
    return match[1];
  }
  return sessionStorage.getItem(storedKey) ?? undefined;
}

interface Waiting {
  readonly name: RequestName;
  resolve(value: unknown): void;
  reject(error: SallyportError): void;
}

/** A bridge over the browser front's WebSocket: key first, then frames; dials again by itself with growing pauses. */
export function createWebSocketBridge(options: { url: string; key: string | undefined }): Bridge {
  const { url, key } = options;
  let connection: Connection = key ? { kind: 'connecting' } : { kind: 'no-key', reason: 'missing' };
  let socket: WebSocket | undefined;
  let nextId = 1;
  let pause = firstRetry;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  const waiting = new Map<number, Waiting>();
  const topics = new Map<string, Set<(payload: unknown) => void>>();
  const connectionListeners = new Set<() => void>();

  const setConnection = (next: Connection): void => {
    connection = next;
    for (const listener of connectionListeners) listener();
  };
  const send = (frame: ClientFrame): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };

  const receive = (data: unknown): void => {
    if (typeof data !== 'string') return;
    const parsed = serverFrame.safeParse(JSON.parse(data));
    if (!parsed.success) return;
    const frame = parsed.data;
    if (connection.kind !== 'online') {
      pause = firstRetry;
      setConnection({ kind: 'online' });
    }
    if (frame.type === 'event') {
      const schema = isTopic(frame.topic) ? events[frame.topic] : undefined;
      const payload = schema?.safeParse(frame.payload);
      if (!payload?.success) return;
      for (const listener of topics.get(frame.topic) ?? []) listener(payload.data);
      return;
    }
    const request = waiting.get(frame.id);
    if (!request) return;
    waiting.delete(frame.id);
    if (frame.type === 'failure') {
      request.reject(SallyportError.fromShape(frame.error));
      return;
    }
    const value = requests[request.name].output.safeParse(frame.value);
    if (value.success) request.resolve(value.data);
    else request.reject(new SallyportError('bad_answer', 'app', texts.errors.badAnswer(request.name)));
  };

  const lost = (code: number): void => {
    socket = undefined;
    for (const [, request] of waiting) {
      request.reject(new SallyportError('connection_lost', 'app', texts.errors.lost, { hint: texts.errors.lostHint }));
    }
    waiting.clear();
    if (refusedCodes.has(code)) {
      sessionStorage.removeItem(storedKey);
      setConnection({ kind: 'no-key', reason: 'refused' });
      return;
    }
    const since = connection.kind === 'offline' ? connection.since : Date.now();
    setConnection({ kind: 'offline', since, retryAt: Date.now() + pause });
    retryTimer = setTimeout(dial, pause);
    pause = Math.min(lastRetry, pause * 2);
  };

  const dial = (): void => {
    clearTimeout(retryTimer);
    if (!key || socket) return;
    const opened = new WebSocket(url);
    socket = opened;
    opened.addEventListener('open', () => {
      opened.send(JSON.stringify({ key }));
      for (const topic of topics.keys()) send({ type: 'subscribe', topic });
    });
    opened.addEventListener('message', (event: MessageEvent<unknown>) => {
      try {
        receive(event.data);
      } catch {
        opened.close(4400, 'unreadable frame');
      }
    });
    opened.addEventListener('close', (event) => {
      if (socket === opened) lost(event.code);
    });
  };
  dial();

  return {
    front: 'browser',
    connection: () => connection,
    onConnection(listener) {
      connectionListeners.add(listener);
      return () => {
        connectionListeners.delete(listener);
      };
    },
    retry() {
      pause = firstRetry;
      dial();
    },
    request<Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>> {
      return new Promise((resolve, reject) => {
        if (socket?.readyState !== WebSocket.OPEN) {
          reject(new SallyportError('offline', 'app', texts.errors.offline, { hint: texts.errors.offlineHint }));
          return;
        }
        const id = nextId++;
        waiting.set(id, { name, resolve: (value) => resolve(value as RequestOutput<Name>), reject });
        send({ type: 'request', id, name, input });
      });
    },
    subscribe<Name extends EventName>(topic: Name, listener: (payload: EventPayload<Name>) => void): () => void {
      const heard = listener as (payload: unknown) => void;
      const listeners = topics.get(topic) ?? new Set();
      topics.set(topic, listeners);
      listeners.add(heard);
      if (listeners.size === 1) send({ type: 'subscribe', topic });
      return () => {
        if (!listeners.delete(heard) || listeners.size > 0) return;
        topics.delete(topic);
        send({ type: 'unsubscribe', topic });
      };
    },
  };
}

function isTopic(topic: string): topic is EventName {
  return Object.hasOwn(events, topic);
}
