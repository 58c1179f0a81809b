import type { Clock } from '../electron/shared/clock.ts';

/** A clock that stands still until a test moves it; timers fire in order while it moves. */
export function createManualClock(start = Date.parse('2026-11-22T12:00:00Z')): Clock & {
  /** Moves wall and monotonic time on, firing what falls due, in order. */
  advance(milliseconds: number): void;
  /** Jumps wall time only, as a corrected clock does; timers do not notice. */
  jump(milliseconds: number): void;
  /** How many timers are armed. */
  readonly pending: number;
} {
  let wall = start;
  let mono = 0;
  let timers: { at: number; run: () => void }[] = [];
  return {
    now: () => wall,
    monotonic: () => mono,
    schedule(milliseconds, run) {
      const timer = { at: mono + Math.max(0, milliseconds), run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(milliseconds) {
      const end = mono + milliseconds;
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!due) break;
        timers = timers.filter((timer) => timer !== due);
        wall += due.at - mono;
        mono = due.at;
        due.run();
      }
      wall += end - mono;
      mono = end;
    },
    jump(milliseconds) {
      wall += milliseconds;
    },
    get pending() {
      return timers.length;
    },
  };
}
