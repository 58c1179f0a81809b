import { timingSafeEqual } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import * as z from 'zod';
import type { RequestOutput } from '../../shared/contract.ts';
import { chainHash, genesisHash, indexedColumns } from './chain.ts';

/** Result of a check of the whole chain. `rows` counts events. */
export type Verification = RequestOutput<'log.verify'>;

/** The newest event as the writer knows it. */
export interface ChainTail {
  readonly seq: number;
  readonly hash: Uint8Array;
}

const sliceRows = 64;
/** Longest stretch on the event loop before others get their turn. */
const turnMs = 10;

const row = z.looseObject({ seq: z.number(), at: z.string(), body: z.string(), hash: z.instanceof(Uint8Array) });
const bodyShape = z.record(z.string(), z.unknown());

/**
 * Recomputes every hash from the first event on, compares each indexed column with the body, and looks for gaps. Works
 * in slices, so that the event loop is never held for long.
 * @param tail what the writer knows to be the newest event; with it a cut end is found too
 */
export async function verifyChain(database: DatabaseSync, tail?: ChainTail): Promise<Verification> {
  const slice = database.prepare('SELECT * FROM ev WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?');
  const end = tail?.seq ?? Number.MAX_SAFE_INTEGER;
  let result: Verification = { ok: true, rows: 0 };
  let hash: Uint8Array = genesisHash;
  let seq = 0;
  let turn = performance.now();
  const bad = (badSeq: number, why: string): Verification => ({ ...result, ok: false, badSeq, why });
  for (;;) {
    // A seq below 1 is not ours; the walk starts there so that it is found.
    const found = slice.all(result.rows === 0 ? Number.MIN_SAFE_INTEGER : seq, end, sliceRows);
    for (const stored of found) {
      const parsed = row.safeParse(stored);
      if (!parsed.success) return bad(Number(stored.seq), 'an entry has a column of the wrong type');
      const current = parsed.data;
      if (current.seq !== seq + 1) return bad(seq + 1, 'this entry is missing');
      const expected = chainHash(hash, current.body);
      if (current.hash.length !== expected.length || !timingSafeEqual(current.hash, expected)) {
        return bad(current.seq, 'its hash does not follow from the entry before and its own text');
      }
      const column = differingColumn(current);
      if (column !== undefined) return bad(current.seq, `its column "${column}" differs from what was hashed`);
      hash = expected;
      seq = current.seq;
      result = { ok: true, rows: result.rows + 1, first: result.first ?? current.at, last: current.at };
    }
    if (found.length < sliceRows) break;
    if (performance.now() - turn > turnMs) {
      await setImmediate();
      turn = performance.now();
    }
  }
  if (tail && seq < tail.seq) return bad(seq + 1, 'entries are missing at the end');
  if (tail && !timingSafeEqual(tail.hash, hash)) return bad(seq, 'the newest entry is not the one that was written');
  return result;
}

function differingColumn(stored: z.infer<typeof row>): string | undefined {
  let body: Record<string, unknown>;
  try {
    body = bodyShape.parse(JSON.parse(stored.body));
  } catch {
    return 'body';
  }
  return indexedColumns.find((column) => (stored[column] ?? undefined) !== body[column]);
}
