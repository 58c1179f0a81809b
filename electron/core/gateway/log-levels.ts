import type { JsonNode } from '../../shared/json-tree.ts';
import { JsonObject } from '../../shared/json-tree.ts';
import type { UpstreamSession } from '../servers/upstream-session.ts';

/** Log levels, least grave first (MCP, Logging; RFC 5424). */
export const logLevels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Whether a message of one level is at least as grave as another; an unknown level of a message counts as grave. */
export function reaches(level: JsonNode | undefined, wanted: string): boolean {
  const at = rank(level);
  return at < 0 || at >= rank(wanted);
}

/** Sees to it that a legacy server logs what a modern client opted in to; asked only where it says less until now. */
export function createLogLevels(): (session: UpstreamSession, level: string) => Promise<void> {
  const set = new WeakMap<UpstreamSession, { readonly level: string; readonly done: Promise<void> }>();
  return async (session, level) => {
    if (session.info.era !== 'legacy' || !(session.info.capabilities.get('logging') instanceof JsonObject)) return;
    if (rank(level) < 0) return;
    const before = set.get(session);
    if (before && rank(before.level) <= rank(level)) return await before.done;
    const done = session
      .request('logging/setLevel', new JsonObject([['level', level]]), { timeoutMs: 10_000 })
      // A server that does not know the level logs as it did before: no reason for the call to fail.
      .then(
        () => {},
        () => {},
      );
    set.set(session, { level, done });
    await done;
  };
}

function rank(level: JsonNode | undefined): number {
  return (logLevels as readonly JsonNode[]).indexOf(level ?? null);
}
