import type { Call } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import type { JsonObject } from '../../shared/json-tree.ts';

/** An answer that nobody waited for, good for a number of identical calls of that agent. */
export interface KeptAnswer {
  readonly effect: 'allow' | 'deny';
  readonly reason?: string;
  /** Arguments that the person put in place of the agent's. */
  readonly arguments?: JsonObject;
  /** Front that answered. */
  readonly by: string;
}

/** One-use permits, and denials that the agent has not heard yet (`design.md` §4, Waiting). */
export interface KeptAnswers {
  /** Keeps an answer for `uses` further identical calls, for the time that permits last. */
  add(key: string, call: Call, uses: number, answer: KeptAnswer): void;
  /** Takes one use; a denial before a permit. */
  take(key: string): KeptAnswer | undefined;
  clear(matches: (call: Call) => boolean): void;
}

interface Entry {
  readonly call: Call;
  readonly answer: KeptAnswer;
  uses: number;
  readonly cancel: () => void;
}

export function createKeptAnswers(clock: Clock, lastsMs: number): KeptAnswers {
  const kept = new Map<string, Set<Entry>>();
  const remove = (key: string, entry: Entry): void => {
    entry.cancel();
    const entries = kept.get(key);
    entries?.delete(entry);
    if (entries?.size === 0) kept.delete(key);
  };
  return {
    add(key, call, uses, answer) {
      if (uses <= 0) return;
      const entry: Entry = { call, answer, uses, cancel: clock.schedule(lastsMs, () => remove(key, entry)) };
      const entries = kept.get(key) ?? new Set();
      kept.set(key, entries.add(entry));
    },
    take(key) {
      const entries = [...(kept.get(key) ?? [])];
      const entry = entries.find((one) => one.answer.effect === 'deny') ?? entries[0];
      if (!entry) return undefined;
      entry.uses -= 1;
      if (entry.uses === 0) remove(key, entry);
      return entry.answer;
    },
    clear(matches) {
      for (const [key, entries] of [...kept]) {
        for (const entry of [...entries]) if (matches(entry.call)) remove(key, entry);
      }
    },
  };
}
