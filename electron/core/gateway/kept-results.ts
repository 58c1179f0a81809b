import type { Call } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, serializeJson } from '../../shared/json-tree.ts';
import { type EndFilter, matches } from './live.ts';

/**
 * Results that could not be delivered: kept 10 minutes in memory and given once to the next identical call of that agent
 * (`design.md` §4, Waiting). A delivered result is never kept.
 */
export interface KeptResults {
  keep(call: Call, grant: string, result: JsonNode): void;
  has(call: Call): boolean;
  /** Gives a result and forgets it. */
  take(call: Call): JsonNode | undefined;
  /** Forgets the result if it is this very one. @returns whether it was */
  claim(call: Call, result: JsonNode): boolean;
  /** Forgets what matches: the agent lost its access, or the server is no longer shared. */
  drop(filter: EndFilter): void;
}

interface Kept {
  readonly owner: Required<EndFilter>;
  readonly result: JsonNode;
  readonly size: number;
  stopTimer(): void;
}

const keptMs = 10 * 60_000;
const maxBytes = 64 * 1024 * 1024;

/** Makes it. At most 64 MiB are kept; the oldest leave first. */
export function createKeptResults(clock: Clock): KeptResults {
  const results = new Map<string, Kept>();
  let bytes = 0;
  const forget = (digest: string): void => {
    const kept = results.get(digest);
    if (!kept) return;
    kept.stopTimer();
    bytes -= kept.size;
    results.delete(digest);
  };
  return {
    keep(call, grant, result) {
      forget(call.digest);
      const size = Buffer.byteLength(serializeJson(result));
      for (const oldest of results.keys()) {
        if (bytes + size <= maxBytes) break;
        forget(oldest);
      }
      bytes += size;
      // The digest covers agent, server and definition: no other agent can have the same.
      const owner = { agent: call.agent.id, grant, server: call.server };
      results.set(call.digest, { owner, result, size, stopTimer: clock.schedule(keptMs, () => forget(call.digest)) });
    },
    has: (call) => results.has(call.digest),
    take(call) {
      const result = results.get(call.digest)?.result;
      forget(call.digest);
      return result;
    },
    claim(call, result) {
      if (results.get(call.digest)?.result !== result) return false;
      forget(call.digest);
      return true;
    },
    drop(filter) {
      for (const [digest, kept] of [...results]) if (matches(filter, kept.owner)) forget(digest);
    },
  };
}
