import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../../../shared/errors.ts';
import { type JsonNode, parseJson, serializeJson } from '../../../shared/json-tree.ts';
import { type Conversation, createConversation, type OutgoingRequest } from '../conversation.ts';
import { type ClientIdentity, modernVersion } from '../era.ts';
import { ServerFailure } from '../failure.ts';
import { cancelledMessage } from '../json-rpc.ts';
import { exchange, type HttpOrigin, readBody, readEvents, unreachable } from './http-exchange.ts';
import { modernHeaders } from './mcp-headers.ts';
import { createParamHeaders, type ParamHeaders } from './param-headers.ts';

/** Waiting between a broken stream and the next try, where the server names none. */
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
/** Breaks of one answer's stream that are bridged by resuming it. */
const maxResumes = 50;
/** How long the good-bye to a server may take. */
const goodbyeMs = 1_000;

/** Requests that change nothing at a server, whatever the server: they may go out again with a new token. */
export const repeatable: ReadonlySet<string> = new Set([
  'initialize',
  'server/discover',
  'ping',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

/** A conversation over Streamable HTTP, before any handshake. */
export interface HttpLink {
  readonly conversation: Conversation;
  /** What arguments are repeated in headers (modern). */
  readonly paramHeaders: ParamHeaders;
  /** HTTP status of the last answer to a request, 0 if there was none. */
  readonly status: () => number;
  /** Settles when everything posted so far has arrived or failed. */
  posted(): Promise<void>;
  /** From here on requests name the revision agreed on (legacy). */
  agreed(protocolVersion: string): void;
  /** Keeps the stream for messages that answer nothing open, where the server has one (legacy). */
  listen(): void;
  /** Cancels what runs and says good-bye (DELETE of a legacy session). */
  stop(): Promise<void>;
  /** Settles once, when the conversation is over. */
  readonly closed: Promise<ServerFailure | undefined>;
}

/**
 * Makes the link; nothing is sent yet. Legacy: session id, `MCP-Protocol-Version`, GET stream, resumption with
 * `Last-Event-ID` (2025-11-25, basic/transports). Modern: one POST per request, its headers repeat the body, closing the
 * stream cancels (2026-07-28). No credential of an agent ever reaches this: there is no way to hand one in.
 */
export function openHttpLink(options: {
  readonly origin: HttpOrigin;
  readonly clock: Clock;
  readonly client: ClientIdentity;
  readonly modern: boolean;
}): HttpLink {
  const { origin, clock, modern } = options;
  const { name } = origin;
  const streams = new Map<number, AbortController>();
  const background = new AbortController();
  const posts = new Set<Promise<void>>();
  const { promise: closed, resolve: close } = Promise.withResolvers<ServerFailure | undefined>();
  let sessionId: string | undefined;
  let version: string | undefined;
  let status = 0;
  let over = false;
  const paramHeaders = createParamHeaders();

  const headers = (accept: string): Record<string, string> => ({
    accept,
    'user-agent': `${options.client.name}/${options.client.version}`,
    ...(sessionId === undefined ? {} : { 'mcp-session-id': sessionId }),
    ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
  });
  const both = 'application/json, text/event-stream';
  const json = { 'content-type': 'application/json' };

  const sessionLost = (response: IncomingMessage): boolean => {
    if (modern || sessionId === undefined || response.statusCode !== 404) return false;
    sessionId = undefined;
    finish(
      new ServerFailure('server_gone', 'crashed', `${name} no longer knows this session.`, {
        hint: 'The next call opens a new one.',
      }),
      undefined,
    );
    return true;
  };
  const finish = (error: SallyportError, failure: ServerFailure | undefined): void => {
    if (over) return;
    over = true;
    conversation.end(error, true);
    background.abort();
    close(failure);
  };
  const receive = (text: string | Uint8Array, stream: number | undefined): void => {
    if (text.length === 0) return;
    let node: JsonNode;
    try {
      node = parseJson(text);
    } catch (thrown) {
      if (stream === undefined) return;
      const why = asSallyportError(thrown, 'server').message;
      const message = `${name} answered with what is not acceptable JSON. ${why}`;
      conversation.fail(stream, new ServerFailure('server_wrong_output', 'wrong-output', message));
      return;
    }
    conversation.receive(node, stream);
  };
  const wait = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.schedule(milliseconds, done);
      signal.addEventListener('abort', done, { once: true });
    });

  /** Reads the stream that carries one answer; a legacy server may break it off and be asked for the rest. */
  const followAnswer = async (first: IncomingMessage, id: number, signal: AbortSignal): Promise<void> => {
    let response = first;
    let lastId: string | undefined;
    let retryMs = firstRetryMs;
    for (let resumes = 0; ; resumes += 1) {
      let whole = true;
      try {
        await readEvents(response, name, {
          onEvent: (data, eventId) => {
            lastId = eventId ?? lastId;
            receive(data, id);
          },
          onRetry: (milliseconds) => {
            retryMs = Math.min(milliseconds, maxRetryMs);
          },
        });
      } catch (thrown) {
        const failure = asSallyportError(thrown, 'server');
        if (failure.code !== 'server_gone' || lastId === undefined) throw failure;
        whole = false;
      }
      if (!conversation.waits(id)) return;
      if (modern || lastId === undefined || resumes >= maxResumes) {
        throw new ServerFailure('server_gone', 'crashed', `${name} ended its stream without an answer.`);
      }
      if (whole) conversation.paused(id, retryMs);
      await wait(retryMs, signal);
      if (signal.aborted) return;
      response = await exchange(origin, {
        method: 'GET',
        headers: { ...headers('text/event-stream'), 'last-event-id': lastId },
        signal,
        repeatable: true,
      });
      if (sessionLost(response) || !isStream(response)) {
        response.destroy();
        throw new ServerFailure('server_gone', 'crashed', `${name} did not resume its answer.`);
      }
    }
  };

  const readAnswer = async (response: IncomingMessage, id: number, signal: AbortSignal): Promise<void> => {
    status = response.statusCode ?? 0;
    if (sessionLost(response)) {
      response.destroy();
      return;
    }
    if (status === 401 || status === 403) {
      throw wantsCredentials(response, name);
    }
    if (status < 300 && isStream(response)) return await followAnswer(response, id, signal);
    const body = await readBody(response, name);
    if (isJson(response)) receive(body, id);
    if (!conversation.waits(id)) return;
    if (status >= 400) throw unreachable(name, `answered with HTTP status ${status}`, 'Check its URL.');
    throw new ServerFailure('server_wrong_output', 'wrong-output', `${name} answered with no JSON-RPC message.`, {
      hint: 'Check that the URL is that of an MCP endpoint.',
    });
  };

  const call = async (message: OutgoingRequest): Promise<void> => {
    const controller = new AbortController();
    streams.set(message.id, controller);
    const own = modern
      ? {
          ...modernHeaders(message.method, message.params, modernVersion),
          ...(message.method === 'tools/call' ? paramHeaders.of(message.params) : {}),
        }
      : {};
    try {
      const response = await exchange(origin, {
        method: 'POST',
        headers: { ...headers(both), ...json, ...own },
        body: message.text,
        signal: controller.signal,
        onSent: message.onSent,
        repeatable: repeatable.has(message.method),
      });
      if (!modern && message.method === 'initialize') sessionId = sessionIdOf(response, name);
      await readAnswer(response, message.id, controller.signal);
    } catch (thrown) {
      conversation.fail(message.id, asSallyportError(thrown, 'server'));
    } finally {
      streams.delete(message.id);
    }
  };
  const post = (text: string): void => {
    const sent = exchange(origin, {
      method: 'POST',
      headers: { ...headers(both), ...json },
      body: text,
      repeatable: true,
    })
      .then((response) => {
        response.resume();
      })
      .catch(() => {})
      .finally(() => posts.delete(sent));
    posts.add(sent);
  };

  const conversation = createConversation({
    name,
    clock,
    client: options.client,
    modern,
    wire: {
      request(message) {
        void call(message);
      },
      // The modern revision defines no message to a server but requests.
      post: (text) => {
        if (!modern) post(text);
      },
      cancel(id) {
        if (!modern) post(serializeJson(cancelledMessage(id)));
        streams.get(id)?.abort();
      },
    },
  });

  const listen = async (): Promise<void> => {
    const { signal } = background;
    let lastId: string | undefined;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      let pause = retryMs;
      try {
        const extra: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
        const response = await exchange(origin, {
          method: 'GET',
          headers: { ...headers('text/event-stream'), ...extra },
          signal,
          repeatable: true,
        });
        if (sessionLost(response) || !isStream(response)) {
          // 405: this server has nothing to say unasked.
          response.destroy();
          return;
        }
        retryMs = firstRetryMs;
        pause = retryMs;
        await readEvents(response, name, {
          onEvent: (data, id) => {
            lastId = id ?? lastId;
            receive(data, undefined);
          },
          onRetry: (milliseconds) => {
            pause = Math.min(milliseconds, maxRetryMs);
          },
        });
      } catch {
        retryMs = Math.min(retryMs * 2, maxRetryMs);
      }
      await wait(pause, signal);
    }
  };

  return {
    conversation,
    paramHeaders,
    status: () => status,
    posted: async () => {
      await Promise.all(posts);
    },
    agreed(protocolVersion) {
      version = protocolVersion;
    },
    listen() {
      void listen();
    },
    async stop() {
      const gone = new ServerFailure('server_gone', 'crashed', `The conversation with ${name} was ended.`);
      finish(gone, undefined);
      const patience = new AbortController();
      await Promise.race([Promise.all(posts), wait(goodbyeMs, patience.signal)]);
      if (sessionId !== undefined) {
        const leave = exchange(origin, {
          method: 'DELETE',
          headers: headers(both),
          signal: patience.signal,
          repeatable: true,
        })
          .then((response) => {
            response.resume();
          })
          .catch(() => {});
        await Promise.race([leave, wait(goodbyeMs, patience.signal)]);
      }
      patience.abort();
      origin.agent.destroy();
    },
    closed,
  };
}

/** Whether an answer is a stream of server-sent events. */
export function isStream(response: IncomingMessage): boolean {
  return response.statusCode === 200 && mediaType(response) === 'text/event-stream';
}

/** What an answer of 401 or 403 is told as. */
export function wantsCredentials(response: IncomingMessage, name: string): ServerFailure {
  response.destroy();
  return unreachable(
    name,
    `wants credentials (HTTP ${response.statusCode})`,
    'If it has a key of its own, add it again with --header; if it has a sign-in: sallyport servers authorize NAME.',
  );
}

function isJson(response: IncomingMessage): boolean {
  return mediaType(response) === 'application/json';
}

function mediaType(response: IncomingMessage): string {
  return (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function sessionIdOf(response: IncomingMessage, name: string): string | undefined {
  const given = response.headers['mcp-session-id'];
  if (given === undefined) return undefined;
  if (typeof given === 'string' && /^[\x21-\x7e]{1,1024}$/.test(given)) return given;
  response.destroy();
  throw new ServerFailure('server_wrong_output', 'wrong-output', `${name} gave a session id that is none.`);
}
