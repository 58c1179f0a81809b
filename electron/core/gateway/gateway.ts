import type { AgentRef } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { timestamp } from '../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import { type JsonNode, parseJson, serializeJson } from '../../shared/json-tree.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { ResourceServer } from '../oauth/resource-server.ts';
import type { Policy } from '../policy/policy.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Servers } from '../servers/servers.ts';
import { createAgentSessions } from './agent-sessions.ts';
import { createCarry } from './carry.ts';
import { knownForVersionHeader, mendVersionHeader } from './client-quirks.ts';
import { classify } from './era.ts';
import { type Exchange, type GatewayRequest, type GatewayResponse, openExchange } from './exchange.ts';
import { createFeatures } from './features.ts';
import { createFlights } from './flights.ts';
import { createJudge } from './judge.ts';
import { createKeptResults } from './kept-results.ts';
import { createLegacyQuestions } from './legacy-questions.ts';
import { createLegacySessions } from './legacy-sessions.ts';
import { createLegacySide } from './legacy-side.ts';
import { createLive, type EndFilter } from './live.ts';
import { createMaskedResults, type MaskedResults } from './masked-results.ts';
import { type GatewayMessage, openMessageExchange } from './message-exchange.ts';
import { type MirroredHeaders, readMirroredHeaders } from './mirrored-headers.ts';
import { createModernSide } from './modern-side.ts';
import { codes, errorResponse, type ProtocolRefusal } from './protocol-errors.ts';
import { createQuestions } from './questions.ts';
import { readBody } from './read-body.ts';
import { readAccepts } from './reply.ts';
import { createResourceSubscriptions } from './resource-subscriptions.ts';
import type { Routes, SharedRoute } from './routes.ts';
import { createServerListening } from './server-listening.ts';
import { createToolLists } from './tool-lists.ts';
import { createTools } from './tools.ts';
import { createUpstreams } from './upstreams.ts';
import type { Visitor } from './visitor.ts';

/** What {@link createGateway} needs. */
export interface GatewayDeps {
  readonly clock: Clock;
  readonly routes: Routes;
  readonly servers: Pick<Servers, 'connect' | 'end'>;
  readonly resourceServer: Pick<ResourceServer, 'authenticate' | 'metadata' | 'onRevoked' | 'widen'>;
  /** Answers at its own paths, before anything else of the gateway. */
  readonly authorizationServer?: {
    serves(path: string): boolean;
    handle(request: GatewayRequest, response: GatewayResponse): void;
  };
  /** A request was refused for its token; `why` is one of {@link Refusal}. */
  readonly onRefused?: (why: string, server: string) => void;
  readonly policy: Policy;
  readonly approvals: Pick<Approvals, 'settle' | 'denial'>;
  readonly log: Pick<RequestLog, 'decided' | 'permit' | 'answered' | 'completed' | 'note'>;
  /** Whether the person paused everything; asked for each request, so that it takes effect at once. */
  readonly paused: () => { readonly at: string } | undefined;
  /** The public key that inner TLS serves under: base64 of the DER SubjectPublicKeyInfo. */
  readonly probeKey: () => string;
  /** Pauses an agent: a budget or a planted value says so. */
  readonly pauseAgent?: (agent: AgentRef, why: string) => void;
  /** Agents whose wrong version header is passed over; the default are those known for it. */
  readonly forgivesVersion?: (agent: string) => boolean;
  /** Told once for each agent and server of a fault that was passed over. */
  readonly onForgiven?: (message: string, server: string) => void;
  /** Told of faults of the gateway itself; the text is for the local log only. */
  readonly onProblem?: (problem: string) => void;
}

/** Why {@link Gateway.endSessions} is called. */
export type EndCause = 'paused' | 'unshared' | 'revoked';

