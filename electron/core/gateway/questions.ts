import type { Call, Outcome, ProtocolVersion } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, JsonObject, serializeJson } from '../../shared/json-tree.ts';
import type { Authorization } from '../oauth/resource-server.ts';
import type { Policy } from '../policy/policy.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { AgentSessions } from './agent-sessions.ts';
import { askable, questionProblem } from './askable.ts';
import { callOf } from './call-of.ts';
import { builtIn } from './judge.ts';
import { codes, errorBody } from './protocol-errors.ts';
import type { SharedRoute } from './routes.ts';

/** Whom a server asks. */
export interface Asked {
  readonly authorization: Authorization;
  readonly route: SharedRoute;
  readonly era: ProtocolVersion;
  /** What was {@link offered} to the server in this agent's name. */
  readonly capabilities: JsonObject;
}

/** A question that may go to the agent. */
export interface Question {
  readonly method: string;
  /** As they may be shown: secrets masked. */
  readonly params: JsonObject | undefined;
  /** Notes in the log how it ended; counts once. */
  done(outcome: Outcome, ended?: { readonly result?: JsonNode; readonly error?: string }): void;
}

/** What a server asks of an agent is decided and logged like a call (`security.md` S9). */
export interface Questions {
  /** @returns the question, or the error object for the server. Never throws */
  judge(
    asked: Asked,
    method: string,
    params: JsonObject | undefined,
  ): Promise<Question | { readonly error: JsonObject }>;
  /** What a server says to an agent outside of any call, without the secrets in it; `undefined` if it may not go on. */
  masked(asked: Asked, method: string, params: JsonObject): Promise<JsonObject | undefined>;
}

/** What {@link createQuestions} needs. */
export interface QuestionsDeps {
  readonly clock: Clock;
  readonly policy: Pick<Policy, 'saw' | 'masked'>;
  readonly log: Pick<RequestLog, 'decided' | 'completed'>;
  readonly agentSessions: AgentSessions;
  readonly paused: () => { readonly at: string } | undefined;
  readonly onProblem: (problem: string) => void;
}

/** Largest question in bytes: a person has to read it, or a model's context has to hold it. */
const maxQuestion = 256 * 1024;

/** Makes it. */
export function createQuestions(deps: QuestionsDeps): Questions {
  const { clock, policy, log, agentSessions, paused, onProblem } = deps;

  const decide = (asked: Asked, method: string, params: JsonObject | undefined, size: number) => {
    if (paused()) return builtIn('deny', 'paused', 'Sallyport is paused.');
    const feature = askable.get(method);
    if (feature === undefined || asked.route.record.features?.includes(feature) !== true) {
      return builtIn('deny', 'not-shared', `This server may not ask agents for ${feature ?? 'that'}.`);
    }
    if (size > maxQuestion) return builtIn('deny', 'too-large', `It is over ${maxQuestion / 1024} KiB.`);
    const problem = questionProblem(method, params, asked.capabilities);
    if (problem !== undefined) return builtIn('deny', 'question', problem);
    return builtIn('allow', 'question', `You let this server ask agents for ${feature}.`);
  };

  const questionOf = (asked: Asked, method: string, params: JsonObject | undefined, size: number): Call => {
    const { authorization, route, era } = asked;
    const who = { agent: authorization.agent, server: route.record.slug, method: method.slice(0, 128), era };
    // What is too large is denied, and nobody needs to keep it.
    const kept = size > maxQuestion ? undefined : params;
    return callOf(
      { ...who, bytesIn: size },
      { arguments: kept, feature: askable.get(method) },
      { clock, agentSessions },
    );
  };

  return {
    async masked(asked, method, params) {
      const { result, withheld } = await policy.masked(
        questionOf(asked, method, undefined, 0),
        params,
        new JsonObject(),
      );
      return withheld === undefined ? result : undefined;
    },
    async judge(asked, method, params) {
      const size = params === undefined ? 0 : Buffer.byteLength(serializeJson(params));
      const call = questionOf(asked, method, params, size);
      try {
        const judged = log.decided(call, decide(asked, method, params, size));
        let over = false;
        const done: Question['done'] = (outcome, ended = {}) => {
          if (over) return;
          over = true;
          try {
            log.completed(judged, { outcome, bytesOut: outcome === 'denied' ? 0 : size, ...ended });
          } catch (thrown) {
            onProblem(`The end of a question could not be logged: ${String(thrown)}`);
          }
        };
        if (judged.decision.effect !== 'allow') {
          const [reason] = judged.decision.reasons;
          done(paused() ? 'paused' : 'denied', reason === undefined ? {} : { error: reason });
          return { error: errorBody(codes.methodNotFound, 'The client cannot be asked that.') };
        }
        if (params === undefined) return { method, params, done };
        // What a server says to an agent passes through like a result.
        policy.saw(call, params, clock.now());
        const masked = await policy.masked(call, params, new JsonObject());
        if (masked.withheld === undefined) return { method, params: masked.result, done };
        done('denied', { error: masked.withheld });
        return { error: errorBody(codes.methodNotFound, 'The client cannot be asked that.') };
      } catch (thrown) {
        // What cannot be logged is not asked (`security.md` S18).
        onProblem(`A question could not be decided and logged: ${String(thrown)}`);
        return { error: errorBody(codes.internal, 'The question could not be recorded, so it was not asked.') };
      }
    },
  };
}
