import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import * as z from 'zod';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { LogDetail, LogRow } from '../../shared/views.ts';
import type { LogEvent } from './chain.ts';
import { detailOf, readEvent, rowOf, type StoredEvent, unreadableRow } from './log-rows.ts';
import { removedSeal } from './seals.ts';
import type { IndexReader } from './search-index.ts';
import { callQuery, hasWords, indexQuery, wordsOf } from './search-text.ts';
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
/** A search gives back what it has, and where to go on, after this long where nothing else is said. */
const defaultSearchMs = 40;

/** What helps with a search, and how long it may take. */
export interface SearchHelp {
  /** Without it the log itself is gone through. */
  readonly index?: IndexReader | undefined;
  readonly milliseconds?: number;
}

type Query = RequestInput<'log.list'>;

/**
 * A page of the log, newest first. A search may end early with fewer rows and a `next`: it never takes long.
 */
export function listRows(database: DatabaseSync, query: Query, help: SearchHelp = {}): RequestOutput<'log.list'> {
  const limit = query.limit ?? 100;
  const lowest = lowestSeq(database, query.since);
  const newest = Number(database.prepare('SELECT coalesce(max(seq), 0) AS n FROM ev').get()?.n);
  const until = query.until === undefined ? newest + 1 : firstSeqAt(database, justAfter(query.until));
  const deadline = performance.now() + (help.milliseconds ?? defaultSearchMs);
  const words = wordsOf(query.text);
  const match = help.index ? indexQuery(query) : undefined;
  const indexed = match === undefined ? 0 : (help.index?.upto() ?? 0);
  const found: HeadEvent[] = [];
  let before = Math.min(query.before ?? newest + 1, newest + 1, until);
  // What is not in the index yet, or all of it where there is none: read from the log, newest first.
  const scanned = Math.max(lowest, indexed + 1);
  while (before > scanned && found.length <= limit && performance.now() < deadline) {
    const floor = sifts(query) ? Math.max(scanned, before - searchWindow) : scanned;
    found.push(...heads(database, query, words, { before, floor, limit: limit + 1 - found.length }));
    before = floor;
  }
  if (match !== undefined && help.index && found.length <= limit && before <= scanned) {
    const at = database.prepare(`SELECT ${columns} FROM ev WHERE seq = ?`);
    const open = help.index.openCalls();
    before = Math.min(before, indexed + 1);
    while (before > lowest && found.length <= limit && performance.now() < deadline) {
      const want = Math.max(limit + 1 - found.length, 50);
      const seqs = help.index.find(match, before, lowest, want);
      const floor = seqs.length < want ? lowest : (seqs.at(-1) ?? lowest);
      const both = [...seqs, ...open.filter((seq) => seq < before && seq >= floor)].sort((a, b) => b - a);
      for (const seq of both) {
        const head = storedEvent.safeParse(at.get(seq)).data;
        if (head && matches(database, head, query, words)) found.push(head);
        if (found.length > limit) break;
      }
      before = floor;
    }
  }
  const more = found.length > limit;
  const page = withinCharacters(found.slice(0, limit));
  const rows = joined(database, page);
  const last = page.at(-1)?.seq;
  if ((more || page.length < Math.min(found.length, limit)) && last !== undefined) return { rows, next: last };
  return before > lowest ? { rows, next: before } : { rows };
}

/** Times are stored to the millisecond; a moment belongs to what is up to it. */
function justAfter(until: string): string {
  return new Date(Date.parse(until) + 1).toISOString();
}

/** Whether a filter looks at more than the newest rows: those are gone through a window at a time. */
function sifts(query: Query): boolean {
  return (['text', 'agent', 'server', 'tool', 'decision', 'outcome'] as const).some(
    (name) => query[name] !== undefined,
  );
}

/**
 * One row with its result and time line.
 * @param id a call's id, `ev-<seq>` for what is no call, or a `seq`
 * @throws SallyportError `log_row_not_found`
 */
export function showRow(database: DatabaseSync, id: string, index?: IndexReader): LogDetail {
  const bySeq = /^(?:ev-)?(\d{1,15})$/.exec(id);
  const first = (bySeq && headAt(database, Number(bySeq[1]))) ?? headOfCall(database, id, index);
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
  query: Query,
  words: readonly string[],
  range: { before: number; floor: number; limit: number },
): HeadEvent[] {
  const conditions = ['seq < ?', 'seq >= ?', "kind NOT IN ('answered', 'completed')"];
  const values: SQLInputValue[] = [range.before, range.floor];
  for (const name of ['server', 'tool', 'decision'] as const) {
    const value = query[name];
    if (value === undefined) continue;
    conditions.push(`${name} = ? COLLATE NOCASE`);
    values.push(value);
  }
  // A first sieve only: which member holds the word is checked below. Other characters may be escaped in the body.
  for (const word of words.filter((candidate) => /^[a-z0-9.:@-]+$/.test(candidate))) {
    conditions.push('body LIKE ?');
    values.push(`%${word}%`);
  }
  const sql = `SELECT ${columns} FROM ev WHERE ${conditions.join(' AND ')} ORDER BY seq DESC`;
  const found: HeadEvent[] = [];
  for (const row of database.prepare(sql).iterate(...values)) {
    const head = storedEvent.parse(row);
    if (matches(database, head, query, words)) found.push(head);
    if (found.length === range.limit) break;
  }
  return found;
}

/** Whether a row is what was asked for; the index only proposes. */
function matches(database: DatabaseSync, head: HeadEvent, query: Query, words: readonly string[]): boolean {
  if (query.since !== undefined && head.at < new Date(query.since).toISOString()) return false;
  if (query.until !== undefined && head.at >= justAfter(query.until)) return false;
  if (!sifts(query)) return true;
  const body = readEvent(head)?.body;
  if (!body || !hasWords(body, words)) return false;
  if (query.server !== undefined && body.server !== query.server) return false;
  const { agent, tool, decision, outcome } = query;
  if (agent === undefined && tool === undefined && decision === undefined && outcome === undefined) return true;
  if (body.kind !== 'decided') return false;
  if (agent !== undefined && !same(agent, body.agent) && !same(agent, body.agentName)) return false;
  if (tool !== undefined && !same(tool, body.tool)) return false;
  if (decision !== undefined && body.decision !== decision) return false;
  if (outcome === undefined) return true;
  const end = database.prepare("SELECT decision FROM ev WHERE head = ? AND kind = 'completed'").get(head.seq);
  return end?.decision === outcome;
}

function same(wanted: string, there: string | undefined): boolean {
  return there?.toLowerCase() === wanted.toLowerCase();
}

/** Smallest seq that can be in the answer: what retention has signed away is gone, deleted yet or not. */
export function lowestSeq(database: DatabaseSync, since: string | undefined): number {
  const kept = (removedSeal(database)?.seq ?? 0) + 1;
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

/** The decision on a call: by the index, else by going through the log from its end. */
function headOfCall(database: DatabaseSync, id: string, index: IndexReader | undefined): HeadEvent | undefined {
  const decided = `SELECT ${columns} FROM ev WHERE call = ? AND kind = 'decided'`;
  const proposed = index ? [...index.find(callQuery(id), Number.MAX_SAFE_INTEGER, 0, 3), ...index.openCalls()] : [];
  for (const seq of proposed) {
    const head = storedEvent.safeParse(database.prepare(`${decided} AND seq = ?`).get(id, seq)).data;
    if (head) return head;
  }
  return storedEvent.safeParse(
    database.prepare(`${decided} AND seq > ? ORDER BY seq DESC LIMIT 1`).get(id, index?.upto() ?? 0),
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
