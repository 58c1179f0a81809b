import { timingSafeEqual } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type EventBody, eventBody } from './chain.ts';
import { lowestSeq } from './log-reader.ts';
import { callTags, noteTags, searchedText } from './search-text.ts';

const indexVersion = 1;
const batchEvents = 2_000;
const schema = `
CREATE TABLE place(id INTEGER PRIMARY KEY CHECK (id = 1), upto INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE open(seq INTEGER PRIMARY KEY);
CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail=none, prefix='3');
PRAGMA user_version = ${indexVersion}`;

/** Where the index stands, and how it answers; the same for the one that writes it and those that only read. */
export interface IndexReader {
  /** Everything up to this `seq` is in it. */
  upto(): number;
  /** Calls up to there that had not ended yet. */
  openCalls(): number[];
  /** @param match in FTS5's language. @returns newest first */
  find(match: string, below: number, from: number, limit: number): number[];
}

/** The index of the log's texts, aside in a file of its own: made from the log alone, and made anew where it does not fit. */
export interface SearchIndex extends IndexReader {
  /** Takes in the next events. @returns whether there may be more */
  takeMore(): boolean;
  close(): void;
}

/** Beside the log. */
export function indexPath(logPath: string): string {
  return logPath.replace(/(?:\.db)?$/, '-index.db');
}

/** Opens the index for writing: by one thread of the instance. @throws what SQLite throws */
export function openSearchIndex(log: DatabaseSync, path: string): SearchIndex {
  let database = openFile(path);
  if (!fits(log, database)) {
    database.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    database = openFile(path);
  }
  const reader = createReader(database);
  let upto = reader.upto();
  const next = log.prepare('SELECT seq, head, body, hash FROM ev WHERE seq > ? ORDER BY seq LIMIT ?');
  const bodyAt = log.prepare('SELECT body FROM ev WHERE seq = ?');
  const insert = database.prepare('INSERT INTO words(rowid, text) VALUES (?, ?)');
  const opened = database.prepare('INSERT OR IGNORE INTO open(seq) VALUES (?)');
  const ended = database.prepare('DELETE FROM open WHERE seq = ?');
  const move = database.prepare('INSERT OR REPLACE INTO place(id, upto, hash) VALUES (1, ?, ?)');
  const forget = database.prepare('DELETE FROM words WHERE rowid IN (SELECT rowid FROM words WHERE rowid < ? LIMIT ?)');
  const parse = (text: unknown): EventBody | undefined => {
    try {
      return eventBody.safeParse(JSON.parse(String(text))).data;
    } catch {
      return undefined;
    }
  };
  return {
    ...reader,
    upto: () => upto,
    takeMore() {
      const rows = next.all(upto, batchEvents);
      const last = rows.at(-1);
      if (last === undefined) return false;
      const decided = new Map<number, EventBody | undefined>();
      const documents: [number, string][] = [];
      const closed: number[] = [];
      for (const row of rows) {
        const body = parse(row.body);
        if (!body) continue;
        if (body.kind === 'decided') decided.set(body.seq, body);
        else if (body.kind === 'completed') {
          const head = Number(row.head);
          const call = decided.get(head) ?? parse(bodyAt.get(head)?.body);
          decided.delete(head);
          closed.push(head);
          if (call?.kind === 'decided')
            documents.push([head, `${searchedText(call)}\n${callTags(call, body.decision)}`]);
        } else if ('message' in body) documents.push([body.seq, `${searchedText(body)}\n${noteTags(body)}`]);
      }
      database.exec('BEGIN');
      try {
        // FTS5 writes a part of its tree each time that a rowid is lower than the one before.
        for (const [seq, text] of documents.sort(([a], [b]) => a - b)) insert.run(seq, text);
        for (const seq of decided.keys()) opened.run(seq);
        for (const seq of closed) ended.run(seq);
        forget.run(lowestSeq(log, undefined), batchEvents);
        move.run(Number(last.seq), last.hash ?? null);
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
      upto = Number(last.seq);
      return rows.length === batchEvents;
    },
    close: () => database.close(),
  };
}

/** Opens the index for reading, where there is one that fits; a log can be read without. */
export function readSearchIndex(log: DatabaseSync, path: string): (IndexReader & { close(): void }) | undefined {
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
    if (version(database) === indexVersion && fits(log, database)) {
      return { ...createReader(database), close: () => database.close() };
    }
    database.close();
  } catch {
    // None there, or none that can be read.
  }
  return undefined;
}

function createReader(database: DatabaseSync): IndexReader {
  const place = database.prepare('SELECT upto FROM place');
  const open = database.prepare('SELECT seq FROM open ORDER BY seq DESC LIMIT 10000');
  const find = database.prepare(
    'SELECT rowid AS seq FROM words WHERE words MATCH ? AND rowid < ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?',
  );
  return {
    upto: () => Number(place.get()?.upto ?? 0),
    openCalls: () => open.all().map(({ seq }) => Number(seq)),
    find: (match, below, from, limit) => find.all(match, below, from, limit).map(({ seq }) => Number(seq)),
  };
}

function openFile(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600));
  const open = (): DatabaseSync => {
    const database = new DatabaseSync(path, { timeout: 5_000 });
    try {
      // It is made anew from the log where it is lost, so nothing of it is synced.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF');
      if (version(database) === 0) database.exec(`BEGIN; ${schema}; COMMIT`);
      if (version(database) !== indexVersion) throw new Error('of another version');
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  };
  try {
    return open();
  } catch {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    closeSync(openSync(path, 'a', 0o600));
    return open();
  }
}

function version(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version);
}

/** Whether it was made from this very log: its last entry is there with the same hash, or retention took it away. */
function fits(log: DatabaseSync, index: DatabaseSync): boolean {
  const place = index.prepare('SELECT upto, hash FROM place').get();
  if (place === undefined) return true;
  const there = log.prepare('SELECT hash FROM ev WHERE seq = ?').get(Number(place.upto))?.hash;
  if (!(there instanceof Uint8Array) || !(place.hash instanceof Uint8Array))
    return Number(place.upto) < lowestSeq(log, undefined);
  return there.length === place.hash.length && timingSafeEqual(there, place.hash);
}
