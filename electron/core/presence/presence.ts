import { type Clock, timestamp } from '../../shared/clock.ts';
import { formatDuration } from '../../shared/duration.ts';
import type { PresenceView } from '../../shared/views.ts';

/** Why nobody answers now, for the agent, and when asking again makes sense. */
export interface Absence {
  readonly reason: string;
  /** Milliseconds. */
  readonly retryAfterMs: number;
}

/** What is counted while the person is away, for the summary on return. */
export interface AwayFacts {
  /** Calls that ended since then by having run. */
  readonly ran: () => number;
  /** Questions that nobody answered in time since then. */
  readonly expired: () => number;
  /** Questions that wait now. */
  readonly waiting: () => number;
}

/** Whether the person is at the desk (`ui.md`, Not at the desk). */
export interface Presence {
  view(): PresenceView;
  /** Set while questions are answered at once with "the person is away". */
  absence(): Absence | undefined;
  /** The person goes. @param forMs until when, if known; at most a day @param by hand, or after idle minutes */
  leave(by: 'hand' | 'idle', forMs?: number): void;
  /** The person is back, and hears what happened. */
  comeBack(): void;
  /** The summary was read. */
  dismissSummary(): void;
  /** Others see the screen: who and the verb, no values. */
  present(on: boolean): void;
  /** The screen was locked or unlocked: what asks waits unseen meanwhile. */
  lock(on: boolean): void;
  /**
   * How long keyboard and mouse were not touched: after the person's minutes that means away, and a touch ends it.
   * What was said by hand is ended by hand.
   */
  idle(ms: number): void;
  onChange(listener: () => void): () => void;
  /** The screen was locked. */
  onLock(listener: () => void): () => void;
  /** Leaving and coming back, told before {@link onChange}. */
  onAway(listener: (away: boolean) => void): () => void;
  close(): void;
}

/** How long an agent is told to wait where nobody knows when the person comes back. */
const unknownReturnMs = 15 * 60_000;
/** A touch this recent means that the person is there. */
const touchedMs = 30_000;
const longestMs = 24 * 3_600_000;

/** Makes it: at the desk, until told otherwise. Nothing is kept over a restart, since whoever starts an app is there. */
export function createPresence(deps: {
  readonly clock: Clock;
  /** Idle time after which the person counts as away, milliseconds; 0 = never. */
  readonly awayAfterMs: () => number;
  /** Begins to count; called at each leaving. */
  readonly count: () => AwayFacts & { stop(): void };
}): Presence {
  const { clock } = deps;
  const listeners = new Set<() => void>();
  const lockListeners = new Set<() => void>();
  const awayListeners = new Set<(away: boolean) => void>();
  let away: PresenceView['away'];
  let summary: PresenceView['summary'];
  let counting: ReturnType<typeof deps.count> | undefined;
  let cancelReturn = (): void => {};
  let locked = false;
  let presenting = false;

  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const comeBack = (): void => {
    if (!away) return;
    cancelReturn();
    const facts = counting;
    const { at } = away;
    away = undefined;
    for (const listener of [...awayListeners]) listener(false);
    if (facts) {
      const [ran, waiting, expired] = [facts.ran(), facts.waiting(), facts.expired()];
      facts.stop();
      summary = ran + waiting + expired === 0 ? undefined : { from: at, to: timestamp(clock), ran, waiting, expired };
    }
    counting = undefined;
    changed();
  };

  const leave = (by: 'hand' | 'idle', forMs?: number): void => {
    cancelReturn();
    const until = forMs === undefined ? undefined : clock.now() + Math.min(forMs, longestMs);
    away = {
      at: away?.at ?? timestamp(clock),
      by,
      ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    };
    if (until !== undefined) cancelReturn = clock.schedule(until - clock.now(), comeBack);
    if (!counting) {
      summary = undefined;
      counting = deps.count();
      for (const listener of [...awayListeners]) listener(true);
    }
    changed();
  };

  return {
    view: () => ({ ...(away ? { away } : {}), locked, presenting, ...(summary ? { summary } : {}) }),
    absence() {
      if (!away) return undefined;
      if (away.until === undefined) {
        return { reason: 'The person is away until they are back at the desk.', retryAfterMs: unknownReturnMs };
      }
      const left = Math.max(1_000, Date.parse(away.until) - clock.now());
      const about = formatDuration(Math.ceil(left / 60_000) * 60_000);
      return { reason: `The person is away until ${away.until}, in about ${about}.`, retryAfterMs: left };
    },
    leave,
    comeBack,
    dismissSummary() {
      summary = undefined;
      changed();
    },
    present(on) {
      if (presenting === on) return;
      presenting = on;
      changed();
    },
    lock(on) {
      if (locked === on) return;
      locked = on;
      if (on) for (const listener of [...lockListeners]) listener();
      changed();
    },
    idle(ms) {
      const after = deps.awayAfterMs();
      if (away) {
        if (away.by === 'idle' && ms < touchedMs && !locked) comeBack();
      } else if (after > 0 && ms >= after) leave('idle');
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onLock(listener) {
      lockListeners.add(listener);
      return () => lockListeners.delete(listener);
    },
    onAway(listener) {
      awayListeners.add(listener);
      return () => awayListeners.delete(listener);
    },
    close() {
      cancelReturn();
      counting?.stop();
      counting = undefined;
    },
  };
}
