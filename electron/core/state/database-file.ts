import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';

/** What {@link openDatabaseFile} opens. */
export interface DatabaseFileOptions {
  readonly path: string;
  /** What it is called in messages and error codes: `log`, `oauth`. */
  readonly name: string;
  /** The schema that this version of the app writes; kept in SQLite's `user_version`. */
  readonly schemaVersion: number;
  /** Statements that make an empty file one of that schema. */
  readonly schema: string;
  /** Statements that lead from an older schema to the next: `upgrades[1]` makes version 2 of version 1. */
  readonly upgrades?: Readonly<Record<number, string>>;
  readonly clock: Pick<Clock, 'now'>;
}

/** An open database and what happened on the way. */
export interface DatabaseFile {
  readonly database: DatabaseSync;
  /** Where a damaged predecessor was put aside; the file open now is new then. */
  readonly keptAside?: string;
}

const magic = 'SQLite format 3\0';
const sqliteCorrupt = 11;
const sqliteNotADatabase = 26;

/**
 * Opens one of the app's SQLite files for writing: owner-only, write-ahead log, every commit on the disk before it
 * counts (`measured.md` §4). A file of a newer app is not touched; a damaged one is moved aside, never overwritten.
 * @throws SallyportError at hop `app`: `<name>_newer`, `<name>_unwritable`
 */
export function openDatabaseFile(options: DatabaseFileOptions): DatabaseFile {
  const { path, name, schemaVersion } = options;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(options, error);
  }
  const found = inspectHeader(path);
  if (typeof found === 'number' && found > schemaVersion) throw newer(name, path, found, schemaVersion);
  if (found !== 'damaged') {
    try {
      return { database: open(options) };
    } catch (error) {
      if (!isDamage(error)) throw error instanceof SallyportError ? error : unwritable(options, error);
    }
  }
  const keptAside = putAside(options);
  try {
    return { database: open(options), keptAside };
  } catch (error) {
    throw error instanceof SallyportError ? error : unwritable(options, error);
  }
}

class Damaged extends Error {}

function open(options: DatabaseFileOptions): DatabaseSync {
  const { path, name, schemaVersion, schema, upgrades = {} } = options;
  // SQLite gives its side files the mode of the main one.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
    if (version > schemaVersion) throw newer(name, path, version, schemaVersion);
    const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_master').get()?.n);
    if (version === 0 && tables > 0) throw new Damaged('not a file of ours');
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    if (version === 0) database.exec(`BEGIN; ${schema}; PRAGMA user_version = ${schemaVersion}; COMMIT;`);
    else {
      for (let from = version; from < schemaVersion; from += 1) {
        database.exec(`BEGIN; ${upgrades[from] ?? ''}; PRAGMA user_version = ${from + 1}; COMMIT;`);
      }
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Reads the version from the header alone, so that a newer file is not even opened by SQLite. */
function inspectHeader(path: string): number | 'damaged' | undefined {
  const header = Buffer.alloc(100);
  let read: number;
  try {
    const file = openSync(path, 'r');
    try {
      read = readSync(file, header, 0, header.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // missing or unreadable: opening it will say so
  }
  if (read === 0) return undefined;
  if (read < header.length || header.toString('latin1', 0, magic.length) !== magic) return 'damaged';
  return header.readUInt32BE(60);
}

function putAside(options: DatabaseFileOptions): string {
  const stamp = timestamp(options.clock).replace(/[:.]/g, '-');
  const target = `${options.path}.damaged-${stamp}`;
  try {
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(options.path + suffix)) renameSync(options.path + suffix, target + suffix);
    }
  } catch (error) {
    throw unwritable(options, error);
  }
  return target;
}

/** Whether SQLite says that the file is no database, or a broken one. */
export function isDamage(error: unknown): boolean {
  if (error instanceof Damaged) return true;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  return code === sqliteCorrupt || code === sqliteNotADatabase;
}

function newer(name: string, path: string, found: number, known: number): SallyportError {
  return new SallyportError(
    `${name}_newer`,
    'app',
    `${basename(path)} was written by a newer Sallyport (schema ${found}, this one knows ${known}).`,
    { hint: 'Start the newer Sallyport, or choose another data folder with --data-dir. The file was not touched.' },
  );
}

function unwritable(options: DatabaseFileOptions, cause: unknown): SallyportError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SallyportError(`${options.name}_unwritable`, 'app', `${options.path} cannot be written: ${why}.`, {
    hint: 'Check that the data folder belongs to you, is writable, and that the disk is not full.',
    cause,
  });
}

/**
 * Opens a database for reading only, also one that another process has open or that stands in a read-only folder.
 * @throws SallyportError at hop `app`: `<name>_missing`, `<name>_newer`, `<name>_unreadable`
 */
export function readDatabaseFile(path: string, name: string, schemaVersion: number): DatabaseSync {
  const found = inspectHeader(path);
  if (!existsSync(path) || found === undefined) {
    throw new SallyportError(`${name}_missing`, 'app', `There is no ${basename(path)} in this data folder.`, {
      hint: 'Choose the data folder with --data-dir, or start Sallyport once.',
    });
  }
  if (found === 'damaged') throw unreadable(name, path, 'it is not a SQLite file');
  if (found > schemaVersion) throw newer(name, path, found, schemaVersion);
  let failure: unknown;
  // The second form reads where no side file can be made; it must not be the first, since it ignores running writers.
  for (const location of [path, new URL(`file://${encodeURI(path)}?immutable=1`)]) {
    try {
      const database = new DatabaseSync(location, { readOnly: true, timeout: 5_000 });
      try {
        database.prepare('SELECT count(*) FROM sqlite_master').get();
        return database;
      } catch (error) {
        database.close();
        throw error;
      }
    } catch (error) {
      failure ??= error;
    }
  }
  throw unreadable(name, path, failure instanceof Error ? failure.message : String(failure));
}

function unreadable(name: string, path: string, why: string): SallyportError {
  return new SallyportError(`${name}_unreadable`, 'app', `${path} cannot be read: ${why}.`, {
    hint: 'If the file is damaged, Sallyport puts it aside at its next start and begins a new one.',
  });
}
