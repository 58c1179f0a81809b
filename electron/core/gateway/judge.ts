import type { AgentRef, Call, Decision, Outcome } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, type JsonObject, serializeJson } from '../../shared/json-tree.ts';
import { pausesAgent } from '../policy/paused-agents.ts';
import type { Judged, RequestLog } from '../request-log/request-log.ts';
import type { AgentSessions } from './agent-sessions.ts';
import { breathe } from './breathe.ts';
import { type Asking, callOf, type Subject } from './call-of.ts';
import { codes, errorResponse } from './protocol-errors.ts';
import type { RequestContext } from './request-context.ts';

/** How a judged request ends: what the log keeps, and what the agent gets. */
export interface Ending {
  readonly outcome: Outcome;
  /** The JSON-RPC response to send. */
  readonly message: JsonObject;
  /** HTTP status while the answer has not begun. Default 200. */
  readonly status?: number;
  /** Headers while the answer has not begun. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the log keeps as result. */
  readonly result?: JsonNode;
  readonly error?: string;
  /** Milliseconds at the server. */
  readonly ms?: number;
  /** Another call that ran in place of this one: the person changed its arguments. The end is its end. */
  readonly instead?: Judged;
  /**
   * Called where nothing of the answer could be sent.
   * @returns what says later, once, whether the answer may still be given to who comes back for it
   */
  readonly undelivered?: () => () => boolean;
}

/** Takes requests through decision and log. */
export interface Judge {
  /**
   * Decides, logs, carries out, answers and logs the end: exactly one `decided` and one `completed` for each call, whatever
   * happens in between. Never throws.
   */
  judge(
    context: RequestContext,
    subject: Subject,
    decide: (call: Call) => Decision,
    carryOut: (judged: Judged) => Promise<Ending>,
  ): Promise<void>;
}

/** Largest answer in bytes (`design.md` §7). */
export const maxResult = 16 * 1024 * 1024;

/** What {@link createJudge} needs. */
export interface JudgeDeps {
  readonly clock: Clock;
  readonly log: Pick<RequestLog, 'decided' | 'completed'>;
  readonly agentSessions: AgentSessions;
  /** Pauses an agent: a budget or a planted value says so. Kept before the call is answered. */
  readonly pauseAgent: (agent: AgentRef, why: string) => void;
  /** Told of what should not happen; the text may be local only. */
  readonly onProblem: (problem: string) => void;
}

/** Makes it. */
export function createJudge(deps: JudgeDeps): Judge {
  const { clock, log, agentSessions, pauseAgent, onProblem } = deps;
  return {
    async judge(context, subject, decide, carryOut) {
      const { message, reply } = context;
      let judged: Judged;
      try {
        const call = callOf(asking(context), subject, { clock, agentSessions });
        const decision = decide(call);
        if (pausesAgent(decision)) pauseAgent(call.agent, decision.reasons[0] ?? decision.rule);
        judged = log.decided(call, decision);
      } catch (thrown) {
        // What cannot be logged must not run (`security.md` S18).
        onProblem(`A call could not be decided and logged: ${textOf(thrown)}`);
        const text = 'The request cannot be recorded right now, so it was not run.';
        reply.answer(serializeJson(errorResponse(message.id, codes.internal, text)));
        return;
      }
      let ending: Ending;
      try {
        ending = await carryOut(judged);
      } catch (thrown) {
        onProblem(`A call failed inside the gateway: ${textOf(thrown)}`);
        ending = {
          outcome: 'failed',
          error: textOf(thrown),
          message: errorResponse(message.id, codes.internal, 'The gateway failed on this request.'),
        };
      }
      let bytesOut = 0;
      try {
        await breathe(ending.message);
        const fit = fitted(context, ending);
        ending = fit.ending;
        await breathe(fit.text);
        bytesOut = reply.answer(fit.text, ending.status, ending.headers);
        if (bytesOut > 0 && reply.delivered && !(await reply.delivered())) bytesOut = 0;
        if (bytesOut === 0) {
          const still = ending.undelivered?.() ?? (() => true);
          reply.undelivered?.(() => (still() ? fit.text : givenElsewhere(message.id)));
        }
      } catch (thrown) {
        onProblem(`An answer could not be sent: ${textOf(thrown)}`);
      }
      try {
        await breathe(ending.message);
        const { instead } = ending;
        if (instead) {
          const error = `The person changed its arguments: ${instead.call.id} took its place.`;
          log.completed(judged, { outcome: 'denied', error, bytesOut: 0 });
        }
        log.completed(instead ?? judged, {
          outcome: ending.outcome,
          bytesOut,
          ...(ending.result === undefined ? {} : { result: ending.result }),
          ...(ending.error === undefined ? {} : { error: ending.error }),
          ...(ending.ms === undefined ? {} : { ms: ending.ms }),
        });
      } catch (thrown) {
        onProblem(`The end of a call could not be logged: ${textOf(thrown)}`);
      }
    },
  };
}

/** What a client gets that comes back for a result which an identical call was given meanwhile. */
function givenElsewhere(id: JsonNode): string {
  return serializeJson(errorResponse(id, codes.ended, 'The result was given to a later call with the same arguments.'));
}

/** Refuses an answer that is too large to send; what ran has run, and the log says so. */
function fitted(context: RequestContext, ending: Ending): { readonly ending: Ending; readonly text: string } {
  const text = serializeJson(ending.message);
  if (Buffer.byteLength(text) <= maxResult) return { ending, text };
  const limit = `${maxResult / 1024 / 1024} MiB`;
  const said = `The server’s answer is over ${limit}, which is the limit. Ask for less at a time.`;
  const message = errorResponse(context.message.id, codes.limit, said);
  const ms = ending.ms === undefined ? {} : { ms: ending.ms };
  const refusal: Ending = {
    outcome: 'failed',
    error: `The answer was over ${limit} and was not sent.`,
    message,
    ...ms,
  };
  return { ending: refusal, text: serializeJson(message) };
}

/** What an agent's request is, whoever it asks. */
function asking({ authorization, route, message, era, bytesIn, deadline }: RequestContext): Asking {
  return { agent: authorization.agent, server: route.record.slug, method: message.method, era, bytesIn, deadline };
}

/** A decision that the gateway itself makes, before or instead of policy. */
export function builtIn(effect: 'allow' | 'deny', rule: string, reason: string): Decision {
  return { effect, rule: `built-in:${rule}`, reasons: [reason], risk: 0, class: 'read' };
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
