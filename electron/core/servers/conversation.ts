import type { Clock } from '../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import { type JsonNode, JsonNumber, JsonObject, memberAt, serializeJson } from '../../shared/json-tree.ts';
import { type ClientIdentity, withEnvelope } from './era.ts';
import { ServerFailure } from './failure.ts';
import { answerMessage, notificationMessage, replyTo, requestMessage, sortMessage } from './json-rpc.ts';
import type { ServerRequest, UpstreamAnswer, UpstreamRequestOptions } from './upstream-session.ts';

/** One request as it leaves. */
export interface OutgoingRequest {
  readonly id: number;
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** The whole message as compact JSON, without a line end. */
  readonly text: string;
  /** To be called right before its first byte goes out. */
  readonly onSent: () => void;
}

/** What carries the messages: a child's stdin, or HTTP requests. */
export interface Wire {
  /** @throws SallyportError if nothing of it was sent */
  request(message: OutgoingRequest): void;
  /** A notification, or the answer to a server's request. Failures are the wire's to log. */
  post(text: string, method: string | undefined): void;
  /** Nobody waits for that request any more; told to the server in the way of its era. */
  cancel(id: number): void;
}

/** JSON-RPC with one server: our ids and progress tokens, time-outs, cancellation, routing of notifications. */
export interface Conversation {
  request(method: string, params: JsonObject | undefined, options?: UpstreamRequestOptions): Promise<UpstreamAnswer>;
  notify(method: string, params: JsonObject | undefined): void;
  onNotification(listener: (method: string, params: JsonObject | undefined) => void): () => void;
  onServerRequest(listener: (request: ServerRequest) => void): () => void;
  /** Takes a parsed message. @param stream the request on whose own stream it came (HTTP) */
  receive(node: JsonNode, stream?: number): void;
  /** Ends one request with an error. */
  fail(id: number, error: SallyportError): void;
  /** Cancels what is in flight at the server and ends it with `error`; later requests fail with it too. */
  end(error: SallyportError, tellServer: boolean): void;
  /** The stream of that request's answer was broken off, to be resumed. */
  paused(id: number, retryMs: number): void;
  /** Whether that request still waits for its answer. */
  waits(id: number): boolean;
  /** Requests waiting, those in the background left out. */
  readonly inFlight: number;
  /** Messages understood so far. */
  readonly understood: number;
}

interface Pending {
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: SallyportError) => void;
  readonly onNotification: UpstreamRequestOptions['onNotification'];
  /** The caller's own progress token; ours is the request id. */
  readonly token: JsonNode | undefined;
  readonly onServerRequest: UpstreamRequestOptions['onServerRequest'];
  readonly onPause: UpstreamRequestOptions['onPause'];
  readonly background: boolean;
}

/** Requests of a server that may wait for an answer at the same time; more are refused. */
const maxAsked = 16;
/** Longest timer that Node keeps. */
const maxTimer = 2 ** 31 - 1;
/** Messages in one batch of a 2025-03-26 server that are looked at. */
const maxBatch = 1_000;

