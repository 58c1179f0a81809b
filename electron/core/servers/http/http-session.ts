import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError } from '../../../shared/errors.ts';
import { type JsonNode, JsonObject, memberAt } from '../../../shared/json-tree.ts';
import { type ClientIdentity, initializeParams, readDiscover, readInitialize } from '../era.ts';
import { asStartFailure, quoted, ServerFailure } from '../failure.ts';
import { errorCode, errorMessage } from '../json-rpc.ts';
import type { OwnSession } from '../own-session.ts';
import type { UpstreamInfo } from '../upstream-session.ts';
import { httpOrigin } from './http-exchange.ts';
import { type HttpLink, openHttpLink } from './http-link.ts';
import type { ParamHeaders } from './param-headers.ts';

/** Pages of a tool list read before a call to a tool that is not known yet. */
const maxPages = 20;

/** What a conversation with an HTTP upstream is opened with. */
export interface HttpSessionOptions {
  readonly name: string;
  /** Exactly what the person entered. */
  readonly url: string;
  /** The person's own headers for this server, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly client: ClientIdentity;
  /** What a legacy server is told that it may ask for. */
  readonly capabilities?: JsonObject;
  /** What is known of its era: `legacy` skips the modern try. */
  readonly era: 'legacy' | 'modern' | undefined;
  /** Milliseconds until each step of the handshake must be answered. */
  readonly startMs: number;
  readonly signal: AbortSignal;
}

/**
 * Opens the conversation: modern first, then `initialize`, as `reference/mcp.md` §1.6 has it. 401, 403, 5xx and silence
 * say nothing of the era, so they fail the start.
 * @throws ServerFailure `server_not_ready`
 */
export async function openHttpSession(options: HttpSessionOptions): Promise<OwnSession> {
  try {
    const modern = options.era === 'legacy' ? undefined : await tryModern(options);
    return modern ?? (await openLegacy(options));
  } catch (thrown) {
    throw asStartFailure(thrown);
  }
}

async function tryModern(options: HttpSessionOptions): Promise<OwnSession | undefined> {
  const link = openHttpLink({
    ...options,
    origin: httpOrigin(options.url, options.name, options.headers),
    modern: true,
  });
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
  return undefined;
}

async function openLegacy(options: HttpSessionOptions): Promise<OwnSession> {
  const { name } = options;
  const link = openHttpLink({ ...options, origin: httpOrigin(options.url, name, options.headers), modern: false });
  try {
    const wait = { timeoutMs: options.startMs, signal: options.signal };
    const answer = await link.conversation.request(
      'initialize',
      initializeParams(options.client, options.capabilities),
      wait,
    );
    if ('error' in answer) {
      const said = quoted(errorMessage(answer.error));
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
    // On its own connection a request could overtake it.
    await link.posted();
    link.listen();
    return session(link, info);
  } catch (thrown) {
    await link.stop();
    throw thrown;
  }
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
