import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { checkpointsBetween, removedSeal, storeSeal } from './seals.ts';
import { firstSeqAt } from './seq-at.ts';

/** How much of the log is kept. */
export interface LogLimits {
  readonly days: number;
  /** Bytes of the entries in the file; what is freed is used again, the file itself does not shrink. */
  readonly bytes: number;
}

/** The defaults of `design.md` §7. */
export const defaultLogLimits: LogLimits = { days: 90, bytes: 1_024 * 1_024 * 1_024 };

/** What a round of retention took away. */
export interface Removed {
  readonly entries: number;
  /** When the newest of them was written. */
  readonly upTo: string;
  /** What it was for. */
  readonly because: 'age' | 'size';
}

/** Takes old entries away so that the rest still verifies. */
export interface Retention {
  /**
   * Signs what goes, then deletes it a little at a time. Only whole segments between checkpoints go, and never the newest
   * one. @param open the first event of the oldest call that is under way
   * @returns what will be gone; undefined if all may stay. @throws what SQLite throws
   */
  run(limits: LogLimits, open: number | undefined): Removed | undefined;
  usedBytes(): number;
  /** Stops deleting; the rest goes at the next start. */
  close(): void;
}

/** Rows deleted at once, so that a call waits for no more than that. */
const sliceRows = 100;
const pauseMs = 20;
/** After a removal for size this share of the limit is in use, so that not every call causes the next one. */
const refill = 0.9;

/** Takes up a removal that the last run did not finish. */
export function createRetention(
  database: DatabaseSync,
  deps: { readonly clock: Clock; readonly sealKey: KeyObject; readonly onTrouble: (error: unknown) => void },
): Retention {
  const { clock, sealKey, onTrouble } = deps;
  // What was taken away is not to be found in the file's free pages either.
  database.exec('PRAGMA secure_delete = ON');
  const size = database.prepare('PRAGMA page_size').get()?.page_size;
  const remove = database.prepare(
    'DELETE FROM ev WHERE seq IN (SELECT seq FROM ev WHERE seq <= ? ORDER BY seq LIMIT ?)',
  );
  let cancel = (): void => {};
  let closed = false;

  const base = () => removedSeal(database);
  const deleteUpTo = (seq: number): void => {
    cancel();
    if (closed) return;
    try {
      if (Number(remove.run(seq, sliceRows).changes) === sliceRows) {
        cancel = clock.schedule(pauseMs, () => deleteUpTo(seq));
      }
    } catch (error) {
      onTrouble(error);
    }
  };
  const usedBytes = (): number => {
    const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count);
    return (pages - Number(database.prepare('PRAGMA freelist_count').get()?.freelist_count)) * Number(size);
  };

  const unfinished = base();
  if (unfinished) cancel = clock.schedule(pauseMs, () => deleteUpTo(unfinished.seq));

  return {
    run(limits, open) {
      const before = base();
      const gone = before?.seq ?? 0;
      const newest = Number(database.prepare('SELECT coalesce(max(seq), 0) AS n FROM ev').get()?.n);
      const old = firstSeqAt(database, new Date(clock.now() - limits.days * 86_400_000).toISOString()) - 1;
      const used = usedBytes();
      const tooMany = used > limits.bytes ? Math.ceil(((newest - gone) * (used - limits.bytes * refill)) / used) : 0;
      const ends = checkpointsBetween(database, gone, Math.min(newest, open ?? newest));
      const forAge = ends.findLast(({ seq }) => seq <= old);
      const forSize = tooMany > 0 ? (ends.find(({ seq }) => seq >= gone + tooMany) ?? ends.at(-1)) : undefined;
      const cut = (forSize?.seq ?? 0) > (forAge?.seq ?? 0) ? forSize : forAge;
      if (!cut) return undefined;
      const at = database.prepare('SELECT at FROM ev WHERE seq = ?').get(cut.seq)?.at;
      const upTo = at === undefined ? cut.at : String(at);
      const entries = (before?.entries ?? 0) + cut.seq - gone;
      database.exec('PRAGMA synchronous = FULL; BEGIN');
      try {
        storeSeal(
          database,
          { kind: 'removed', seq: cut.seq, hash: cut.hash, at: timestamp(clock), entries, upTo },
          sealKey,
        );
        database.prepare('DELETE FROM seal WHERE seq < ?').run(cut.seq);
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
      deleteUpTo(cut.seq);
      return { entries: cut.seq - gone, upTo, because: cut.seq <= old ? 'age' : 'size' };
    },
    usedBytes,
    close() {
      closed = true;
      cancel();
    },
  };
}
