import type { Clock } from '../../../shared/clock.ts';

/** First step, in milliseconds. */
const base = 200;
/** Longest wait while the outage is young: an edge that restarts is back within seconds. */
const youngCap = 1_000;
/** How long an outage is young. */
const youngFor = 120_000;
/** Longest wait afterwards. */
const oldCap = 30_000;
/** A connection that held less long does not count as one that worked. */
const steadyAfter = 5_000;

/** Waiting times between attempts: full jitter, from 200 ms, at most 1 s for two minutes, then at most 30 s. */
export interface BackOff {
  /** Milliseconds to wait before the next attempt. `hopeless` goes to the long waits at once. */
  next(hopeless?: boolean): number;
  /** Says that a connection is up, or (false) that it ended. */
  worked(up: boolean): void;
}

/**
 * See {@link BackOff}.
 * @param random evenly distributed from 0 to below 1
 */
export function createBackOff(clock: Pick<Clock, 'monotonic'>, random: () => number): BackOff {
  let attempt = 0;
  let since: number | undefined;
  let upAt: number | undefined;
  return {
    next(hopeless = false) {
      since ??= clock.monotonic();
      const young = clock.monotonic() - since < youngFor;
      if (hopeless) return oldCap / 2 + (random() * oldCap) / 2;
      const ceiling = young ? Math.min(youngCap, base * 2 ** attempt) : Math.min(oldCap, base * 2 ** attempt);
      attempt = Math.min(attempt + 1, 16);
      return random() * ceiling;
    },
    worked(up) {
      if (up) upAt = clock.monotonic();
      else if (upAt !== undefined && clock.monotonic() - upAt >= steadyAfter) {
        attempt = 0;
        since = undefined;
      }
    },
  };
}
