import type { Call } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { formatDuration } from '../../shared/duration.ts';
import type { ApprovalLimits } from './limits.ts';

/** Keeps an agent from wearing the person out with prompts. */
export interface Restraint {
  /** Why no new prompt may be opened for this call now, in words for the model; undefined if one may. */
  refusal(
    call: Call,
    openOfAgent: number,
    openInAll: number,
  ): { readonly reason: string; readonly retryAfterMs?: number } | undefined;
  /** A prompt was opened for this call. */
  opened(call: Call): void;
  /** A prompt of this agent and tool ended without an answer. */
  unanswered(call: Call): void;
  /** A person answered a prompt of this agent and tool. */
  answered(call: Call): void;
}

const minuteMs = 60_000;
/** Agents and tools remembered at most; the oldest are forgotten first. */
const most = 1_000;

export function createRestraint(clock: Pick<Clock, 'monotonic'>, limits: ApprovalLimits): Restraint {
  const misses = new Map<string, { count: number; until: number }>();
  const opens = new Map<string, number[]>();
  const keyOf = (call: Call): string => JSON.stringify([call.agent.id, call.server, call.name ?? call.method]);
  const recent = (agent: string): number[] => {
    const since = clock.monotonic() - minuteMs;
    return (opens.get(agent) ?? []).filter((at) => at > since);
  };
  return {
    refusal(call, openOfAgent, openInAll) {
      const cooling = (misses.get(keyOf(call))?.until ?? 0) - clock.monotonic();
      if (cooling > 0) {
        const wait = formatDuration(Math.ceil(cooling / 1_000) * 1_000);
        return {
          reason: `The person was asked for this tool ${limits.cooldownAfter} times and did not answer. It is refused for ${wait} more.`,
          retryAfterMs: cooling,
        };
      }
      if (openOfAgent >= limits.promptsPerAgent) {
        return {
          reason: `${limits.promptsPerAgent} of your calls already wait for the person. Wait until some are answered.`,
        };
      }
      if (openInAll >= limits.prompts) {
        return { reason: `${limits.prompts} calls already wait for the person. Try again later.` };
      }
      if (recent(call.agent.id).length >= limits.opensPerMinute) {
        return {
          reason: `You asked the person ${limits.opensPerMinute} times within a minute. Wait before asking again.`,
          retryAfterMs: minuteMs,
        };
      }
      return undefined;
    },
    opened(call) {
      keep(opens, call.agent.id, [...recent(call.agent.id), clock.monotonic()]);
    },
    unanswered(call) {
      const count = (misses.get(keyOf(call))?.count ?? 0) + 1;
      const cools = count >= limits.cooldownAfter;
      keep(misses, keyOf(call), { count: cools ? 0 : count, until: cools ? clock.monotonic() + limits.cooldownMs : 0 });
    },
    answered(call) {
      misses.delete(keyOf(call));
    },
  };
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
