import type { Answer, Call, Outcome } from '../../shared/call.ts';
import { asSallyportError } from '../../shared/errors.ts';
import type { Ending } from './judge.ts';
import { codes, errorResponse, resultResponse } from './protocol-errors.ts';
import type { RequestContext } from './request-context.ts';
import { failedResult, type Stop, stoppedResult } from './stopped-result.ts';

/** The ending of a request that is refused as a protocol error. */
export function refused(context: RequestContext, code: number, text: string, status?: number): Ending {
  const message = errorResponse(context.message.id, code, text);
  return { outcome: 'denied', error: text, message, ...(status === undefined ? {} : { status }) };
}

/** The ending of a request other than a call while all is paused. */
export function pausedEnding(context: RequestContext): Ending {
  const text = 'Sallyport is paused by the person who runs it. Only they can resume it.';
  return { ...refused(context, codes.paused, text), outcome: 'paused' };
}

/** The ending of a request that needed a server which could not be reached. Its own words stay on this machine. */
export function unavailable(context: RequestContext, thrown: unknown): Ending {
  const error = asSallyportError(thrown, 'server');
  const busy = error.code === 'server_busy';
  const text = busy ? `The local server is busy: ${error.message}` : 'The local server could not be reached.';
  const message = errorResponse(context.message.id, busy ? codes.limit : codes.serverUnavailable, text);
  return { outcome: 'failed', error: error.message, message, ...(busy ? { status: 503 } : {}) };
}

/** The ending of a call beyond the scope of its grant, for a client that can ask for more (RFC 6750 §3.1). */
export function beyondScope(context: RequestContext, name: string, challenge: string): Ending {
  const ending = refused(context, codes.insufficientScope, `The grant does not cover ${name}.`, 403);
  return { ...ending, headers: { 'www-authenticate': challenge } };
}

/** Off and unknown tools get the same words (`design.md` §3). */
export function unknownTool(context: RequestContext, call: Call): Ending {
  return refused(context, codes.invalidParams, `Unknown tool: ${call.name ?? ''}`);
}

/** The ending of a call that policy or a person stopped: a result that a model can read. */
export function stopped(
  context: RequestContext,
  call: Call,
  outcome: Exclude<Answer['outcome'], 'allowed'>,
  details: Pick<Stop, 'reason' | 'retryAfterMs'>,
): Ending {
  if (outcome === 'cancelled') return over(context, call, false);
  const { reason, retryAfterMs } = details;
  const result = stoppedResult({ outcome, callId: call.id, reason, retryAfterMs }, context.modern);
  const error = reason === undefined ? {} : { error: reason };
  return { outcome, result, message: resultResponse(context.message.id, result), ...error };
}

/** The ending of a call of an agent that is paused: what paused it is the person's to know. */
export function agentPaused(context: RequestContext, call: Call): Ending {
  return stopped(context, call, 'paused', { reason: 'This agent is paused.' });
}

/** The ending of a call for which a budget had no room, and which paused its agent. */
export function overBudget(context: RequestContext, call: Call, reason: string | undefined): Ending {
  const result = stoppedResult({ outcome: 'budget', callId: call.id, reason }, context.modern);
  const error = reason === undefined ? {} : { error: reason };
  return { outcome: 'denied', result, message: resultResponse(context.message.id, result), ...error };
}

/** The ending of a call that was withdrawn, or whose agent lost access. */
export function over(context: RequestContext, call: Call, sent: boolean): Ending {
  const { life, message, modern } = context;
  if (life.why === 'paused') {
    if (!sent) return stopped(context, call, 'paused', {});
    const text = 'Sallyport was paused while this call ran. It may or may not have happened.';
    const result = failedResult(text, 'paused', call.id, modern);
    return { outcome: 'unknown', error: text, result, message: resultResponse(message.id, result) };
  }
  const outcome: Outcome = sent && life.why !== 'cancelled' && life.why !== 'gone' ? 'unknown' : 'cancelled';
  const text = 'The request was withdrawn or its access ended.';
  return { outcome, error: `Ended: ${life.why ?? 'cancelled'}`, message: errorResponse(message.id, codes.ended, text) };
}

/**
 * The ending of a call whose server failed; nothing is sent twice (`security.md` S11).
 * @param sent whether the server may have begun. @throws what is no fault of a server
 */
export function failed(context: RequestContext, call: Call, thrown: unknown, sent: boolean): Ending {
  const error = asSallyportError(thrown, 'server');
  if (error.hop !== 'server') throw error;
  if (error.code === 'server_busy') return unavailable(context, error);
  const text = sent
    ? 'The local server stopped before it answered. The call may or may not have happened: check before calling again.'
    : 'The local server could not be reached, so the call did not run. Its owner can see why in Sallyport.';
  const result = failedResult(text, error.code, call.id, context.modern);
  const message = resultResponse(context.message.id, result);
  return { outcome: sent ? 'unknown' : 'failed', error: error.message, result, message };
}
