import type { EndReason } from './request-life.ts';

/** Which agents, grants or servers something is ended for; what is absent means all. */
export interface EndFilter {
  readonly agent?: string;
  readonly grant?: string;
  readonly server?: string;
}

/** Something of an agent that is under way. */
export interface Running extends Required<EndFilter> {
  /** `request` = a POST; `held` = a call that waits for a person; `stream` = an event stream without end of its own. */
  readonly kind: 'request' | 'held' | 'stream';
  end(why: EndReason): void;
}

/** How many of each kind one agent may have at the same time. Memory is bounded by these. */
export const perAgent: Readonly<Record<Running['kind'], number>> = { request: 64, held: 16, stream: 16 };

/** Everything under way, so that pausing, unsharing and revoking can end it within a second. */
export interface Live {
  /** Notes something; the function returned forgets it. `undefined` = the agent has too many of that kind. */
  add(running: Running): (() => void) | undefined;
  /** Ends what matches. @returns how many requests and streams were ended */
  end(filter: EndFilter, why: EndReason): number;
}

/** Whether something belongs to what a filter names. */
export function matches(filter: EndFilter, thing: Required<EndFilter>): boolean {
  return (
    (filter.agent === undefined || filter.agent === thing.agent) &&
    (filter.grant === undefined || filter.grant === thing.grant) &&
    (filter.server === undefined || filter.server === thing.server)
  );
}

/** Makes the register. */
export function createLive(): Live {
  const all = new Set<Running>();
  const counts = new Map<string, number>();
  return {
    add(running) {
      const key = `${running.kind}:${running.agent}`;
      const count = counts.get(key) ?? 0;
      if (count >= perAgent[running.kind]) return undefined;
      counts.set(key, count + 1);
      all.add(running);
      return () => {
        if (!all.delete(running)) return;
        const left = (counts.get(key) ?? 1) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      };
    },
    end(filter, why) {
      const ending = [...all].filter((running) => matches(filter, running));
      for (const running of ending) running.end(why);
      return ending.filter((running) => running.kind !== 'held').length;
    },
  };
}
