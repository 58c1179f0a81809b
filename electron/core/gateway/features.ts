import type { Clock } from '../../shared/clock.ts';
import type { ServerFeature } from '../../shared/features.ts';
import { fromPlain, type JsonNode, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decided, Judged, RequestLog } from '../request-log/request-log.ts';
import type { ServerRecord } from '../servers/servers.ts';
import type { UpstreamAnswer, UpstreamInfo, UpstreamSession } from '../servers/upstream-session.ts';
import { breathe } from './breathe.ts';
import type { Subject } from './call-of.ts';
import { type Carry, multiRound } from './carry.ts';
import { over, pausedEnding, refused, unavailable } from './endings.ts';
import { cacheable, cached, complete } from './era-fields.ts';
import { builtIn, type Ending, type Judge } from './judge.ts';
import { codes, errorBody, errorResponse, resultResponse } from './protocol-errors.ts';
import { connection, type RequestContext } from './request-context.ts';
import type { ResourceSubscriptions } from './resource-subscriptions.ts';
import { asksTheAgent, endingOf } from './tool-results.ts';
import type { Upstreams } from './upstreams.ts';

/**
 * Resources and prompts, and completion, which follows the thing it names: off until the person ticks them for a server,
 * and to an agent that is the same as not existing (`security.md` S9).
 */
export interface Features {
  /** Answers the request if its method belongs to a feature. @returns false where it does not */
  answer(context: RequestContext): Promise<boolean>;
}

/** What {@link createFeatures} needs. */
export interface FeaturesDeps {
  readonly clock: Clock;
  readonly policy: Pick<Policy, 'decide' | 'saw' | 'masked'>;
  readonly log: Pick<RequestLog, 'permit'>;
  readonly paused: () => { readonly at: string } | undefined;
  readonly judge: Judge;
  readonly upstreams: Upstreams;
  readonly carry: Carry;
  readonly subscriptions: ResourceSubscriptions;
}

/** Which feature a method belongs to; completion by the kind of thing that it completes. */
const features: ReadonlyMap<string, ServerFeature> = new Map([
  ['resources/list', 'resources'],
  ['resources/templates/list', 'resources'],
  ['resources/read', 'resources'],
  ['resources/subscribe', 'resources'],
  ['resources/unsubscribe', 'resources'],
  ['prompts/list', 'prompts'],
  ['prompts/get', 'prompts'],
]);
const references: ReadonlyMap<JsonNode, ServerFeature> = new Map([
  ['ref/resource', 'resources'],
  ['ref/prompt', 'prompts'],
]);
/** Most resources that one session, or one listener, may follow. */
export const maxFollowed = 64;
/** Methods of the legacy era only. */
const legacyOnly: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe']);