/** Makes a conversation. @param deps.modern whether each request carries the modern envelope */
export function createConversation(deps: {
  readonly name: string;
  readonly clock: Clock;
  readonly client: ClientIdentity;
  readonly modern: boolean;
  readonly wire: Wire;
}): Conversation {
  const { clock, wire } = deps;
  const pending = new Map<number, Pending>();
  const listeners = new Set<(method: string, params: JsonObject | undefined) => void>();
  const askListeners = new Set<(request: ServerRequest) => void>();
  /** What the server asked and nobody answered yet, by its own id. */
  const asked = new Map<string, AbortController>();
  let nextId = 1;
  let understood = 0;
  let ended: SallyportError | undefined;

  const route = (method: string, params: JsonObject | undefined, stream: number | undefined): void => {
    if (method === 'notifications/cancelled') {
      const id = params?.get('requestId');
      if (id !== undefined) asked.get(serializeJson(id))?.abort();
      return;
    }
    if (method === 'notifications/progress') {
      const owner = pending.get(ownNumber(params?.get('progressToken')) ?? -1);
      if (owner?.token !== undefined) hand(owner, method, params?.with('progressToken', owner.token));
      return;
    }
    const subscription = ownNumber(memberAt(params, '_meta', 'io.modelcontextprotocol/subscriptionId'));
    let owner = subscription === undefined ? undefined : pending.get(subscription);
    // A log message carries no request id: it belongs to the stream it came on, or to the only call that runs.
    if (!owner && method === 'notifications/message') {
      owner = stream === undefined ? only(working()) : pending.get(stream);
    }
    if (owner?.onNotification) hand(owner, method, params);
    else for (const listener of listeners) listener(method, params);
  };
  const working = (): Pending[] => [...pending.values()].filter((entry) => !entry.background);
  /**
   * A server's request goes to whom it concerns, or to nobody: with several calls of one agent in flight over stdio, which
   * one it belongs to is not known, and is not guessed.
   */
  const ask = (id: JsonNode, method: string, params: JsonObject | undefined, stream: number | undefined): void => {
    const key = serializeJson(id);
    const refuse = (): void => wire.post(serializeJson(replyTo(id, method)), undefined);
    const beyond = deps.modern || asked.has(key) || asked.size >= maxAsked;
    const owner = stream === undefined ? only(working().filter((one) => one.onServerRequest)) : pending.get(stream);
    const take = method === 'ping' || beyond ? undefined : (owner?.onServerRequest ?? [...askListeners][0]);
    if (!take) {
      refuse();
      return;
    }
    const withdrawn = new AbortController();
    asked.set(key, withdrawn);
    const isOpen = (): boolean => asked.get(key) === withdrawn;
    withdrawn.signal.addEventListener('abort', () => {
      if (isOpen()) asked.delete(key);
    });
    const answer = (response: UpstreamAnswer): void => {
      if (!isOpen()) return;
      asked.delete(key);
      wire.post(serializeJson(answerMessage(id, response)), undefined);
    };
    try {
      take({ method, params, withdrawn: withdrawn.signal, answer });
    } catch {
      asked.delete(key);
      refuse();
    }
  };
  /** A caller that cannot take its notification loses its call, not the whole app. */
  const hand = (owner: Pending, method: string, params: JsonObject | undefined): void => {
    try {
      owner.onNotification?.(method, params);
    } catch (thrown) {
      owner.reject(asSallyportError(thrown, 'gateway'));
    }
  };

  const receiveOne = (node: JsonNode, stream: number | undefined): void => {
    const message = sortMessage(node);
    if (message.kind !== 'wrong') understood += 1;
    switch (message.kind) {
      case 'notification':
        route(message.method, message.params, stream);
        return;
      case 'request':
        ask(message.id, message.method, message.params, stream);
        return;
      case 'result':
        if (message.id !== undefined) pending.get(message.id)?.resolve({ result: message.result });
        return;
      case 'error': {
        // An error without a usable id on a request's own stream can only be about that request (HTTP).
        const id = message.id ?? stream;
        if (id !== undefined) pending.get(id)?.resolve({ error: message.error });
        return;
      }
      case 'wrong':
        if (message.id !== undefined) {
          pending
            .get(message.id)
            ?.reject(wrongOutput(`${deps.name} answered with neither a result nor an error, or with both.`));
        }
    }
  };

  return {
    request(method, params, options = {}) {
      if (ended) return Promise.reject(ended);
      const { signal } = options;
      if (signal?.aborted) return Promise.reject(cancelled());
      const id = nextId;
      nextId += 1;
      const token = memberAt(params, '_meta', 'progressToken');
      const sent = prepare(params, id, token, deps, options);
      const text = serializeJson(requestMessage(id, method, sent));
      return new Promise((resolve, reject) => {
        const timeoutMs = options.timeoutMs ?? 300_000;
        const giveUp = (error: SallyportError): void => {
          wire.cancel(id);
          entry.reject(error);
        };
        const stopTimer = Number.isFinite(timeoutMs)
          ? clock.schedule(Math.min(timeoutMs, maxTimer), () => giveUp(tooLate(deps.name, method, timeoutMs)))
          : () => {};
        const onAbort = (): void => giveUp(cancelled());
        const settle = (): void => {
          pending.delete(id);
          stopTimer();
          signal?.removeEventListener('abort', onAbort);
        };
        const entry: Pending = {
          resolve: (answer) => {
            settle();
            resolve(answer);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
          onNotification: options.onNotification,
          token,
          onServerRequest: options.onServerRequest,
          onPause: options.onPause,
          background: options.background ?? false,
        };
        pending.set(id, entry);
        signal?.addEventListener('abort', onAbort, { once: true });
        try {
          wire.request({ id, method, params: sent, text, onSent: () => options.onSent?.() });
        } catch (thrown) {
          entry.reject(asSallyportError(thrown, 'server'));
        }
      });
    },
    notify(method, params) {
      if (!ended) wire.post(serializeJson(notificationMessage(method, params)), method);
    },
    onNotification(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onServerRequest(listener) {
      askListeners.add(listener);
      return () => askListeners.delete(listener);
    },
    receive(node, stream) {
      if (Array.isArray(node)) for (const one of node.slice(0, maxBatch)) receiveOne(one, stream);
      else receiveOne(node, stream);
    },
    paused(id, retryMs) {
      pending.get(id)?.onPause?.(retryMs);
    },
    fail(id, error) {
      pending.get(id)?.reject(error);
    },
    end(error, tellServer) {
      if (ended) return;
      ended = error;
      for (const [id, entry] of [...pending]) {
        if (tellServer) wire.cancel(id);
        entry.reject(error);
      }
      for (const withdrawn of [...asked.values()]) withdrawn.abort();
      listeners.clear();
      askListeners.clear();
    },
    waits: (id) => pending.has(id),
    get inFlight() {
      return working().length;
    },
    get understood() {
      return understood;
    },
  };
}

function prepare(
  params: JsonObject | undefined,
  id: number,
  token: JsonNode | undefined,
  deps: { readonly modern: boolean; readonly client: ClientIdentity },
  options: UpstreamRequestOptions,
): JsonObject | undefined {
  let sent = params;
  const meta = params?.get('_meta');
  if (token !== undefined && meta instanceof JsonObject) {
    sent = params?.with('_meta', meta.with('progressToken', new JsonNumber(String(id))));
  }
  return deps.modern ? withEnvelope(sent, deps.client, options.logLevel, options.capabilities) : sent;
}

function only<T>(all: readonly T[]): T | undefined {
  return all.length === 1 ? all[0] : undefined;
}

/** The whole number that a tree holds where we had put one of ours; some servers give it back as a string. */
function ownNumber(node: JsonNode | undefined): number | undefined {
  const text = node instanceof JsonNumber ? node.lexeme : node;
  return typeof text === 'string' && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function wrongOutput(message: string): ServerFailure {
  return new ServerFailure('server_wrong_output', 'wrong-output', message, {
    hint: 'The server does not keep to the protocol: look for a newer version of it.',
  });
}

function cancelled(): SallyportError {
  return new SallyportError('call_cancelled', 'agent', 'The caller gave up before the server had answered.');
}

function tooLate(name: string, method: string, timeoutMs: number): SallyportError {
  const seconds = Math.round(timeoutMs / 100) / 10;
  return new SallyportError('server_timeout', 'server', `${name} did not answer ${method} within ${seconds} s.`, {
    hint: 'It was told to stop working on it; whether it did something is not known.',
  });
}
