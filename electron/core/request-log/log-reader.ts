import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import * as z from 'zod';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { LogDetail, LogRow } from '../../shared/views.ts';
import type { LogEvent } from './chain.ts';
import { detailOf, readEvent, rowOf, type StoredEvent, unreadableRow } from './log-rows.ts';
import { readSeals } from './seals.ts';
import { firstSeqAt } from './seq-at.ts';

const storedEvent = z.object({
  seq: z.number(),
  at: z.string(),
  kind: z.string(),
  call: z.string().nullable(),
  head: z.number().nullable(),
  body: z.string(),
  hash: z.instanceof(Uint8Array),
});
type HeadEvent = z.infer<typeof storedEvent>;

const columns = 'seq, at, kind, call, head, body, hash';
/** A page ends when its arguments reach this many characters, even if fewer rows than asked for are in it. */
const pageCharacters = 4 * 1_024 * 1_024;
/** Events looked at between two looks at the watch while searching for words. */
const searchWindow = 10_000;
/** A search gives back what it has, and where to go on, after this long: it runs on the event loop. */
const searchMs = 40;

/**
 * A page of the log, newest first. A search for words may end early with fewer rows and a `next`: it never holds the
 * event loop for long.
 */
export function listRows(database: DatabaseSync, query: RequestInput<'log.list'>): RequestOutput<'log.list'> {
  const limit = query.limit ?? 100;
  const words = wordsOf(query.text);
  const lowest = lowestSeq(database, query.since);
  const newest = Number(database.prepare('SELECT coalesce(max(seq), 0) AS n FROM ev').get()?.n);
  const started = performance.now();
  const found: HeadEvent[] = [];
  let before = Math.min(query.before ?? newest + 1, newest + 1);
  for (;;) {
    const floor = words.length > 0 ? Math.max(lowest, before - searchWindow) : lowest;
    found.push(...heads(database, query, words, { before, floor, limit: limit + 1 - found.length }));
    before = floor;
    if (found.length > limit || floor <= lowest || performance.now() - started > searchMs) break;
  }
  const more = found.length > limit;
  const page = withinCharacters(found.slice(0, limit));
  const rows = joined(database, page);
  const last = page.at(-1)?.seq;
  if ((more || page.length < Math.min(found.length, limit)) && last !== undefined) return { rows, next: last };
  return before > lowest ? { rows, next: before } : { rows };
}

/**
 * One row with its result and time line.
 * @param id a call's id, `ev-<seq>` for what is no call, or a `seq`
 * @throws SallyportError `log_row_not_found`
 */
export function showRow(database: DatabaseSync, id: string): LogDetail {
  const bySeq = /^(?:ev-)?(\d{1,15})$/.exec(id);
  const first = (bySeq && headAt(database, Number(bySeq[1]))) ?? headOfCall(database, id);
  if (first === undefined) {
    throw new SallyportError('log_row_not_found', 'app', `The log has no entry ${JSON.stringify(id.slice(0, 80))}.`, {
      hint: 'List what is there: sallyport log list',
    });
  }
  return detailFrom(first, [first, ...laterEvents(database, first.seq)]);
}

/** Every row from the oldest on, for `log export`: read in slices, so that a large log is never in memory. */
export function* exportRows(database: DatabaseSync): Generator<LogDetail> {
  const slice = database.prepare(
    `SELECT ${columns} FROM ev WHERE seq > ? AND kind NOT IN ('answered', 'completed') ORDER BY seq LIMIT 100`,
  );
  let after = lowestSeq(database, undefined) - 1;
  for (;;) {
    const found = z.array(storedEvent).parse(slice.all(after));
    if (found.length === 0) return;
    for (const head of found) {
      yield detailFrom(head, head.call === null ? [head] : [head, ...laterEvents(database, head.seq)]);
      after = head.seq;
    }
  }
}

function detailFrom(first: HeadEvent, events: readonly HeadEvent[]): LogDetail {
  const readable = readAll(events);
  return readable[0] && isHead(readable[0]) ? detailOf(readable) : { ...unreadableRow(first), steps: [] };
}

