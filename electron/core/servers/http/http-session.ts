import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError } from '../../../shared/errors.ts';
import { type JsonNode, JsonObject, memberAt } from '../../../shared/json-tree.ts';
import { type ClientIdentity, initializeParams, readDiscover, readInitialize } from '../era.ts';
import { asStartFailure, quoted, ServerFailure } from '../failure.ts';
import { errorCode, errorMessage } from '../json-rpc.ts';
import type { OwnSession } from '../own-session.ts';
import { createMask } from '../stdio/server-words.ts';
import type { UpstreamInfo } from '../upstream-session.ts';
import { type HttpOrigin, httpOrigin, type OriginOptions } from './http-exchange.ts';
import { type HttpLink, openHttpLink } from './http-link.ts';
import type { ParamHeaders } from './param-headers.ts';
import { openSseLink } from './sse-link.ts';

/** Pages of a tool list read before a call to a tool that is not known yet. */
const maxPages = 20;

/** What a conversation with an HTTP upstream is opened with. */
export interface HttpSessionOptions {
  readonly name: string;
  /** Exactly what the person entered. */
  readonly url: string;
  /** Its credentials (header names in lower case), its CA, where its address may lie. */
  readonly origin: OriginOptions;
  readonly clock: Clock;
  readonly client: ClientIdentity;
  /** What a legacy server is told that it may ask for. */
  readonly capabilities?: JsonObject;
  /** How it was spoken to last: tried first. */
  readonly known: HttpManner | undefined;
  /** Milliseconds until each step of the handshake must be answered. */
  readonly startMs: number;
  readonly signal: AbortSignal;
}

/** How a server is spoken to over HTTP: the era, and within the old one the way of 2024-11-05. */
export type HttpManner = 'modern' | 'legacy' | 'legacy-sse';

/**
 * Opens the conversation: modern first, then `initialize`, then the stream of 2024-11-05, as `reference/mcp.md` §1.6 has it.
 * 401, 403, 5xx and silence say nothing of the era, so they fail the start. What is known of a server is tried alone; where
 * it answers and it is not so any more, it is found out anew.
 * @throws ServerFailure `server_not_ready`
 */
export async function openHttpSession(
  options: HttpSessionOptions,
): Promise<{ readonly session: OwnSession; readonly manner: HttpManner }> {
  try {
    const origin = httpOrigin(options.url, options.name, options.origin);
    const attempts = { modern: tryModern, legacy: tryLegacy, 'legacy-sse': trySse } as const;
    let last: unknown;
    const attempt = async (manner: HttpManner): Promise<OwnSession | undefined> => {
      try {
        return await attempts[manner](options, origin);
      } catch (thrown) {
        if (!(thrown instanceof NotThisManner)) throw thrown;
        last ??= thrown.cause;
        return undefined;
      }
    };
    const { known } = options;
    const order: readonly HttpManner[] = ['modern', 'legacy', 'legacy-sse'];
    for (const manner of known ? [known, ...order.filter((each) => each !== known)] : order) {
      const session = await attempt(manner);
      if (session) return { session, manner };
    }
    throw last;
  } catch (thrown) {
    throw asStartFailure(thrown);
  }
}

/** The server answered, and not in this manner; `cause` says how. */
class NotThisManner extends Error {}

async function tryModern(options: HttpSessionOptions, origin: HttpOrigin): Promise<OwnSession> {
  const link = openHttpLink({ ...options, origin, modern: true });
  try {
    const wait = { timeoutMs: options.startMs, signal: options.signal };
    const answer = await link.conversation.request('server/discover', undefined, wait);
    const info = 'result' in answer ? readDiscover(answer.result) : undefined;
    if (info) return withParamHeaders(session(link, info), link.paramHeaders);
  } catch (thrown) {
    const error = asSallyportError(thrown, 'server');
    const legacyLike = [400, 404, 405, 406, 415, 422].includes(link.status());
    if (!legacyLike || error.code === 'call_cancelled') {
      await link.stop();
      throw error;
    }
  }
  await link.stop();
  // What it said to a method that it need not know is no news: the handshake's answer is told instead.
  throw new NotThisManner();
}

