import { JsonObject, memberAt, serializeJson } from '../../shared/json-tree.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decided } from '../request-log/request-log.ts';
import type { UpstreamAnswer, UpstreamRequestOptions, UpstreamSession } from '../servers/upstream-session.ts';
import { askable } from './askable.ts';
import { acrossEras } from './era-fields.ts';
import type { Flights } from './flights.ts';
import { forward } from './forward.ts';
import { createLogLevels, reaches } from './log-levels.ts';
import { codes, errorBody, notification } from './protocol-errors.ts';
import type { Question, Questions } from './questions.ts';
import type { RequestContext } from './request-context.ts';

/** What {@link Carry} takes besides. */
export interface CarryOptions {
  readonly onSent: () => void;
  /** Whether a notification of the server may go on to the agent. Default: all may. */
  readonly passes?: (method: string, params: JsonObject | undefined) => boolean;
}

/**
 * Takes a decided request to the server and back, across the eras: what the server says and asks meanwhile reaches the
 * agent in the way of the agent's era. The answer may be `input_required`, for a modern client that can be asked, and for a
 * legacy one where a modern server asks.
 * @throws what {@link forward} throws
 */
export type Carry = (
  context: RequestContext,
  decided: Decided,
  session: UpstreamSession,
  options: CarryOptions,
) => Promise<UpstreamAnswer>;

/** What {@link createCarry} needs. */
export interface CarryDeps {
  readonly policy: Pick<Policy, 'masked'>;
  readonly flights: Flights;
  readonly questions: Questions;
}

/** Characters of what a server says that may wait to be looked at, for one call. */
const maxWaiting = 16 * 1024 * 1024;
/** Methods that may be answered with `input_required` (MCP 2026-07-28). */
export const multiRound: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Makes it. */
export function createCarry({ policy, flights, questions }: CarryDeps): Carry {
  const atLevel = createLogLevels();

  /** What the server says on the way, in order, without the secrets in it (`security.md` S16). */
  const saying = (context: RequestContext, decided: Decided, passes: CarryOptions['passes']) => {
    const { modern, logLevel, reply } = context;
    let said: Promise<void> = Promise.resolve();
    let waiting = 0;
    const pass = async (method: string, params: JsonObject | undefined): Promise<void> => {
      const masked = params && (await policy.masked(decided.call, params, new JsonObject()));
      if (masked?.withheld === undefined) reply.notify(notification(method, masked?.result));
    };
    return {
      take(method: string, params: JsonObject | undefined): void {
        const isLog = method === 'notifications/message';
        if (isLog && modern && (logLevel === undefined || !reaches(params?.get('level'), logLevel))) return;
        if (!isLog && method !== 'notifications/progress') return;
        if (passes && !passes(method, params)) return;
        // Progress without words holds nothing to mask: it goes at once unless something before it is still looked at.
        if (!isLog && typeof params?.get('message') !== 'string' && waiting === 0) {
          reply.notify(notification(method, params));
          return;
        }
        const size = params === undefined ? 0 : serializeJson(params).length;
        // A server that says more than can be looked at loses some of it: memory stays bounded.
        if (waiting > 0 && waiting + size > maxWaiting) return;
        waiting += size + 1;
        said = said
          .then(() => pass(method, params))
          .catch(() => {})
          .finally(() => {
            waiting -= size + 1;
          });
      },
      over: async (): Promise<void> => await said,
    };
  };

  return async (context, decided, session, { onSent, passes }) => {
    const { message, modern, logLevel, capabilities, life } = context;
    const { info } = session;
    const said = saying(context, decided, passes);
    if (modern && logLevel !== undefined) await atLevel(session, logLevel);
    const options: UpstreamRequestOptions = {
      signal: life.run,
      onSent,
      onNotification: said.take,
      ...(context.reply.pause ? { onPause: context.reply.pause } : {}),
      ...(logLevel === undefined ? {} : { logLevel }),
    };
    const rounds = multiRound.has(message.method);
    const parkable = modern && rounds && info.era === 'legacy';
    let answer: UpstreamAnswer;
    if (parkable && message.params?.get('requestState') !== undefined) {
      answer = await flights.goOn(context, decided.call, options);
    } else if (parkable && capabilities.members.size > 0) {
      answer = await flights.begin(context, decided.call, options, (own) =>
        forward(decided, session, message.params, own),
      );
    } else {
      const { onServerRequest } = context;
      answer = await forward(decided, session, message.params, {
        ...options,
        ...(info.era === 'modern' ? { capabilities } : {}),
        ...(onServerRequest ? { onServerRequest } : {}),
      });
      if (modern && info.era === 'modern') answer = await judgeInputRequests(context, answer);
    }
    await said.over();
    return acrossEras(answer, info, { modern, method: message.method });
  };

  /** What a modern server asks a modern client goes on only if each question may. */
  async function judgeInputRequests(context: RequestContext, answer: UpstreamAnswer): Promise<UpstreamAnswer> {
    if ('error' in answer || memberAt(answer.result, 'resultType') !== 'input_required') return answer;
    const { result } = answer;
    const requests = memberAt(result, 'inputRequests');
    if (requests === undefined) return answer;
    const asked: [string, Question][] = [];
    const refuse = (): UpstreamAnswer => {
      for (const [, question] of asked) question.done('denied');
      return { error: errorBody(codes.internal, 'The local server asked for something that it may not ask for.') };
    };
    if (!(result instanceof JsonObject) || !(requests instanceof JsonObject)) return refuse();
    let passed = requests;
    for (const [key, request] of requests.members) {
      const method = memberAt(request, 'method');
      const params = memberAt(request, 'params');
      if (!(request instanceof JsonObject) || typeof method !== 'string' || !askable.has(method)) return refuse();
      const question = await questions.judge(context, method, params instanceof JsonObject ? params : undefined);
      if ('error' in question) return refuse();
      asked.push([key, question]);
      if (question.params !== undefined) passed = passed.with(key, request.with('params', question.params));
    }
    // What the client says to them comes with its next request, which is judged and logged in its turn.
    for (const [, question] of asked) question.done('ran');
    return { result: result.with('inputRequests', passed) };
  }
}