function heads(
  database: DatabaseSync,
  query: RequestInput<'log.list'>,
  words: readonly string[],
  range: { before: number; floor: number; limit: number },
): HeadEvent[] {
  const conditions = ['seq < ?', 'seq >= ?', "kind NOT IN ('answered', 'completed')"];
  const values: SQLInputValue[] = [range.before, range.floor];
  if (query.server !== undefined) {
    conditions.push('server = ?');
    values.push(query.server);
  }
  if (query.since !== undefined) {
    conditions.push('at >= ?');
    values.push(new Date(query.since).toISOString());
  }
  // A first sieve only: which member holds the word is checked below. Other characters may be escaped in the body.
  for (const word of words.filter((candidate) => /^[a-z0-9./:@-]+$/.test(candidate))) {
    conditions.push('body LIKE ?');
    values.push(`%${word}%`);
  }
  const sql = `SELECT ${columns} FROM ev WHERE ${conditions.join(' AND ')} ORDER BY seq DESC`;
  if (words.length === 0) {
    return z.array(storedEvent).parse(database.prepare(`${sql} LIMIT ?`).all(...values, range.limit));
  }
  const found: HeadEvent[] = [];
  for (const row of database.prepare(sql).iterate(...values)) {
    const head = storedEvent.parse(row);
    if (matches(head, words)) found.push(head);
    if (found.length === range.limit) break;
  }
  return found;
}

function matches(head: HeadEvent, words: readonly string[]): boolean {
  const event = readEvent(head);
  if (!event) return false;
  const { body } = event;
  const searched =
    body.kind === 'decided'
      ? [body.argumentsText, body.tool, body.server, body.agentName, body.agent]
      : 'message' in body
        ? [body.message, body.server]
        : [];
  // Quotation marks are escaped in JSON; people type them as they are.
  const haystack = searched.join('\n').replaceAll('\\"', '"').toLowerCase();
  return words.every((word) => haystack.includes(word));
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
}

/** Smallest seq that can be in the answer: what retention has signed away is gone, deleted yet or not. */
export function lowestSeq(database: DatabaseSync, since: string | undefined): number {
  const kept = (readSeals(database).findLast(({ body }) => body?.kind === 'removed')?.seq ?? 0) + 1;
  return since === undefined ? kept : Math.max(kept, firstSeqAt(database, new Date(since).toISOString()));
}

function withinCharacters(page: readonly HeadEvent[]): HeadEvent[] {
  let total = 0;
  const kept = page.filter((head, index) => {
    total += head.body.length;
    return index === 0 || total <= pageCharacters;
  });
  return kept;
}

function joined(database: DatabaseSync, page: readonly HeadEvent[]): LogRow[] {
  const later = Map.groupBy(
    z
      .array(storedEvent)
      .parse(
        database
          .prepare(`SELECT ${columns} FROM ev WHERE head IN (SELECT value FROM json_each(?)) ORDER BY seq`)
          .all(JSON.stringify(page.flatMap((head) => (head.call === null ? [] : [head.seq])))),
      ),
    (event) => event.head,
  );
  return page.map((head) => {
    const events = readAll([head, ...(later.get(head.seq) ?? [])]);
    return events[0] && isHead(events[0]) ? rowOf(events) : unreadableRow(head);
  });
}

/** Answer and completion of the call that was decided at `seq`. */
function laterEvents(database: DatabaseSync, seq: number): HeadEvent[] {
  return z.array(storedEvent).parse(database.prepare(`SELECT ${columns} FROM ev WHERE head = ? ORDER BY seq`).all(seq));
}

/** The row that an entry belongs to. */
function headAt(database: DatabaseSync, seq: number): HeadEvent | undefined {
  const at = database.prepare(`SELECT ${columns} FROM ev WHERE seq = ?`);
  const found = storedEvent.safeParse(at.get(seq)).data;
  return found?.head === null || found === undefined ? found : storedEvent.safeParse(at.get(found.head)).data;
}

/** The decision on a call, the newest ones first: ids have no index, since that would cost every call. */
function headOfCall(database: DatabaseSync, id: string): HeadEvent | undefined {
  return storedEvent.safeParse(
    database.prepare(`SELECT ${columns} FROM ev WHERE call = ? AND kind = 'decided' ORDER BY seq DESC LIMIT 1`).get(id),
  ).data;
}

function isHead(event: LogEvent): boolean {
  return event.body.kind !== 'answered' && event.body.kind !== 'completed';
}

/** The readable events; nothing at all if the first one is not. */
function readAll(stored: readonly StoredEvent[]): LogEvent[] {
  const events = stored.map(readEvent);
  return events[0] === undefined ? [] : events.filter((event) => event !== undefined);
}
