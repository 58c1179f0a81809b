import { formatDuration } from '../../shared/duration.ts';
import { fromPlain, type JsonNode, JsonObject } from '../../shared/json-tree.ts';
import { visibleText } from '../../shared/visible-text.ts';

/** Why a call was not run, as the agent is told (`design.md` §3). */
export interface Stop {
  readonly outcome: 'denied' | 'expired' | 'pending' | 'paused' | 'budget';
  readonly reason?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly callId: string;
}

/**
 * The result that a stopped call gets: a tool error in plain words, which a model can read (a protocol error it often
 * cannot), and the same for programs under `_meta["sallyport/decision"]`.
 */
export function stoppedResult(stop: Stop, modern: boolean): JsonObject {
  const reason = stop.reason ? visibleText(stop.reason, { max: 500 }) : undefined;
  const decision = fromPlain({
    outcome: stop.outcome,
    reason,
    retryAfterMs: stop.retryAfterMs === undefined ? undefined : Math.round(stop.retryAfterMs),
    callId: stop.callId,
  });
  return toolError(words(stop, reason), modern, ['sallyport/decision', decision]);
}

/** A result for a call that failed on its way: a tool error in plain words, with `_meta["sallyport/error"]`. */
export function failedResult(text: string, code: string, callId: string, modern: boolean): JsonObject {
  return toolError(text, modern, ['sallyport/error', fromPlain({ code, callId })]);
}

function toolError(text: string, modern: boolean, meta: readonly [string, JsonNode]): JsonObject {
  return new JsonObject([
    ...(modern ? [['resultType', 'complete'] as const] : []),
    ['content', fromPlain([{ type: 'text', text }])],
    ['isError', true],
    ['_meta', new JsonObject([meta])],
  ]);
}

function words(stop: Stop, reason: string | undefined): string {
  const because = reason ? ` Reason: ${reason}` : '';
  switch (stop.outcome) {
    case 'denied':
      return `This call was not allowed and did not run.${because}`;
    case 'expired':
      return `Nobody answered in time, so this call was not allowed and did not run.${because}`;
    case 'pending': {
      const again = stop.retryAfterMs ? ` in about ${formatDuration(stop.retryAfterMs)}` : '';
      if (reason) {
        return `${reason} This call did not run; the question waits for them. Call again with the same arguments${again}, or go on without it.`;
      }
      return `A person has been asked to allow this call and has not answered yet. It did not run. Call again with the same arguments${again}.`;
    }
    case 'paused':
      return reason
        ? `${reason} This call did not run. Only the person who runs Sallyport can let it go on.`
        : 'Sallyport is paused by the person who runs it, so this call did not run. Only they can resume it.';
    case 'budget':
      return `The limit set for this agent is used up, so this call did not run.${because}`;
  }
}
