import type { Call } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { fromPlain, JsonObject, memberAt, serializeJson } from '../../shared/json-tree.ts';
import type { Policy } from '../policy/policy.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import { offered } from './askable.ts';
import { atInstant } from './at-instant.ts';
import { unavailable } from './endings.ts';
import { envelopeKeys, modernVersion } from './era.ts';
import { cacheable } from './era-fields.ts';
import type { EventStream } from './event-stream.ts';
import { bridgedCapabilities, type Features, featureNotifications, maxFollowed } from './features.ts';
import { builtIn, type Ending, type Judge } from './judge.ts';
import type { Live } from './live.ts';
import { codes, errorResponse, notification, resultResponse } from './protocol-errors.ts';
import { exchangeReply } from './reply.ts';
import { connection, type RequestContext } from './request-context.ts';
import { beginLife } from './request-life.ts';
import type { ResourceSubscriptions } from './resource-subscriptions.ts';
import type { RpcNotification, RpcRequest } from './rpc-message.ts';
import type { Tools } from './tools.ts';
import { refuseMethod } from './unshared-methods.ts';
import type { Upstreams } from './upstreams.ts';
import type { Visitor } from './visitor.ts';

/** The gateway towards clients of 2026-07-28: each POST stands for itself. */
export interface ModernSide {
  post(
    visitor: Visitor,
    message: RpcRequest | RpcNotification,
    bytesIn: number,
    logLevel: string | undefined,
  ): Promise<void>;
}

/** What {@link createModernSide} needs. */
export interface ModernSideDeps {
  readonly clock: Clock;
  readonly paused: () => { readonly at: string } | undefined;
  readonly upstreams: Upstreams;
  readonly judge: Judge;
  readonly tools: Tools;
  readonly features: Features;
  readonly live: Live;
  readonly policy: Pick<Policy, 'decide'>;
  readonly log: Pick<RequestLog, 'permit'>;
  readonly subscriptions: ResourceSubscriptions;
}