/** Makes them. */
export function createFeatures(deps: FeaturesDeps): Features {
  const { clock, policy, log, paused, judge, upstreams, carry, subscriptions } = deps;
  /** What legacy sessions follow at modern servers, by conversation. */
  const followed = new WeakMap<UpstreamSession, Map<string, () => void>>();

  const run = async (context: RequestContext, judged: Judged): Promise<Ending> => {
    const { message, life, route, modern } = context;
    const started = clock.monotonic();
    const elapsed = (): number => Math.round((clock.monotonic() - started) * 10) / 10;
    let sent = false;
    try {
      const decided = log.permit(judged);
      const session = await upstreams.connect(route.record, context.upstreamKey, connection(context));
      if (paused()) return pausedEnding(context);
      if (life.open.aborted) return over(context, judged.call, false);
      const onSent = (): void => {
        sent = true;
      };
      const follows = legacyOnly.has(message.method) && session.info.era === 'modern';
      const answer = await (follows ? follow(context, decided, session) : carry(context, decided, session, { onSent }));
      const { result } = 'result' in answer ? answer : { result: undefined };
      if (!('result' in answer)) return endingOf(context, judged.call.id, answer, elapsed());
      if (!(result instanceof JsonObject) || (asksTheAgent(result) && !multiRound.has(message.method))) {
        const text = 'The local server answered in a way that cannot be passed on.';
        return {
          outcome: 'failed',
          error: text,
          ms: elapsed(),
          message: errorResponse(message.id, codes.internal, text),
        };
      }
      // What a resource or a prompt holds passes through like a result: it labels the session, and secrets are masked.
      await breathe(result);
      policy.saw(judged.call, result, clock.now());
      await breathe(result);
      const masked = await policy.masked(judged.call, result, new JsonObject());
      const passed = !modern
        ? masked.result
        : cached.has(message.method) && !asksTheAgent(result)
          ? cacheable(masked.result)
          : complete(masked.result);
      return { outcome: 'ran', ms: elapsed(), result: passed, message: resultResponse(message.id, passed) };
    } catch (thrown) {
      return { ...(life.run.aborted ? over(context, judged.call, sent) : unavailable(context, thrown)), ms: elapsed() };
    }
  };

  /** `resources/subscribe` and `resources/unsubscribe` of a legacy client at a modern server. */
  const follow = async (
    context: RequestContext,
    decided: Decided,
    session: UpstreamSession,
  ): Promise<UpstreamAnswer> => {
    const { call } = decided;
    const own = followed.get(session) ?? new Map<string, () => void>();
    followed.set(session, own);
    const uri = call.name;
    if (uri === undefined) return { error: errorBody(codes.invalidParams, 'params.uri is missing.') };
    const before = own.get(uri);
    if (call.method === 'resources/unsubscribe') {
      own.delete(uri);
      before?.();
      return { result: new JsonObject() };
    }
    if (before) return { result: new JsonObject() };
    if (own.size >= maxFollowed) return { error: errorBody(codes.limit, 'This session follows too many resources.') };
    const hear = upstreams.hears(context.route.record, context.upstreamKey);
    const { answer, stop } = await subscriptions.follow(decided, session, uri, hear);
    if ('result' in answer) own.set(uri, stop);
    return answer;
  };

  return {
    async answer(context) {
      const { message, route, authorization, modern } = context;
      const feature = featureOf(message.method, message.params);
      if (feature === undefined || (modern && legacyOnly.has(message.method))) return false;
      // A token for some tools is for these tools and nothing else.
      const on = route.record.features?.includes(feature) === true && authorization.tools === undefined;
      if (!on) return false;
      const subject = subjectOf(message.method, message.params);
      await judge.judge(
        context,
        { ...subject, inputResponses: message.params?.get('inputResponses'), feature },
        (call) => {
          if (paused()) return builtIn('deny', 'paused', 'Sallyport is paused.');
          const decision = policy.decide(call);
          if (decision.effect !== 'ask') return decision;
          return { ...decision, effect: 'deny' };
        },
        async (judged) => {
          if (judged.decision.rule === 'built-in:paused') return pausedEnding(context);
          if (judged.decision.rule === 'agent:paused') return pausedEnding(context);
          if (judged.decision.effect === 'deny') {
            return refused(context, codes.invalidParams, 'This is not shared with agents.');
          }
          return await run(context, judged);
        },
      );
      return true;
    },
  };
}

/** The capabilities that an agent sees: tools, and of what was ticked only what can be bridged to that server. */
export function bridgedCapabilities(info: UpstreamInfo, record: ServerRecord): JsonObject {
  const of = (name: string): JsonObject | undefined => {
    const capability = info.capabilities.get(name);
    return capability instanceof JsonObject ? capability : undefined;
  };
  const on = (feature: ServerFeature): boolean =>
    record.features?.includes(feature) === true && of(feature) !== undefined;
  const changes = (name: string): object => (of(name)?.get('listChanged') === true ? { listChanged: true } : {});
  const subscribes = of('resources')?.get('subscribe') === true;
  const members: [string, JsonNode][] = [];
  if (of('logging')) members.push(['logging', new JsonObject()]);
  if (of('tools')) members.push(['tools', fromPlain({ listChanged: true })]);
  if (on('resources')) {
    members.push(['resources', fromPlain({ ...changes('resources'), ...(subscribes ? { subscribe: true } : {}) })]);
  }
  if (on('prompts')) members.push(['prompts', fromPlain(changes('prompts'))]);
  if (of('completions') && (on('resources') || on('prompts'))) members.push(['completions', new JsonObject()]);
  return new JsonObject(members);
}

/** What a server says unasked of its resources and prompts, and the feature that it belongs to. */
export const featureNotifications: ReadonlyMap<string, ServerFeature> = new Map([
  ['notifications/resources/list_changed', 'resources'],
  ['notifications/resources/updated', 'resources'],
  ['notifications/prompts/list_changed', 'prompts'],
  ['notifications/elicitation/complete', 'elicitation'],
]);

function featureOf(method: string, params: JsonObject | undefined): ServerFeature | undefined {
  if (method === 'completion/complete') return references.get(memberAt(params, 'ref', 'type') ?? null);
  return features.get(method);
}

/** What a request of a feature names, and what it gives along: what is judged, logged and, unchanged, forwarded. */
export function subjectOf(method: string, params: JsonObject | undefined): Subject {
  const text = (...path: string[]): string | undefined => {
    const value = memberAt(params, ...path);
    return typeof value === 'string' ? value : undefined;
  };
  switch (method) {
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return { name: text('uri') };
    case 'prompts/get':
      return { name: text('name'), arguments: params?.get('arguments') };
    case 'completion/complete':
      return { name: text('ref', 'uri') ?? text('ref', 'name'), arguments: params?.get('argument') };
    case 'logging/setLevel':
      return { name: text('level') };
    case 'tools/call':
      return { name: text('name'), arguments: params?.get('arguments') };
    default:
      return {};
  }
}
