import type { Clock } from '../../shared/clock.ts';
import type { Probe } from './probe.ts';

/** How often both clocks are read, in milliseconds. */
const lookEveryMs = 5_000;

/** How far wall time may run away from monotonic time, or a timer be late, before it counts, in milliseconds. */
const toleratedMs = 3_000;

/**
 * Notices that the machine slept, or that its clock was set: wall time then moves on without monotonic time (Linux, macOS),
 * or a timer comes much too late (Windows). Connections that were open may be dead without anybody having said so.
 * @param onWake gets how many milliseconds are missing; negative where the clock was set back
 * @returns a function that ends it
 */
export function watchWake(clock: Clock, onWake: (missingMs: number) => void): () => void {
  let wall = clock.now();
  let mono = clock.monotonic();
  let cancel = (): void => {};
  const look = (): void => {
    const wallPassed = clock.now() - wall;
    const monoPassed = clock.monotonic() - mono;
    wall += wallPassed;
    mono += monoPassed;
    const jumped = wallPassed - monoPassed;
    const late = monoPassed - lookEveryMs;
    cancel = clock.schedule(lookEveryMs, look);
    if (Math.abs(jumped) > toleratedMs) onWake(jumped);
    else if (late > toleratedMs) onWake(late);
  };
  cancel = clock.schedule(lookEveryMs, look);
  return () => cancel();
}

/** Shorter gaps are no sleep worth a time of day. */
const sleptMs = 60_000;

/**
 * The one row that the log has of it: `Asleep 12:02–13:10; the first probe after it answered in 12 ms.`
 * @param missingMs as the watch told @param wokeAt wall time in milliseconds
 */
export function wokeWords(missingMs: number, wokeAt: number, probe: Probe): string {
  const result = probe.ok
    ? `answered in ${Math.round(probe.ms)} ms`
    : `failed at ${probe.hop ?? 'the edge'}${probe.detail ? `: ${probe.detail}` : ''}`;
  const what =
    missingMs >= sleptMs
      ? `Asleep ${timeOfDay(wokeAt - missingMs)}–${timeOfDay(wokeAt)}`
      : `Time moved by ${(missingMs / 1_000).toFixed(0)} s without us`;
  return `${what}; the first probe after it ${result}.`;
}

/** `13:10` where the machine is. */
function timeOfDay(at: number): string {
  return new Date(at).toTimeString().slice(0, 5);
}