async function tryLegacy(options: HttpSessionOptions, origin: HttpOrigin): Promise<OwnSession> {
  const link = openHttpLink({ ...options, origin, modern: false });
  try {
    const opened = await initialize(link, options);
    // On its own connection a request could overtake it.
    await link.posted();
    link.listen();
    return opened;
  } catch (thrown) {
    await link.stop();
    const status = link.status();
    if (status < 400 || status >= 500 || status === 401 || status === 403) throw thrown;
    throw new NotThisManner('no initialize', { cause: thrown });
  }
}

async function trySse(options: HttpSessionOptions, origin: HttpOrigin): Promise<OwnSession> {
  const link = await openSseLink({ ...options, origin });
  if (!link) throw new NotThisManner('no stream');
  try {
    return await initialize(link, options);
  } catch (thrown) {
    await link.stop();
    throw thrown;
  }
}

async function initialize(link: HttpLink, options: HttpSessionOptions): Promise<OwnSession> {
  const { name } = options;
  const wait = { timeoutMs: options.startMs, signal: options.signal };
  const answer = await link.conversation.request(
    'initialize',
    initializeParams(options.client, options.capabilities),
    wait,
  );
  if ('error' in answer) {
    const mask = createMask(new Map(Object.entries(options.origin.headers ?? {})));
    const said = quoted(mask(errorMessage(answer.error)));
    throw new ServerFailure(
      'server_not_ready',
      'wrong-output',
      `${name} refused initialize with error ${errorCode(answer.error) ?? 'without a number'}: ${said}.`,
    );
  }
  const info = readInitialize(answer.result);
  if (!info) {
    throw new ServerFailure(
      'server_not_ready',
      'wrong-output',
      `${name} answered initialize with something that is no MCP answer or names an unknown revision.`,
    );
  }
  link.agreed(info.protocolVersion);
  link.conversation.notify('notifications/initialized', undefined);
  return session(link, info);
}

function session(link: HttpLink, info: UpstreamInfo): OwnSession {
  const { conversation, closed } = link;
  return {
    info,
    request: conversation.request,
    notify: conversation.notify,
    onNotification: conversation.onNotification,
    onServerRequest: conversation.onServerRequest,
    stop: link.stop,
    closed,
    get inFlight() {
      return conversation.inFlight;
    },
  };
}

/** Sees to it that a tool's marked arguments are known before it is called, and learned from each list. */
function withParamHeaders(inner: OwnSession, known: ParamHeaders): OwnSession {
  let listing: Promise<void> | undefined;
  const list = async (signal: AbortSignal | undefined): Promise<void> => {
    let cursor: JsonNode | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const params = cursor === undefined ? undefined : new JsonObject([['cursor', cursor]]);
      const answer = await inner.request('tools/list', params, signal ? { signal } : {});
      if ('error' in answer) return;
      known.learn(answer.result);
      cursor = memberAt(answer.result, 'nextCursor');
      if (typeof cursor !== 'string') return;
    }
  };
  return {
    ...inner,
    async request(method, params, options) {
      const tool = method === 'tools/call' ? memberAt(params, 'name') : undefined;
      if (typeof tool === 'string' && !known.knows(tool)) {
        // Once for all that wait; a list that fails says nothing of the call, which the server judges itself.
        listing ??= list(options?.signal)
          .catch(() => {})
          .finally(() => {
            listing = undefined;
          });
        await listing;
      }
      const answer = await inner.request(method, params, options);
      if (method === 'tools/list' && 'result' in answer) known.learn(answer.result);
      return answer;
    },
    get inFlight() {
      return inner.inFlight;
    },
  };
}
