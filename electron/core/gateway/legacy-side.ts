import { randomUUID } from 'node:crypto';
import type { ProtocolVersion } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, JsonObject, memberAt, serializeJson } from '../../shared/json-tree.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Servers } from '../servers/servers.ts';
import type { UpstreamAnswer } from '../servers/upstream-session.ts';
import { offered } from './askable.ts';
import { atInstant } from './at-instant.ts';
import { type Carry, multiRound } from './carry.ts';
import { over, pausedEnding, refused, unavailable } from './endings.ts';
import { legacyVersions, modernVersion } from './era.ts';
import { withoutRounds } from './era-fields.ts';
import type { EventStream } from './event-stream.ts';
import { bridgedCapabilities, type Features, subjectOf } from './features.ts';
import { builtIn, type Judge } from './judge.ts';
import type { LegacyQuestions } from './legacy-questions.ts';
import type { LegacySession, LegacySessions } from './legacy-sessions.ts';
import type { Live } from './live.ts';
import { logLevels } from './log-levels.ts';
import { inRounds } from './multi-round.ts';
import { codes, errorResponse, notification, resultResponse } from './protocol-errors.ts';
import type { Asked, Questions } from './questions.ts';
import { batchReplies, exchangeReply, type Reply } from './reply.ts';
import { connection, type RequestContext } from './request-context.ts';
import { beginLife } from './request-life.ts';
import { idKey, isId, type RpcMessage, type RpcNotification, type RpcRequest } from './rpc-message.ts';
import { endingOf } from './tool-results.ts';
import type { Tools } from './tools.ts';
import { refuseMethod } from './unshared-methods.ts';
import type { Upstreams } from './upstreams.ts';
import type { Visitor } from './visitor.ts';

/** The gateway towards clients of 2025-11-25, 2025-06-18 and 2025-03-26. */
export interface LegacySide {
  post(visitor: Visitor, message: RpcMessage, bytesIn: number): Promise<void>;
  postBatch(visitor: Visitor, messages: readonly RpcMessage[], bytesIn: number): Promise<void>;
  /** GET: the stream for what the server says unasked. */
  listen(visitor: Visitor): void;
  /** DELETE: the client ends its session. */
  end(visitor: Visitor): void;
}

/** What {@link createLegacySide} needs. */
export interface LegacySideDeps {
  readonly clock: Clock;
  readonly paused: () => { readonly at: string } | undefined;
  readonly servers: Pick<Servers, 'end'>;
  readonly sessions: LegacySessions;
  readonly upstreams: Upstreams;
  readonly judge: Judge;
  readonly tools: Tools;
  readonly features: Features;
  readonly live: Live;
  readonly log: Pick<RequestLog, 'permit'>;
  readonly questions: LegacyQuestions & Pick<Questions, 'masked'>;
  readonly carry: Carry;
  readonly forgivesVersion: (agent: string) => boolean;
}

const json = { 'content-type': 'application/json' };

