/** First wait in milliseconds; doubles with each attempt. */
const baseMs = 200;
const longestMs = 5_000;
/** A service that asks for more is asked again after this. */
const longestRetryAfterMs = 60_000;

/**
 * Milliseconds before the next attempt: exponential with full jitter, on top of what the service asked for.
 * @param attempt how many failed so far, from 1. @param random evenly distributed from 0 to below 1
 */
export function retryDelay(attempt: number, random: () => number, retryAfterMs = 0): number {
  const ceiling = Math.min(longestMs, baseMs * 2 ** Math.min(attempt - 1, 16));
  return retryAfterMs + ceiling / 4 + random() * ceiling * 0.75;
}

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): seconds or an HTTP date.
 * @param now wall time in milliseconds. @returns milliseconds, at most a minute; `undefined` for what is malformed, negative
 *   or past
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const value = header?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^[0-9]+$/.test(value)) return Math.min(Number(value) * 1_000, longestRetryAfterMs);
  // A date always begins with the name of a day; `Date.parse` alone would take "-5" and the like.
  if (!/^[A-Za-z]{3,9},? /.test(value)) return undefined;
  const wait = Date.parse(value) - now;
  return Number.isNaN(wait) || wait <= 0 ? undefined : Math.min(wait, longestRetryAfterMs);
}
