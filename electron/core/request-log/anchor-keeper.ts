import { type Clock, timestamp } from '../../shared/clock.ts';
import type { DatabaseFile } from '../state/database-file.ts';
import type { LogAnchor, LogKeys } from './log-keys.ts';
import { removedSeal } from './seals.ts';
import type { ChainTail } from './verify-chain.ts';

/** Cuts that are remembered. */
const mostMissing = 20;

/** Keeps the newest checkpoint in secrets, and sees at a start whether the file lost what had been signed. */
export interface AnchorKeeper {
  /** Compares the file with what secrets know. @returns the sentence to log where entries are missing */
  compare(file: DatabaseFile, tail: ChainTail): string | undefined;
  /** Stores a new place; never throws. */
  keep(tail: ChainTail): void;
  witness(): { anchor?: LogAnchor };
  /** Resolves when what was kept is stored, or could not be. */
  settled(): Promise<void>;
}

/** Begins with the anchor that secrets hold. */
export function createAnchorKeeper(deps: {
  readonly keys: Pick<LogKeys, 'anchor' | 'keepAnchor'>;
  readonly clock: Pick<Clock, 'now'>;
  /** How long a cut that was found is remembered, milliseconds. */
  readonly rememberMs: () => number;
  readonly onTrouble: (error: unknown) => void;
}): AnchorKeeper {
  const { keys, clock, onTrouble } = deps;
  let anchor = keys.anchor;
  let queue: Promise<void> = Promise.resolve();
  let waiting = false;
  return {
    compare({ database, keptAside }, tail) {
      // A file that was put aside begins anew, and the log says so itself.
      if (!anchor || keptAside !== undefined) {
        anchor = undefined;
        return undefined;
      }
      const { newest, missing } = anchor;
      if (isThere(database, newest)) return undefined;
      const foundAt = timestamp(clock);
      const after = Math.min(tail.seq, newest.seq - 1);
      anchor = { newest, missing: [...missing, { ...newest, after, foundAt }].slice(-mostMissing) };
      return `Entries are missing in the log: it had ${newest.seq} at ${newest.at}, and the file ends with ${tail.seq} or says otherwise.`;
    },
    keep(tail) {
      const newest = { seq: tail.seq, hash: Buffer.from(tail.hash).toString('hex'), at: timestamp(clock) };
      const since = new Date(clock.now() - deps.rememberMs()).toISOString();
      anchor = { newest, missing: (anchor?.missing ?? []).filter(({ foundAt }) => foundAt >= since) };
      // One that waits takes the newest along.
      if (waiting) return;
      waiting = true;
      queue = queue.then(async () => {
        waiting = false;
        if (anchor) await keys.keepAnchor(anchor).catch(onTrouble);
      });
    },
    witness: () => (anchor ? { anchor } : {}),
    settled: () => queue,
  };
}

function isThere(database: DatabaseFile['database'], place: LogAnchor['newest']): boolean {
  const found = database.prepare('SELECT hash FROM ev WHERE seq = ?').get(place.seq)?.hash;
  if (found instanceof Uint8Array) return Buffer.from(found).toString('hex') === place.hash;
  return (removedSeal(database)?.seq ?? 0) >= place.seq;
}
