/** Times and numbers in the person's own locale; fixed shapes where columns must line up. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortClock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const number = new Intl.NumberFormat();

/** Whether this locale writes `02:31:07 PM`: columns of times are wider then. */
export const twelveHours = clock.resolvedOptions().hour12 === true;

/** `14:31:07` */
export function formatClock(at: string): string {
  return clock.format(new Date(at));
}

/** `14:31` */
export function formatShortClock(at: string | number): string {
  return shortClock.format(new Date(at));
}

/** `20 Feb 2026` */
export function formatDay(at: string): string {
  return day.format(new Date(at));
}

/** Date and time in full, for tooltips and details. */
export function formatFull(at: string): string {
  return dayAndClock.format(new Date(at));
}

/** `1,204` */
export function formatNumber(value: number): string {
  return number.format(value);
}

/** `14 s ago`, `3 min ago`, `2 h ago`, else the day. */
export function formatAgo(at: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3_600)} h ago`;
  return formatDay(at);
}

/** What is left until `at`: `2 h left`, `12 min left`, `3 days left`. */
export function formatLeft(at: string, now: number): string {
  const seconds = Math.max(0, Math.round((Date.parse(at) - now) / 1_000));
  if (seconds < 60) return `${seconds} s left`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min left`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h left`;
  return `${Math.round(seconds / 86_400)} days left`;
}

/** `0:41` */
export function formatCountdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** `12 ms`, `1.4 s`, `2 min 5 s` */
export function formatTook(milliseconds: number): string {
  if (milliseconds < 1) return '<1 ms';
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1_000)} s`;
}

/** `214 B`, `1.2 kB`, `3.4 MB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
