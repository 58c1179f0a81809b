import { type Clock, timestamp } from '../../shared/clock.ts';
import type { Hop } from '../../shared/hop.ts';

/** An attempt of an agent that went no further, and where. */
export interface Setback {
  readonly at: string;
  readonly hop: Hop;
  /** In words for people, ours. */
  readonly why: string;
  readonly hint?: string;
  /** Absent where it was not known yet which server was meant. */
  readonly server?: string;
}

/** The last attempts that never became a call, for whoever waits for the first one. In memory, and few. */
export interface Setbacks {
  note(setback: Omit<Setback, 'at'>): void;
  /** The newest that may have meant this server, not older than `since`. */
  newest(server: string, since: string): Setback | undefined;
  onChange(listener: () => void): () => void;
}

const kept = 50;

/** Makes it. */
export function createSetbacks(clock: Clock): Setbacks {
  const listeners = new Set<() => void>();
  let all: readonly Setback[] = [];
  return {
    note(setback) {
      all = [...all.slice(1 - kept), { ...setback, at: timestamp(clock) }];
      for (const listener of [...listeners]) listener();
    },
    newest: (server, since) =>
      all.findLast((one) => (one.server === undefined || one.server === server) && one.at >= since),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
