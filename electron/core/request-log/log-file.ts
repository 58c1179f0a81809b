import type { DatabaseSync } from 'node:sqlite';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { LogDetail } from '../../shared/views.ts';
import { readDatabaseFile } from '../state/database-file.ts';
import { logSchemaVersion } from './chain.ts';
import { exportRows, listRows, showRow } from './log-reader.ts';
import { indexPath, readSearchIndex } from './search-index.ts';
import { type Verification, verifyChain, type Witness } from './verify-chain.ts';

/**
 * Checks a log file without an instance; nothing is written. A running instance may have it open.
 * @param witness what secrets know of it
 * @throws SallyportError at hop `app`: `log_missing`, `log_newer`, `log_unreadable`
 */
export function verifyLogFile(path: string, witness: Witness = {}): Verification {
  const database = open(path);
  try {
    return verifyChain(database, witness);
  } finally {
    database.close();
  }
}

/** A page of a log file without an instance, newest first. @throws as {@link verifyLogFile} */
export function listLogFile(path: string, query: RequestInput<'log.list'>): RequestOutput<'log.list'> {
  return reading(path, (database) => {
    const index = readSearchIndex(database, indexPath(path));
    try {
      return listRows(database, query, { index, milliseconds: 2_000 });
    } finally {
      index?.close();
    }
  });
}

/** One row of a log file without an instance. @throws SallyportError `log_row_not_found`, and as {@link verifyLogFile} */
export function showLogFile(path: string, id: string): LogDetail {
  return reading(path, (database) => showRow(database, id));
}

/** Every row of a log file from the oldest on, with results. @throws as {@link verifyLogFile} */
export function* exportLogFile(path: string): Generator<LogDetail> {
  const database = openForRows(path);
  try {
    yield* exportRows(database);
  } finally {
    database.close();
  }
}

function open(path: string): DatabaseSync {
  return readDatabaseFile(path, 'log', logSchemaVersion);
}

/** Only verify reads what an older version wrote: rows are joined by a column that came later. */
function openForRows(path: string): DatabaseSync {
  const database = open(path);
  if (Number(database.prepare('PRAGMA user_version').get()?.user_version) === logSchemaVersion) return database;
  database.close();
  throw new SallyportError('log_older', 'app', 'An older Sallyport wrote this log.', {
    hint: 'Start this one once: it takes the log over. Or read it with the older one.',
  });
}

function reading<Value>(path: string, read: (database: DatabaseSync) => Value): Value {
  const database = openForRows(path);
  try {
    return read(database);
  } finally {
    database.close();
  }
}
