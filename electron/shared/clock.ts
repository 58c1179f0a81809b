/** Time as the app reads it. Injected everywhere, so that tests move it by hand instead of sleeping. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Monotonic time in milliseconds from an arbitrary start. Never goes back. */
  monotonic(): number;
  /** Runs `run` once after `milliseconds`; calling what is returned cancels it. Never keeps the process alive by itself. */
  schedule(milliseconds: number, run: () => void): () => void;
}

/** The clock's wall time as RFC 3339 in UTC with milliseconds, the form used in every log row and answer. */
export function timestamp(clock: Pick<Clock, 'now'>): string {
  return new Date(clock.now()).toISOString();
}
