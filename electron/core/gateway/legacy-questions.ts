import type { Clock } from '../../shared/clock.ts';
import { JsonObject, memberAt, serializeJson } from '../../shared/json-tree.ts';
import type { ServerRequest, UpstreamAnswer } from '../servers/upstream-session.ts';
import type { LegacySession } from './legacy-sessions.ts';
import { codes, errorBody, notification, requestMessage } from './protocol-errors.ts';
import type { Asked, Questions } from './questions.ts';
import type { Reply } from './reply.ts';
import { idKey, type RpcResponse } from './rpc-message.ts';

/** Asks a client of the legacy era, which takes requests on its event streams and posts what it says to them. */
export interface LegacyQuestions {
  /**
   * Puts one question to the client and waits for what it says.
   * @param via the way back of the request that it belongs to, where that is known
   * @param withdrawn aborted when nobody wants to know any more
   */
  ask(
    session: LegacySession,
    asked: Asked,
    question: { readonly method: string; readonly params: JsonObject | undefined },
    via?: Reply,
    withdrawn?: AbortSignal,
  ): Promise<UpstreamAnswer>;
  /** Puts what a legacy server asks to the client and gives the server the answer. */
  relay(session: LegacySession, asked: Asked, request: ServerRequest, via?: Reply): void;
  /** Takes what the client said. What answers no open question of this very session goes nowhere. */
  take(session: LegacySession, response: RpcResponse): void;
}

/** Questions of one session that may be open at the same time. */
const maxOpen = 16;
/** How long a client, often a person at it, may take. */
const patienceMs = 10 * 60_000;

/** Makes it. */
export function createLegacyQuestions(deps: { readonly clock: Clock; readonly questions: Questions }): LegacyQuestions {
  const { clock, questions } = deps;
  const ask: LegacyQuestions['ask'] = async (session, asked, { method, params }, via, withdrawn) => {
    if (session.open.size >= maxOpen) {
      return { error: errorBody(codes.internal, 'Too many questions wait for an answer already.') };
    }
    const question = await questions.judge(asked, method, params);
    if ('error' in question) return question;
    session.asked += 1;
    // Ours, and never one that the server chose: it could be that of another open question.
    const id = `sallyport-${session.asked}`;
    const send = (message: JsonObject): boolean => {
      if (via?.insist(message)) return true;
      // Over stdio nothing says which call a question belongs to: any stream of this same session will do.
      for (const reply of [...session.replies].reverse()) if (reply.insist(message)) return true;
      if (!session.stream.open) return false;
      session.stream.insist(serializeJson(message));
      return session.stream.open;
    };
    const { promise, resolve } = Promise.withResolvers<UpstreamAnswer>();
    const end = (answer: UpstreamAnswer, outcome: 'ran' | 'failed' | 'cancelled' | 'expired', error?: string): void => {
      if (!session.open.delete(idKey(id))) return;
      stopTimer();
      withdrawn?.removeEventListener('abort', onWithdrawn);
      question.done(outcome, {
        ...('result' in answer ? { result: answer.result } : {}),
        ...(error === undefined ? {} : { error }),
      });
      resolve(answer);
    };
    const giveUp = (outcome: 'cancelled' | 'expired', reason: string): void => {
      const params = new JsonObject([
        ['requestId', id],
        ['reason', reason],
      ]);
      if (session.open.has(idKey(id))) send(notification('notifications/cancelled', params));
      end({ error: errorBody(codes.internal, reason) }, outcome, reason);
    };
    const onWithdrawn = (): void => giveUp('cancelled', 'The server withdrew the question.');
    const stopTimer = clock.schedule(patienceMs, () => giveUp('expired', 'Nobody answered in time.'));
    session.open.set(idKey(id), {
      token: memberAt(params, '_meta', 'progressToken'),
      take: (answer) =>
        end(answer, 'result' in answer ? 'ran' : 'failed', 'error' in answer ? 'The client refused.' : undefined),
      end: () => giveUp('cancelled', 'The session ended.'),
    });
    withdrawn?.addEventListener('abort', onWithdrawn, { once: true });
    if (withdrawn?.aborted) end({ error: errorBody(codes.internal, 'Withdrawn.') }, 'cancelled');
    else if (!send(requestMessage(id, question.method, question.params))) {
      const why = 'The client has no event stream open.';
      end({ error: errorBody(codes.internal, why) }, 'failed', why);
    }
    return await promise;
  };
  return {
    ask,
    relay(session, asked, request, via) {
      ask(session, asked, request, via, request.withdrawn).then(request.answer, () => {
        request.answer({ error: errorBody(codes.internal, 'The question could not be passed on.') });
      });
    },
    take(session, response) {
      session.open.get(idKey(response.id))?.take(response.answer);
    },
  };
}
