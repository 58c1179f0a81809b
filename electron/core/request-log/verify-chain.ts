import { timingSafeEqual } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { RequestOutput } from '../../shared/contract.ts';
import { chainHash, genesisHash, indexedColumns } from './chain.ts';
import type { LogAnchor } from './log-keys.ts';
import { readSeals, type SealBody } from './seals.ts';

/** Result of a check of the whole chain. `rows` counts events. */
export type Verification = RequestOutput<'log.verify'>;

/** The newest event as the writer knows it. */
export interface ChainTail {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** What is known of the log from elsewhere than its file. */
export interface Witness {
  /** What the running writer knows to be the newest event. */
  readonly tail?: ChainTail;
  /** Public key of this installation, as seals name it; without it a seal may have been signed by anybody. */
  readonly key?: string;
  readonly anchor?: LogAnchor;
}

const row = z.looseObject({ seq: z.number(), at: z.string(), body: z.string(), hash: z.instanceof(Uint8Array) });
type Row = z.infer<typeof row>;
const bodyShape = z.record(z.string(), z.unknown());
const removedAt = (seq: number, why: string) => ({ badSeq: seq, why, damage: 'removed' as const });
const changedAt = (seq: number, why: string) => ({ badSeq: seq, why, damage: 'changed' as const });
const cutAt = (seq: number, why: string) => ({ badSeq: seq, why, damage: 'cut' as const });
const forgedAt = (seq: number, why: string) => ({ badSeq: seq, why, damage: 'checkpoint' as const });
type Finding = { badSeq: number; why: string; damage: NonNullable<Verification['damage']> };

/**
 * Recomputes every hash, compares each column with the body, looks for gaps, checks every seal, and compares the end with what
 * writer and secrets know. The first thing that is wrong is told. Takes seconds for a million entries: in a worker.
 */
export function verifyChain(database: DatabaseSync, witness: Witness = {}): Verification {
  // One snapshot, whatever is appended or removed meanwhile.
  database.exec('BEGIN');
  try {
    return walk(database, witness);
  } finally {
    database.exec('ROLLBACK');
  }
}

function walk(database: DatabaseSync, { tail, key, anchor }: Witness): Verification {
  const seals = readSeals(database);
  const forged = seals.find((seal) => !seal.signed || (key !== undefined && seal.body?.key !== key));
  const bodies = seals.flatMap(({ body }) => (body ? [body] : []));
  const base = bodies.findLast((body) => body.kind === 'removed');
  const checkpoints = bodies.filter((body) => body.kind === 'checkpoint' && body.seq > (base?.seq ?? 0));
  const said = {
    checkpoints: checkpoints.length,
    signedBy: bodies.length === 0 ? ('nobody' as const) : key === undefined ? ('unproven' as const) : ('us' as const),
    ...(base?.entries === undefined ? {} : { removed: { entries: base.entries, upTo: base.upTo ?? base.at } }),
  };
  const chain = walkRows(database, { base, checkpoints, end: tail?.seq ?? Number.MAX_SAFE_INTEGER });
  const result = { ...chain.span, ...said };
  const finding =
    (forged && forgedAt(forged.seq, 'its checkpoint was not signed by this installation')) ??
    chain.finding ??
    atTheEnd(database, chain, { tail, checkpoints, anchor, base });
  return finding ? { ...result, ok: false, ...finding } : { ...result, ok: true };
}

interface Walked {
  readonly span: Pick<Verification, 'rows' | 'first' | 'last'>;
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly finding?: Finding;
}

function walkRows(
  database: DatabaseSync,
  known: { base: SealBody | undefined; checkpoints: readonly SealBody[]; end: number },
): Walked {
  const { base } = known;
  let seq = base?.seq ?? 0;
  let hash: Uint8Array = base ? Buffer.from(base.hash, 'hex') : genesisHash;
  let span: Walked['span'] = { rows: 0 };
  /** The last entry that a signature vouches for: what was written anew lies behind it. */
  let vouched = seq;
  const signed = new Map(known.checkpoints.map((body) => [body.seq, body.hash]));
  const callOf = database.prepare('SELECT call FROM ev WHERE seq = ?');
  // A seq below 1 is not ours; without a base the walk starts there so that it is found. What retention has signed away and
  // not yet deleted is none of the chain any more.
  const from = base?.seq ?? Number.MIN_SAFE_INTEGER;
  const rows = database.prepare('SELECT * FROM ev WHERE seq > ? AND seq <= ? ORDER BY seq').iterate(from, known.end);
  for (const stored of rows) {
    const stop = (finding: Finding): Walked => ({ span, seq, hash, finding });
    const parsed = row.safeParse(stored);
    if (!parsed.success) return stop(changedAt(Number(stored.seq), 'an entry has a column of the wrong type'));
    const current = parsed.data;
    if (current.seq !== seq + 1) {
      const last = current.seq - 1;
      return stop(
        removedAt(seq + 1, last > seq + 1 ? `entries ${seq + 1} to ${last} are missing` : 'this entry is missing'),
      );
    }
    const expected = chainHash(hash, current.body);
    if (current.hash.length !== expected.length || !timingSafeEqual(current.hash, expected)) {
      return stop(changedAt(current.seq, 'its hash does not follow from the entry before and its own text'));
    }
    const column = differingColumn(current, (head) => (head <= from ? 'removed' : callOf.get(head)?.call));
    if (column !== undefined)
      return stop(changedAt(current.seq, `its column "${column}" differs from what was hashed`));
    const sealed = signed.get(current.seq);
    if (sealed !== undefined && sealed !== Buffer.from(expected).toString('hex')) {
      return stop(
        changedAt(
          vouched + 1,
          `entries ${vouched + 1} to ${current.seq} were written anew: the checkpoint says otherwise`,
        ),
      );
    }
    if (sealed !== undefined) vouched = current.seq;
    hash = expected;
    seq = current.seq;
    span = { rows: span.rows + 1, first: span.first ?? current.at, last: current.at };
  }
  return { span, seq, hash };
}

function atTheEnd(
  database: DatabaseSync,
  { seq, hash }: Walked,
  known: {
    tail: ChainTail | undefined;
    checkpoints: readonly SealBody[];
    anchor: LogAnchor | undefined;
    base: SealBody | undefined;
  },
): Finding | undefined {
  const { tail, checkpoints, anchor, base } = known;
  if (tail && seq < tail.seq) return cutAt(seq + 1, 'entries are missing at the end');
  if (tail && !timingSafeEqual(tail.hash, hash))
    return changedAt(seq, 'the newest entry is not the one that was written');
  const last = checkpoints.at(-1);
  if (last && last.seq > seq) return cutAt(seq + 1, `entries are missing at the end: there were ${last.seq}`);
  if (!anchor) return undefined;
  const { newest, missing } = anchor;
  const lost = missing[0];
  if (lost) {
    return cutAt(
      lost.after + 1,
      `entries up to ${lost.seq} (${lost.at}) had been cut off when Sallyport started at ${lost.foundAt}`,
    );
  }
  if (newest.seq > seq)
    return cutAt(seq + 1, `entries are missing at the end: there were ${newest.seq} at ${newest.at}`);
  if (newest.seq <= (base?.seq ?? 0)) return undefined;
  const there = database.prepare('SELECT hash FROM ev WHERE seq = ?').get(newest.seq)?.hash;
  if (!(there instanceof Uint8Array) || Buffer.from(there).toString('hex') !== newest.hash) {
    return changedAt(newest.seq, 'it is not the entry that was signed last');
  }
  if (!checkpoints.some((body) => body.seq === newest.seq))
    return forgedAt(newest.seq, 'its checkpoint was taken away');
  return undefined;
}

function differingColumn(stored: Row, callAt: (seq: number) => unknown): string | undefined {
  let body: Record<string, unknown>;
  try {
    body = bodyShape.parse(JSON.parse(stored.body));
  } catch {
    return 'body';
  }
  return indexedColumns.find((column) => {
    const value = stored[column] ?? undefined;
    // What version 1 wrote names no head; the upgrade joined it to the decision on the same call.
    if (column === 'head' && body.head === undefined && typeof value === 'number') {
      const call = callAt(value);
      return call !== 'removed' && call !== body.call;
    }
    return value !== body[column];
  });
}
