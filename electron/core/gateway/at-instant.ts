import type { Clock } from '../../shared/clock.ts';

/** Timers of the platform overflow after 24.8 days, and stand still while the machine sleeps: look again every hour. */
const longestMs = 60 * 60_000;

/**
 * Runs `run` once when the wall clock reaches `instant` (milliseconds since the epoch), at once if it is past; calling what
 * is returned cancels it.
 */
export function atInstant(clock: Clock, instant: number, run: () => void): () => void {
  let stop: () => void = () => {};
  const arm = (): void => {
    stop = clock.schedule(Math.min(Math.max(0, instant - clock.now()), longestMs), () => {
      if (clock.now() >= instant) run();
      else arm();
    });
  };
  arm();
  return () => stop();
}
