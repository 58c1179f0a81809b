import type { DatabaseSync } from 'node:sqlite';

/**
 * The `seq` from which on entries are of a moment or later, found by halving: times grow with `seq`, and an index on them
 * would cost every call. Where the clock was set back, entries of that stretch may be missed or come too early.
 * @param from RFC 3339 with milliseconds, UTC
 * @returns a `seq` behind the newest one if nothing is as new
 */
export function firstSeqAt(database: DatabaseSync, from: string): number {
  // Two questions: one for both would read every row.
  const ends = database.prepare('SELECT (SELECT min(seq) FROM ev) AS low, (SELECT max(seq) FROM ev) AS high').get();
  let low = Number(ends?.low ?? 1);
  let high = Number(ends?.high ?? 0) + 1;
  const next = database.prepare('SELECT seq, at FROM ev WHERE seq >= ? ORDER BY seq LIMIT 1');
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = next.get(middle);
    if (found !== undefined && String(found.at) < from) low = Number(found.seq) + 1;
    else high = middle;
  }
  return low;
}