/** Makes it. */
export function createModernSide(deps: ModernSideDeps): ModernSide {
  const { clock, paused, policy, log, upstreams, judge, tools, features, live, subscriptions } = deps;

  const discover = async (context: RequestContext): Promise<void> => {
    const { message, reply, route } = context;
    if (paused()) {
      const text = 'Sallyport is paused by the person who runs it.';
      reply.answer(serializeJson(errorResponse(message.id, codes.paused, text)));
      return;
    }
    try {
      const { info } = await upstreams.connect(route.record, context.upstreamKey, connection(context));
      const result = new JsonObject([
        ['supportedVersions', [modernVersion]],
        ['capabilities', bridgedCapabilities(info, route.record)],
        ...(info.instructions === undefined ? [] : [['instructions', info.instructions] as const]),
        ['_meta', new JsonObject([[envelopeKeys.server, info.serverInfo]])],
      ]);
      reply.answer(serializeJson(resultResponse(message.id, cacheable(result))));
    } catch (thrown) {
      const ending = unavailable(context, thrown);
      reply.answer(serializeJson(ending.message), ending.status);
    }
  };

  /** `subscriptions/listen`: a stream that says what changed, until either side ends it. */
  const listen = (context: RequestContext): Promise<void> => {
    const { message, authorization, route } = context;
    const wanted = message.params?.get('notifications');
    const shared = (feature: string): boolean =>
      route.record.features?.includes(feature) === true && authorization.tools === undefined;
    let uris: readonly string[] = [];
    return judge.judge(
      context,
      { arguments: wanted },
      (call) => {
        if (paused()) return builtIn('deny', 'paused', 'Sallyport is paused.');
        // Following a resource is judged like reading it; what may not be followed is left out of what is accepted.
        const asked = shared('resources') ? memberAt(wanted, 'resourceSubscriptions') : undefined;
        const named = Array.isArray(asked) ? asked.filter((uri) => typeof uri === 'string').slice(0, maxFollowed) : [];
        const { arguments: _all, ...one } = call;
        uris = [...new Set(named)].filter((uri) => {
          const follows: Call = { ...one, method: 'resources/subscribe', name: uri, feature: 'resources' };
          return policy.decide(follows).effect === 'allow';
        });
        return builtIn('allow', 'listen', 'Listens.');
      },
      async (judged) => {
        const refuse = (status: number, code: number, text: string): Ending => ({
          outcome: judged.decision.effect === 'deny' ? 'paused' : 'failed',
          status,
          error: text,
          message: errorResponse(message.id, code, text),
        });
        if (judged.decision.effect === 'deny') return refuse(200, codes.paused, 'Sallyport is paused.');
        if (!(wanted instanceof JsonObject)) {
          return refuse(400, codes.invalidParams, 'params.notifications is missing.');
        }
        const decided = log.permit(judged);
        const owner = { agent: authorization.agent.id, grant: authorization.grantId, server: route.record.slug };
        let finish: () => void = () => context.life.end('closed');
        const forget = live.add({ kind: 'stream', ...owner, end: () => finish() });
        if (!forget) return refuse(429, codes.limit, 'This agent has too many streams open.');
        const cleanUp: (() => void)[] = [forget];
        const clean = (): void => {
          for (const one of cleanUp.splice(0)) one();
        };
        const tag = new JsonObject([[envelopeKeys.subscription, message.id]]);
        const tagged = (method: string, params = new JsonObject()): string => {
          const own = params.get('_meta');
          const meta = own instanceof JsonObject ? own.with(envelopeKeys.subscription, message.id) : tag;
          return serializeJson(notification(method, params.with('_meta', meta)));
        };
        const toolsChanged = wanted.get('toolsListChanged') === true;
        const heard = new Set<string>();
        for (const [method, feature] of featureNotifications) {
          const filter = `${feature}ListChanged`;
          if (shared(feature) && method.endsWith('/list_changed') && wanted.get(filter) === true) heard.add(method);
        }
        const followed: string[] = [];
        const updated = (params: JsonObject | undefined): boolean => {
          const uri = params?.get('uri');
          // A server may tell of a part of what was asked for.
          return typeof uri === 'string' && followed.some((one) => uri.startsWith(one));
        };
        let early: string[] | undefined = [];
        let stream: EventStream | undefined;
        const say = (text: string): void => {
          if (early) early.push(text);
          else stream?.insist(text);
        };
        cleanUp.push(
          upstreams.listen({
            server: owner.server,
            key: context.upstreamKey,
            toolsChanged: () => {
              if (toolsChanged) say(tagged('notifications/tools/list_changed'));
            },
            said: (method, params) => {
              const follows = method === 'notifications/resources/updated' && updated(params);
              if (follows || heard.has(method)) say(tagged(method, params));
            },
          }),
        );
        // Without a conversation nothing would be heard; one that cannot be had is no reason not to hear of our own.
        const connecting = upstreams.connect(route.record, context.upstreamKey, connection(context));
        const session = await connecting.catch(() => undefined);
        if (session && uris.length > 0) {
          // What was followed in it is lost with it: the client starts anew.
          cleanUp.push(session.onClose(() => finish()));
          const hear = upstreams.hears(route.record, context.upstreamKey);
          for (const uri of uris) {
            followed.push(uri);
            const begun = await subscriptions.follow(decided, session, uri, hear).catch(() => undefined);
            // What could not be followed is not among what is accepted.
            if (begun && 'result' in begun.answer) cleanUp.push(begun.stop);
            else followed.pop();
          }
        }
        const accepted = fromPlain({
          ...(toolsChanged ? { toolsListChanged: true } : {}),
          ...Object.fromEntries([...heard].map((method) => [`${featureNotifications.get(method)}ListChanged`, true])),
          ...(followed.length > 0 ? { resourceSubscriptions: followed } : {}),
        });
        const acknowledged = notification(
          'notifications/subscriptions/acknowledged',
          new JsonObject([
            ['notifications', accepted],
            ['_meta', tag],
          ]),
        );
        const open = context.life.open.aborted ? undefined : context.reply.take(clean);
        if (!open) {
          clean();
          if (context.life.open.aborted)
            return { ...refuse(200, codes.ended, 'The request is over.'), outcome: 'cancelled' };
          return refuse(406, codes.invalidRequest, 'This method answers with text/event-stream only.');
        }
        stream = open;
        finish = () => {
          const end = new JsonObject([
            ['resultType', 'complete'],
            ['_meta', tag],
          ]);
          open.send(serializeJson(resultResponse(message.id, end)));
          open.end();
        };
        open.send(serializeJson(acknowledged));
        for (const text of early) open.insist(text);
        early = undefined;
        cleanUp.push(atInstant(clock, authorization.expiresAt, finish));
        return { outcome: 'ran', message: acknowledged };
      },
    );
  };

  return {
    async post(visitor, message, bytesIn, logLevel) {
      const { exchange, route, authorization } = visitor;
      // Core defines no client notification here (cancel is closing the stream): accepted and dropped.
      if (message.kind === 'notification') {
        exchange.send(202);
        return;
      }
      const agent = authorization.agent.id;
      const reply = exchangeReply(exchange, visitor.accepts, clock);
      const life = beginLife(exchange.gone, true);
      const capabilities = offered(memberAt(message.params, '_meta', envelopeKeys.capabilities), route.record);
      const context: RequestContext = {
        route,
        authorization,
        message,
        era: modernVersion,
        modern: true,
        upstreamKey: upstreams.agentKey(route.record, agent, capabilities),
        capabilities,
        bytesIn,
        reply,
        life,
        // A message-level way need not repeat the body in headers; where it does, they were compared already.
        ...(exchange.message ? {} : { header: exchange.header }),
        ...(exchange.message?.deadline === undefined ? {} : { deadline: exchange.message.deadline }),
        ...(logLevel === undefined ? {} : { logLevel }),
      };
      if (message.method === 'subscriptions/listen') {
        await listen(context);
        return;
      }
      const owner = { agent, grant: authorization.grantId, server: route.record.slug };
      const forget = live.add({ kind: 'request', ...owner, end: life.end });
      if (!forget) {
        const text = 'This agent has too many requests open.';
        reply.answer(serializeJson(errorResponse(message.id, codes.limit, text)), 429);
        return;
      }
      try {
        if (message.method === 'server/discover') await discover(context);
        else if (message.method === 'tools/list') await tools.list(context);
        else if (message.method === 'tools/call') await tools.call(context);
        else if (!(await features.answer(context))) await refuseMethod(judge, context, paused);
      } finally {
        forget();
      }
    },
  };
}