/** The gateway: an HTTP request's way from inner TLS to a local server and back (`design.md` §3). */
export interface Gateway {
  /** Takes one request of an HTTP/1.1 or HTTP/2 server (compatibility API) and answers it. Never throws. */
  handle(request: GatewayRequest, response: GatewayResponse): void;
  /** Takes one message that a message-level connector brought, and answers it. Never throws. */
  receive(message: GatewayMessage): void;
  /**
   * Ends what is under way for an agent, a grant or a server (absent = all): calls at a server are cancelled, streams end;
   * unless paused, MCP sessions end too. @returns how many requests and streams were ended
   */
  endSessions(filter: EndFilter, why: EndCause): number;
  /** Results that were masked just now; their originals can be looked at and sent. */
  readonly maskedResults: Pick<MaskedResults, 'list' | 'reveal' | 'send'>;
  /** The agent's session ends: it was revoked or the screen locked (`design.md` §4). */
  endAgentSession(agent: string): void;
  close(): void;
}

const wellKnown = '/.well-known/oauth-protected-resource';
const probePath = '/.well-known/sallyport-probe';
const maxHeaders = 32 * 1024;
const json = { 'content-type': 'application/json' };

/** Makes the gateway. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { clock, routes, servers, resourceServer, policy, approvals, log, paused, probeKey } = deps;
  const onProblem = deps.onProblem ?? (() => {});
  const forgivesVersion = deps.forgivesVersion ?? knownForVersionHeader;
  const forgiven = new Set<string>();
  const live = createLive();
  const agentSessions = createAgentSessions(clock);
  const lists = createToolLists(policy);
  const listening = createServerListening(clock);
  const subscriptions = createResourceSubscriptions(listening);
  const upstreams = createUpstreams(servers, policy, lists, listening);
  const pauseAgent = deps.pauseAgent ?? (() => {});
  const judge = createJudge({ clock, log, agentSessions, pauseAgent, onProblem });
  const kept = createKeptResults(clock);
  const masked = createMaskedResults(clock, kept);
  const widen = (grantId: string, tool: string): boolean => resourceServer.widen(grantId, tool);
  const questions = createQuestions({ clock, policy, log, agentSessions, paused, onProblem });
  const legacyQuestions = createLegacyQuestions({ clock, questions });
  const carry = createCarry({ policy, questions, flights: createFlights({ clock, questions, live }) });
  const tools = createTools({
    clock,
    policy,
    approvals,
    log,
    paused,
    judge,
    lists,
    upstreams,
    live,
    carry,
    kept,
    masked,
    widen,
  });
  const features = createFeatures({ clock, policy, log, paused, judge, upstreams, carry, subscriptions });
  const sessions = createLegacySessions(clock);
  const legacy = createLegacySide({
    clock,
    paused,
    log,
    servers,
    sessions,
    upstreams,
    judge,
    tools,
    features,
    live,
    questions: { ...legacyQuestions, masked: questions.masked },
    carry,
    forgivesVersion,
  });
  const modern = createModernSide({
    clock,
    paused,
    policy,
    log,
    upstreams,
    judge,
    tools,
    features,
    live,
    subscriptions,
  });

  const endSessions = (filter: EndFilter, why: EndCause): number => {
    const ended = live.end(filter, why);
    if (why !== 'paused') {
      sessions.endAll(filter, why);
      kept.drop(filter);
      masked.drop(filter);
    }
    if (why === 'unshared' && filter.server !== undefined) lists.forget(filter.server);
    return ended;
  };
  const stopRevoked = resourceServer.onRevoked((grant) => void endSessions({ grant }, 'revoked'));

  /** Route: what the address names. Everything that is not ours is refused before anything is made for it. */
  const walk = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange;
    if (exchange.headerSize > maxHeaders) return plain(exchange, 431, 'headers_too_large');
    if (exchange.doubledHeader() === 'host' || host === undefined) return plain(exchange, 400, 'bad_host');
    if (!routes.serves(host)) {
      const told = routes.unserved?.(host);
      if (!told) return plain(exchange, 421, 'not_served_here');
      return void exchange.send(told.status, told.text, { 'content-type': 'text/plain; charset=utf-8' });
    }
    if (path === probePath && method === 'GET') return answerProbe(exchange);
    if (path.startsWith(`${wellKnown}/`) && method === 'GET') {
      const route = routes.byAddress(host, path.slice(wellKnown.length));
      if (!route) return plain(exchange, 404, 'not_found');
      return void exchange.send(200, JSON.stringify(resourceServer.metadata(route.resource)), json);
    }
    const route = routes.byAddress(host, path);
    if (!route) return plain(exchange, 404, 'not_found');
    return await enter(exchange, route);
  };

  const answerProbe = (exchange: Exchange): void => {
    const nonce = exchange.query.get('nonce') ?? '';
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(nonce)) plain(exchange, 404, 'not_found');
    else exchange.send(200, JSON.stringify({ nonce, publicKey: probeKey(), at: timestamp(clock) }), json);
  };

  /** Authenticate: nothing of the body is read, and nothing else looked at, before the token holds. */
  const enter = async (exchange: Exchange, route: SharedRoute): Promise<void> => {
    if (!originAllowed(exchange)) return plain(exchange, 403, 'origin_not_allowed');
    const doubled = exchange.doubledHeader();
    if (doubled !== undefined && !doubled.startsWith('mcp-')) return plain(exchange, 400, 'doubled_header');
    if (exchange.query.has('access_token')) {
      deps.onRefused?.('token_in_query', route.record.slug);
      return plain(exchange, 400, 'token_in_query');
    }
    const authorization = resourceServer.authenticate(exchange.header('authorization'), route.resource);
    if ('status' in authorization) {
      // Without a token every client begins; one that names a session in place of it tries the door.
      const why =
        authorization.why === 'no_token' && exchange.header('mcp-session-id') ? 'session_id' : authorization.why;
      if (why !== 'no_token') deps.onRefused?.(why, route.record.slug);
      return plain(exchange, authorization.status, 'unauthorized', { 'www-authenticate': authorization.challenge });
    }
    const accepts = readAccepts(exchange.header('accept'));
    const visitor: Visitor = { exchange, route, authorization, accepts };
    if (exchange.method === 'POST') return await post(visitor);
    // A client without a session can only be a modern one, for which GET and DELETE do not exist.
    const inSession = exchange.header('mcp-session-id') !== undefined;
    if (exchange.method === 'GET' && inSession) return legacy.listen(visitor);
    if (exchange.method === 'DELETE' && inSession) return legacy.end(visitor);
    return plain(exchange, 405, 'method_not_allowed', { allow: 'POST' });
  };

  /** Read and parse. */
  const post = async (visitor: Visitor): Promise<void> => {
    const { exchange, accepts } = visitor;
    const bad = (status: number, code: number, message: string): void =>
      refuse(exchange, { status, code, message, id: null });
    if (!accepts.json && !accepts.events) {
      return bad(406, codes.invalidRequest, 'Accept application/json and text/event-stream.');
    }
    const type = exchange.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/json') return bad(415, codes.invalidRequest, 'The body must be application/json.');
    if (exchange.header('content-encoding') !== undefined) {
      return bad(415, codes.invalidRequest, 'Compressed bodies are not taken.');
    }
    const doubled = exchange.doubledHeader();
    if (doubled !== undefined) return bad(400, codes.headerMismatch, `The ${doubled} header is there twice.`);
    const headers = readMirroredHeaders(exchange);
    if (headers.version?.includes(',') || headers.method?.includes(',')) {
      return bad(400, codes.headerMismatch, 'An Mcp-* header holds more than one value.');
    }
    let bytes: Buffer;
    let body: JsonNode;
    try {
      bytes = await readBody(exchange, clock);
      body = parseJson(bytes);
    } catch (thrown) {
      const error = asSallyportError(thrown, 'gateway');
      const status = bodyStatus.get(error.code);
      if (status === undefined) throw error;
      return bad(status, error.code === 'bad_json' ? codes.parse : codes.invalidRequest, error.message);
    }
    return await take(visitor, body, bytes.length);
  };

  /** The headers that repeat the body, with the one fault mended that some clients are known for. */
  const headersOf = ({ exchange, authorization, route }: Visitor, body: JsonNode): MirroredHeaders => {
    const sent = readMirroredHeaders(exchange);
    const { agent } = authorization;
    if (!forgivesVersion(agent.id)) return sent;
    const inSession = exchange.header('mcp-session-id') !== undefined;
    const { headers, note } = mendVersionHeader(body, sent, inSession, exchange.header('user-agent'));
    const key = JSON.stringify([agent.id, route.record.slug, sent.version]);
    // Once for each, or it would fill the log.
    if (note !== undefined && !forgiven.has(key)) {
      forgiven.add(key);
      deps.onForgiven?.(`${agent.name}: ${note}`, route.record.slug);
    }
    return headers;
  };

  /** Classify, then hand over to the side of the client's era. */
  const take = async (visitor: Visitor, body: JsonNode, bytesIn: number): Promise<void> => {
    const { exchange } = visitor;
    const classified = classify(body, headersOf(visitor, body), exchange.message === undefined);
    switch (classified.era) {
      case 'refused':
        return refuse(exchange, classified.refusal);
      case 'modern':
        return await modern.post(visitor, classified.message, bytesIn, classified.logLevel);
      case 'legacy':
        return await legacy.post(visitor, classified.message, bytesIn);
      case 'legacy-batch':
        return await legacy.postBatch(visitor, classified.messages, bytesIn);
    }
  };

  /** A message's way in: who sent it, then what it is. Its route is known, and nothing of it is read twice. */
  const enterMessage = async (exchange: Exchange, message: GatewayMessage): Promise<void> => {
    const { route, action } = message;
    const authorization =
      message.visitor ?? resourceServer.authenticate(exchange.header('authorization'), route.resource);
    if ('status' in authorization) {
      return plain(exchange, authorization.status, 'unauthorized', { 'www-authenticate': authorization.challenge });
    }
    const doubled = exchange.doubledHeader();
    if (doubled !== undefined) {
      const text = `The ${doubled} header is there twice.`;
      return refuse(exchange, { status: 400, code: codes.headerMismatch, message: text, id: null });
    }
    const accept = exchange.header('accept');
    const accepts = accept === undefined ? { json: true, events: true } : readAccepts(accept);
    const visitor: Visitor = { exchange, route, authorization, accepts };
    if (action.kind === 'end-session') return legacy.end(visitor);
    return await take(visitor, action.body, action.bytesIn);
  };

  const follow = (exchange: Exchange, walked: Promise<void>): void => {
    walked.catch((thrown: unknown) => {
      onProblem(thrown instanceof SallyportError || thrown instanceof Error ? thrown.message : String(thrown));
      if (!exchange.answered) {
        const text = serializeJson(errorResponse(null, codes.internal, 'The gateway failed on this request.'));
        exchange.send(500, text, json);
      }
    });
  };

  return {
    handle(request, response) {
      const path = (request.url ?? '').split('?', 1)[0] ?? '';
      if (deps.authorizationServer?.serves(path)) {
        request.on('error', () => {});
        response.on('error', () => {});
        return deps.authorizationServer.handle(request, response);
      }
      const exchange = openExchange(request, response, clock);
      follow(exchange, walk(exchange));
    },
    receive(message) {
      const exchange = openMessageExchange(message);
      follow(exchange, enterMessage(exchange, message));
    },
    endSessions,
    maskedResults: masked,
    endAgentSession: (agent) => agentSessions.end(agent),
    close() {
      stopRevoked();
      live.end({}, 'closed');
      sessions.endAll({}, 'closed');
      kept.drop({});
      masked.drop({});
      upstreams.close();
    },
  };
}

const bodyStatus: ReadonlyMap<string, number> = new Map([
  ['bad_json', 400],
  ['body_cut', 400],
  ['body_too_slow', 408],
  ['body_too_large', 413],
]);

function refuse(exchange: Exchange, refusal: ProtocolRefusal): void {
  const { id, code, message, data, status } = refusal;
  exchange.send(status, serializeJson(errorResponse(id, code, message, data)), json);
}

function plain(
  exchange: Exchange,
  status: number,
  error: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  exchange.send(status, JSON.stringify({ error }), { ...json, ...headers });
}

/** A browser page may only talk to us from our own address (DNS rebinding); programs send no Origin. */
function originAllowed(exchange: Exchange): boolean {
  const origin = exchange.header('origin');
  if (origin === undefined) return true;
  return (
    origin.toLowerCase() === `https://${exchange.authority}` || origin.toLowerCase() === `http://${exchange.authority}`
  );
}