/** Makes it. */
export function createLegacySide(deps: LegacySideDeps): LegacySide {
  const {
    clock,
    paused,
    servers,
    sessions,
    upstreams,
    judge,
    tools,
    features,
    live,
    log,
    questions,
    carry,
    forgivesVersion,
  } = deps;

  const askedOf = (visitor: Pick<Visitor, 'authorization' | 'route'>, session: LegacySession): Asked => ({
    authorization: visitor.authorization,
    // As it is now: what the person ticked may have changed since the session began.
    route: visitor.route,
    era: session.version,
    capabilities: offered(session.declared, visitor.route.record),
  });

  const refuse = (visitor: Visitor, status: number, code: number, text: string, id: JsonNode = null): void => {
    visitor.exchange.send(status, serializeJson(errorResponse(id, code, text)), json);
  };

  /** A message-level way does not always pass sessions on: what names none shares one session of its agent and server. */
  const namelessOf = (visitor: Visitor, id: JsonNode): LegacySession | undefined => {
    const { exchange, authorization, route } = visitor;
    const version = exchange.header('mcp-protocol-version') ?? legacyVersions[0];
    if (!isLegacyVersion(version)) {
      refuse(visitor, 400, codes.invalidRequest, 'The MCP-Protocol-Version header names an unsupported version.', id);
      return undefined;
    }
    const owner = { agent: authorization.agent.id, grant: authorization.grantId, server: route.record.slug };
    const session = sessions.nameless(owner, version);
    if (!session) refuse(visitor, 429, codes.limit, 'This agent has too many sessions open.', id);
    else session.onEnd = () => void servers.end(session.server, upstreamKey(session)).catch(() => {});
    return session;
  };

  /** The session that the request names; where there is none, the request is answered and `undefined` returned. */
  const sessionOf = (visitor: Visitor, id: JsonNode = null): LegacySession | undefined => {
    const { exchange, authorization, route } = visitor;
    const named = exchange.header('mcp-session-id');
    if ((named === undefined || named === '') && exchange.message) return namelessOf(visitor, id);
    if (named === undefined || named === '') {
      refuse(visitor, 400, codes.invalidRequest, 'The Mcp-Session-Id header is missing: initialize first.', id);
      return undefined;
    }
    const version = exchange.header('mcp-protocol-version');
    const forgiven = version === modernVersion && forgivesVersion(authorization.agent.id);
    if (version !== undefined && !isLegacyVersion(version) && !forgiven) {
      refuse(visitor, 400, codes.invalidRequest, 'The MCP-Protocol-Version header names an unsupported version.', id);
      return undefined;
    }
    const session = sessions.find(named, authorization.agent.id, route.record.slug);
    // 404 tells the client to initialize anew; another agent's session looks the same as none.
    if (!session) refuse(visitor, 404, codes.legacySession, 'Session not found.', id);
    return session;
  };

  /** A client that initializes anew may still name the session that it lost. */
  const inSession = ({ exchange, authorization, route }: Visitor): boolean =>
    sessions.find(exchange.header('mcp-session-id') ?? '', authorization.agent.id, route.record.slug) !== undefined;

  const initialize = async (visitor: Visitor, message: RpcRequest, bytesIn: number): Promise<void> => {
    const { exchange, route, authorization, accepts } = visitor;
    const asked = message.params?.get('protocolVersion');
    if (typeof asked !== 'string') {
      refuse(visitor, 400, codes.invalidParams, 'params.protocolVersion is missing.', message.id);
      return;
    }
    if (paused()) {
      refuse(visitor, 200, codes.paused, 'Sallyport is paused by the person who runs it.', message.id);
      return;
    }
    const server = route.record.slug;
    const version: ProtocolVersion = isLegacyVersion(asked) ? asked : legacyVersions[0];
    const owner = { agent: authorization.agent.id, grant: authorization.grantId, server };
    const declared = message.params?.get('capabilities');
    const session = sessions.create(owner, version, declared instanceof JsonObject ? declared : new JsonObject());
    if (!session) {
      refuse(visitor, 429, codes.limit, 'This agent has too many sessions open.', message.id);
      return;
    }
    const key = upstreamKey(session);
    const stopListening = upstreams.listen({
      server,
      key,
      toolsChanged() {
        // Kept by the stream for a client that comes back to it, and noted for one that begins anew.
        if (!session.stream.open) session.toolsChanged = true;
        session.stream.insist(listChanged);
      },
      said(method, params) {
        const send = (message: JsonObject): void => session.stream.insist(serializeJson(message));
        if (method !== 'notifications/message') return send(notification(method, params));
        // Log messages of no call: in order, and without the secrets in them.
        saying = saying
          .then(() => questions.masked(askedOf(visitor, session), method, params ?? new JsonObject()))
          .then((masked) => void (masked && send(notification(method, masked))))
          .catch(() => {});
      },
      asks: (request) => questions.relay(session, askedOf(visitor, session), request),
    });
    let saying = Promise.resolve();
    session.onEnd = () => {
      stopListening();
      servers.end(server, key).catch(() => {});
    };
    const reply = exchangeReply(exchange, accepts, clock, { 'mcp-session-id': session.id });
    const life = beginLife(exchange.gone, false);
    session.inFlight.set(idKey(message.id), life);
    try {
      const { info } = await upstreams.connect(route.record, key, {
        capabilities: offered(session.declared, route.record),
        preferLegacy: true,
      });
      const result = new JsonObject([
        ['protocolVersion', version],
        ['capabilities', bridgedCapabilities(info, route.record)],
        ['serverInfo', info.serverInfo],
        ...(info.instructions === undefined ? [] : [['instructions', info.instructions] as const]),
      ]);
      reply.answer(serializeJson(resultResponse(message.id, result)));
    } catch (thrown) {
      sessions.end(session, 'closed');
      const context = contextOf(visitor, session, message, bytesIn, reply);
      const ending = unavailable(context, thrown);
      const text = serializeJson(ending.message);
      // No session, no header that names one, unless an event stream has begun already.
      if (exchange.answered) reply.answer(text);
      else exchange.send(ending.status ?? 200, text, json);
    } finally {
      session.inFlight.delete(idKey(message.id));
    }
  };

  const contextOf = (
    visitor: Visitor,
    session: LegacySession,
    message: RpcRequest,
    bytesIn: number,
    reply: Reply,
  ): RequestContext => ({
    route: visitor.route,
    authorization: visitor.authorization,
    message,
    era: session.version,
    modern: false,
    upstreamKey: upstreamKey(session),
    capabilities: offered(session.declared, visitor.route.record),
    onServerRequest: (request) => questions.relay(session, askedOf(visitor, session), request, reply),
    ...(session.logLevel === undefined ? {} : { logLevel: session.logLevel }),
    bytesIn,
    reply,
    // A message whose deadline passed is cancelled in every era; a connection that broke is not in this one.
    life: beginLife(reply.gone, visitor.exchange.message !== undefined),
    ...(visitor.exchange.message?.deadline === undefined ? {} : { deadline: visitor.exchange.message.deadline }),
  });

  const dispatch = async (
    visitor: Visitor,
    session: LegacySession,
    message: RpcRequest,
    bytesIn: number,
    reply: Reply,
  ): Promise<void> => {
    const fail = (code: number, text: string, status: number): void => {
      reply.answer(serializeJson(errorResponse(message.id, code, text)), status);
    };
    if (message.method === 'ping') {
      reply.answer(serializeJson(resultResponse(message.id, new JsonObject())));
      return;
    }
    if (message.method === 'initialize') {
      fail(codes.invalidRequest, 'This session is initialized already.', 400);
      return;
    }
    // Callers that share a session without knowing of each other use the same ids.
    const key = session.nameless ? randomUUID() : idKey(message.id);
    if (session.inFlight.has(key)) {
      fail(codes.invalidRequest, 'A request with this id is not answered yet.', 400);
      return;
    }
    const context = contextOf(visitor, session, message, bytesIn, reply);
    const forget = live.add({
      kind: 'request',
      agent: session.agent,
      grant: visitor.authorization.grantId,
      server: session.server,
      end: context.life.end,
    });
    if (!forget) {
      fail(codes.limit, 'This agent has too many requests open.', 429);
      return;
    }
    session.inFlight.set(key, context.life);
    session.replies.add(reply);
    const run = async (round: RequestContext): Promise<void> => {
      if (message.method === 'tools/list') await tools.list(round);
      else if (message.method === 'tools/call') await tools.call(round);
      else if (message.method === 'logging/setLevel') await setLevel(round, session);
      else if (!(await features.answer(round))) await refuseMethod(judge, round, paused);
    };
    try {
      if (!multiRound.has(message.method)) await run(context);
      else {
        // Only what the server itself asked for is answered to it.
        const params = message.params && withoutRounds(message.params);
        const first = params === message.params ? context : { ...context, message: { ...message, params } };
        await inRounds(first, run, (method, params) =>
          questions.ask(session, askedOf(visitor, session), { method, params }, reply, context.life.run),
        );
      }
    } finally {
      session.inFlight.delete(key);
      session.replies.delete(reply);
      session.usedAt = clock.monotonic();
      forget();
    }
  };

  /** `logging/setLevel`: a legacy server is told; towards a modern one the level goes with each request. */
  const setLevel = (context: RequestContext, session: LegacySession): Promise<void> => {
    const { message, route } = context;
    const level = memberAt(message.params, 'level');
    return judge.judge(
      context,
      subjectOf(message.method, message.params),
      () =>
        paused()
          ? builtIn('deny', 'paused', 'Sallyport is paused.')
          : builtIn('allow', 'log-level', 'It sets how much is logged.'),
      async (judged) => {
        if (judged.decision.effect === 'deny') return pausedEnding(context);
        const known = logLevels.find((each) => each === level);
        if (known === undefined) return refused(context, codes.invalidParams, 'params.level is no log level.');
        try {
          const upstream = await upstreams.connect(route.record, context.upstreamKey, connection(context));
          if (!(upstream.info.capabilities.get('logging') instanceof JsonObject)) {
            return refused(context, codes.methodNotFound, `Method not found: ${message.method}`);
          }
          const started = clock.monotonic();
          const decided = log.permit(judged);
          const answer: UpstreamAnswer =
            upstream.info.era === 'modern'
              ? { result: new JsonObject() }
              : await carry(context, decided, upstream, { onSent: () => {} });
          if ('result' in answer && !session.nameless) session.logLevel = known;
          return endingOf(context, judged.call.id, answer, Math.round(clock.monotonic() - started));
        } catch (thrown) {
          return context.life.run.aborted ? over(context, judged.call, true) : unavailable(context, thrown);
        }
      },
    );
  };

  /** Takes note of a notification. Few go on to the server: the gateway holds its own conversation with it. */
  const note = (visitor: Visitor, session: LegacySession, { method, params }: RpcNotification): void => {
    // Whose request it would end is not known where callers share a session.
    if (session.nameless) return;
    if (method === 'notifications/cancelled') {
      const id = memberAt(params, 'requestId');
      if (isId(id)) session.inFlight.get(idKey(id))?.end('cancelled');
      return;
    }
    const capabilities = offered(session.declared, visitor.route.record);
    const token = memberAt(params, 'progressToken');
    const wanted =
      method === 'notifications/progress'
        ? isId(token) &&
          [...session.open.values()].some((open) => isId(open.token) && idKey(open.token) === idKey(token))
        : method === 'notifications/roots/list_changed' && capabilities.get('roots') !== undefined;
    if (!wanted || paused()) return;
    upstreams.connect(visitor.route.record, upstreamKey(session), { capabilities, preferLegacy: true }).then(
      (upstream) => upstream.notify(method, params),
      // A server that is not there has no use for it either.
      () => {},
    );
  };

  return {
    async post(visitor, message, bytesIn) {
      if (message.kind === 'request' && message.method === 'initialize' && !inSession(visitor)) {
        await initialize(visitor, message, bytesIn);
        return;
      }
      const session = sessionOf(visitor, message.kind === 'request' ? message.id : null);
      if (!session) return;
      if (message.kind === 'request') {
        const reply = session.answers.reply(visitor.exchange, visitor.accepts);
        await dispatch(visitor, session, message, bytesIn, reply);
        return;
      }
      if (message.kind === 'notification') note(visitor, session, message);
      else questions.take(session, message);
      visitor.exchange.send(202);
    },
    async postBatch(visitor, messages, bytesIn) {
      const session = sessionOf(visitor);
      if (!session) return;
      if (session.version !== '2025-03-26') {
        refuse(visitor, 400, codes.invalidRequest, `Batches are not part of ${session.version}.`);
        return;
      }
      for (const message of messages) {
        if (message.kind === 'notification') note(visitor, session, message);
        else if (message.kind === 'response') questions.take(session, message);
      }
      const requests = messages.filter((message): message is RpcRequest => message.kind === 'request');
      if (requests.length === 0) {
        visitor.exchange.send(202);
        return;
      }
      const reply = exchangeReply(visitor.exchange, visitor.accepts, clock);
      const replies = batchReplies(requests.length, visitor.exchange.gone, (text) => reply.answer(text));
      await Promise.all(
        requests.map(async (request, index) => {
          const own = replies[index];
          if (own) await dispatch(visitor, session, request, bytesIn, own);
        }),
      );
    },
    listen(visitor) {
      const session = sessionOf(visitor);
      if (!session) return;
      if (!visitor.accepts.events) {
        refuse(visitor, 406, codes.invalidRequest, 'GET answers with text/event-stream only.');
        return;
      }
      const lastEventId = visitor.exchange.header('last-event-id');
      const answers = lastEventId !== undefined && session.answers.knows(lastEventId);
      if (answers && paused()) {
        refuse(visitor, 503, codes.paused, 'Sallyport is paused by the person who runs it.');
        return;
      }
      let stopExpiry: () => void = () => {};
      let stream: EventStream | undefined;
      const forget = live.add({
        kind: 'stream',
        agent: session.agent,
        grant: visitor.authorization.grantId,
        server: session.server,
        end: () => stream?.end(),
      });
      if (!forget) {
        refuse(visitor, 429, codes.limit, 'This agent has too many streams open.');
        return;
      }
      const connect = (onEnd: () => void): EventStream => {
        const opened = visitor.exchange.stream({}, () => {
          forget();
          stopExpiry();
          onEnd();
          session.usedAt = clock.monotonic();
        });
        stream = opened;
        stopExpiry = atInstant(clock, visitor.authorization.expiresAt, () => opened.end());
        return opened;
      };
      if (answers) {
        session.answers.resume(lastEventId, connect);
        return;
      }
      const opened = connect(() => session.stream.detach(opened));
      // A client that opens a second stream has lost the first, whose end may not have come through yet.
      const primes = session.version === '2025-11-25';
      const resumed = session.stream.attach(opened, lastEventId, primes);
      if (session.toolsChanged && !resumed) session.stream.insist(listChanged);
      session.toolsChanged = false;
    },
    end(visitor) {
      const session = sessionOf(visitor);
      if (!session) return;
      sessions.end(session, 'closed');
      visitor.exchange.send(200);
    },
  };
}

const listChanged = serializeJson(notification('notifications/tools/list_changed', undefined));

function upstreamKey(session: LegacySession): string {
  return `session:${session.id}`;
}

function isLegacyVersion(version: string): version is (typeof legacyVersions)[number] {
  return legacyVersions.some((known) => known === version);
}
