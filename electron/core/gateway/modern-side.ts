import type { Clock } from '../../shared/clock.ts';
import { fromPlain, JsonObject, memberAt, serializeJson } from '../../shared/json-tree.ts';
import { atInstant } from './at-instant.ts';
import { unavailable } from './endings.ts';
import { envelopeKeys, modernVersion } from './era.ts';
import { bridgedCapabilities, type Features, featureNotifications } from './features.ts';
import { builtIn, type Judge } from './judge.ts';
import type { Live } from './live.ts';
import { codes, errorResponse, notification, resultResponse } from './protocol-errors.ts';
import { exchangeReply } from './reply.ts';
import type { RequestContext } from './request-context.ts';
import { beginLife } from './request-life.ts';
import type { RpcNotification, RpcRequest } from './rpc-message.ts';
import { cacheable } from './tool-results.ts';
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
}

/** Makes it. */
export function createModernSide(deps: ModernSideDeps): ModernSide {
  const { clock, paused, upstreams, judge, tools, features, live } = deps;

  const discover = async (context: RequestContext): Promise<void> => {
    const { message, reply, route } = context;
    if (paused()) {
      const text = 'Sallyport is paused by the person who runs it.';
      reply.answer(serializeJson(errorResponse(message.id, codes.paused, text)));
      return;
    }
    try {
      const { info } = await upstreams.connect(route.record, context.upstreamKey);
      const result = new JsonObject([
        ['supportedVersions', [modernVersion]],
        ['capabilities', bridgedCapabilities(info, route.record, true)],
        ...(info.instructions === undefined ? [] : [['instructions', info.instructions] as const]),
        ['_meta', new JsonObject([[envelopeKeys.server, info.serverInfo]])],
      ]);
      reply.answer(serializeJson(resultResponse(message.id, cacheable(result))));
    } catch (thrown) {
      const ending = unavailable(context, thrown);
      reply.answer(serializeJson(ending.message), ending.status);
    }
  };

  /** `subscriptions/listen`: a stream that says when the tools changed, until either side ends it. */
  const listen = (context: RequestContext): Promise<void> => {
    const { message, authorization, route } = context;
    return judge.judge(
      context,
      {},
      () => (paused() ? builtIn('deny', 'paused', 'Sallyport is paused.') : builtIn('allow', 'listen', 'Listens.')),
      (judged) => {
        const refuse = (status: number, code: number, text: string) =>
          Promise.resolve({
            outcome: judged.decision.effect === 'deny' ? ('paused' as const) : ('failed' as const),
            status,
            error: text,
            message: errorResponse(message.id, code, text),
          });
        if (judged.decision.effect === 'deny') return refuse(200, codes.paused, 'Sallyport is paused.');
        const wanted = message.params?.get('notifications');
        if (!(wanted instanceof JsonObject)) {
          return refuse(400, codes.invalidParams, 'params.notifications is missing.');
        }
        const owner = { agent: authorization.agent.id, grant: authorization.grantId, server: route.record.slug };
        let finish: () => void = () => {};
        const forget = live.add({ kind: 'stream', ...owner, end: () => finish() });
        if (!forget) return refuse(429, codes.limit, 'This agent has too many streams open.');
        const tag = new JsonObject([[envelopeKeys.subscription, message.id]]);
        const toolsChanged = memberAt(wanted, 'toolsListChanged') === true;
        const heard = new Set<string>();
        for (const [method, feature] of featureNotifications) {
          const filter = `${feature}ListChanged`;
          const shared = route.record.features?.includes(feature) === true && authorization.tools === undefined;
          if (shared && method.endsWith('/list_changed') && memberAt(wanted, filter) === true) heard.add(method);
        }
        const accepted = fromPlain({
          ...(toolsChanged ? { toolsListChanged: true } : {}),
          ...Object.fromEntries([...heard].map((method) => [`${featureNotifications.get(method)}ListChanged`, true])),
        });
        const acknowledged = notification(
          'notifications/subscriptions/acknowledged',
          new JsonObject([
            ['notifications', accepted],
            ['_meta', tag],
          ]),
        );
        const changed = notification('notifications/tools/list_changed', new JsonObject([['_meta', tag]]));
        const cleanUp: (() => void)[] = [forget];
        const stream = context.reply.take(() => {
          for (const clean of cleanUp) clean();
        });
        if (!stream) {
          forget();
          return refuse(406, codes.invalidRequest, 'This method answers with text/event-stream only.');
        }
        finish = () => {
          const end = new JsonObject([
            ['resultType', 'complete'],
            ['_meta', tag],
          ]);
          stream.send(serializeJson(resultResponse(message.id, end)));
          stream.end();
        };
        stream.send(serializeJson(acknowledged));
        if (toolsChanged || heard.size > 0) {
          cleanUp.push(
            upstreams.listen({
              server: owner.server,
              key: context.upstreamKey,
              toolsChanged: () => {
                if (toolsChanged) stream.insist(serializeJson(changed));
              },
              said: (method) => {
                const params = new JsonObject([['_meta', tag]]);
                if (heard.has(method)) stream.insist(serializeJson(notification(method, params)));
              },
            }),
          );
        }
        cleanUp.push(atInstant(clock, authorization.expiresAt, finish));
        return Promise.resolve({ outcome: 'ran' as const, message: acknowledged });
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
      const context: RequestContext = {
        route,
        authorization,
        message,
        era: modernVersion,
        modern: true,
        upstreamKey: `agent:${agent}`,
        bytesIn,
        reply,
        life,
        header: exchange.header,
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
