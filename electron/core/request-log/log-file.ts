import type { DatabaseSync } from 'node:sqlite';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import type { LogDetail } from '../../shared/views.ts';
import { readDatabaseFile } from '../state/database-file.ts';
import { logSchemaVersion } from './chain.ts';
import { exportRows, listRows, showRow } from './log-reader.ts';
import { type Verification, verifyChain } from './verify-chain.ts';

/**
 * Checks a log file without an instance; nothing is written. A running instance may have it open.
 * @throws SallyportError at hop `app`: `log_missing`, `log_newer`, `log_unreadable`
 */
export async function verifyLogFile(path: string): Promise<Verification> {
  const database = open(path);
  try {
    return await verifyChain(database);
  } finally {
    database.close();
  }
}

/** A page of a log file without an instance, newest first. @throws as {@link verifyLogFile} */
export function listLogFile(path: string, query: RequestInput<'log.list'>): RequestOutput<'log.list'> {
  return reading(path, (database) => listRows(database, query));
}

/** One row of a log file without an instance. @throws SallyportError `log_row_not_found`, and as {@link verifyLogFile} */
export function showLogFile(path: string, id: string): LogDetail {
  return reading(path, (database) => showRow(database, id));
}

/** Every row of a log file from the oldest on, with results. @throws as {@link verifyLogFile} */
export function* exportLogFile(path: string): Generator<LogDetail> {
  const database = open(path);
  try {
    yield* exportRows(database);
  } finally {
    database.close();
  }
}

function open(path: string): DatabaseSync {
  return readDatabaseFile(path, 'log', logSchemaVersion);
}

function reading<Value>(path: string, read: (database: DatabaseSync) => Value): Value {
  const database = open(path);
  try {
    return read(database);
  } finally {
    database.close();
  }
}
