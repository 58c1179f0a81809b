import { createHash } from 'node:crypto';
import type { Clock } from '../../../shared/clock.ts';
import { openDatabaseFile } from '../../state/database-file.ts';

/** What is on the disk of a command: nothing, that it was begun, or that it was answered. */
export type Claim = 'new' | 'begun' | 'answered';

/**
 * Commands that were taken, on the disk, so that one which is delivered again after a restart or a crash does not run again.
 * Holds a hash of each command's id and a time; nothing of what it asked or what answered it.
 */
export interface CommandJournal {
  /**
   * Notes a command as begun, unless it is noted already. Where it returns `new` the note is on the disk, before anything runs.
   * @throws the database's error: the command must not run then
   */
  claim(requestId: string): Claim;
  /** Its answer was made. Best effort: without it, a later redelivery is told that the end is not known. */
  answered(requestId: string): void;
  close(): void;
}

/** A command lives minutes at the service; a day is far on the safe side. */
const keepMs = 24 * 60 * 60_000;
/** More than a day of calls through this way; beyond, the oldest go. */
const maxRows = 200_000;
const sweepEvery = 500;

/**
 * Opens the journal of one tunnel. Several may be open on one file, also in one process.
 * @param options.path of the file, made where it is not there
 * @throws SallyportError at hop `app`: `commands_newer`, `commands_unwritable`
 */
export function openCommandJournal(options: {
  readonly path: string;
  readonly tunnelId: string;
  readonly clock: Pick<Clock, 'now'>;
}): CommandJournal {
  const { path, tunnelId, clock } = options;
  const { database } = openDatabaseFile({
    path,
    name: 'commands',
    schemaVersion: 1,
    schema: `CREATE TABLE command (id BLOB PRIMARY KEY, at INTEGER NOT NULL, answered INTEGER NOT NULL DEFAULT 0)
      WITHOUT ROWID; CREATE INDEX command_at ON command (at)`,
    clock,
  });
  const insert = database.prepare('INSERT OR IGNORE INTO command (id, at) VALUES (?, ?)');
  const find = database.prepare('SELECT answered FROM command WHERE id = ?');
  const finish = database.prepare('UPDATE command SET answered = 1 WHERE id = ?');
  const removeOld = database.prepare('DELETE FROM command WHERE at < ?');
  const removeMost = database.prepare(
    'DELETE FROM command WHERE id IN (SELECT id FROM command ORDER BY at DESC LIMIT -1 OFFSET ?)',
  );
  const keyOf = (requestId: string): Uint8Array =>
    createHash('sha256').update(`${tunnelId}\0${requestId}`).digest().subarray(0, 16);
  let claims = 0;
  return {
    claim(requestId) {
      const key = keyOf(requestId);
      const now = clock.now();
      if (claims % sweepEvery === 0) {
        removeOld.run(now - keepMs);
        removeMost.run(maxRows);
      }
      claims += 1;
      if (insert.run(key, now).changes === 1) return 'new';
      return find.get(key)?.answered === 1 ? 'answered' : 'begun';
    },
    answered(requestId) {
      finish.run(keyOf(requestId));
    },
    close: () => database.close(),
  };
}
