import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { newBackupCode } from './backup-code.ts';
import { backupEntry, packed } from './backup-content.ts';
import { backedUpDatabases, backedUpFiles, backedUpFolders } from './installation-names.ts';
import { createSealedWriter } from './sealed-file.ts';

/** What was made, and what opens it: the code is told here and kept nowhere. */
export interface MadeBackup {
  readonly path: string;
  readonly code: string;
  readonly bytes: number;
}

const pieceBytes = 1_048_576;

/**
 * Writes everything that makes this installation into one sealed file of the owner's (0600): settings, rules, approved
 * definitions, certificates, grants, the log, and the secrets. It appears whole under its name, or not at all; running
 * servers and open databases are not disturbed.
 * @param secrets those of the installation, opened
 * @throws SallyportError at hop `app`: `backup_path_taken`, `backup_unwritable`, `usage`, what opening secrets throws
 */
export async function makeBackup(deps: {
  readonly dataDir: string;
  readonly secrets: Secrets;
  readonly path: string;
  readonly version: string;
  readonly clock: Clock;
}): Promise<MadeBackup> {
  const { path, dataDir } = deps;
  if (!isAbsolute(path)) throw new SallyportError('usage', 'app', 'The path of the backup must be absolute.');
  if (await exists(path)) {
    throw new SallyportError('backup_path_taken', 'app', `${path} is there already.`, { hint: 'Choose another name.' });
  }
  const code = newBackupCode();
  const part = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  const copy = join(dataDir, `.${randomBytes(6).toString('hex')}.tmp`);
  let file: FileHandle | undefined;
  try {
    file = await open(part, 'wx', 0o600);
    const write = await createSealedWriter(file, code);
    await write(packed('A', { format: 1, version: deps.version, createdAt: timestamp(deps.clock) }));
    // Before the log: what is noted of its end in the secrets must lie in the copy of it.
    await write(packed('S', await allSecrets(deps.secrets)));
    for (const name of backedUpFiles) await copyFile(write, join(dataDir, name), name);
    for (const folder of backedUpFolders) {
      for (const name of await namesIn(join(dataDir, folder))) {
        await copyFile(write, join(dataDir, folder, name), `${folder}/${name}`);
      }
    }
    for (const name of backedUpDatabases) {
      if (!(await exists(join(dataDir, name)))) continue;
      snapshot(join(dataDir, name), copy);
      await copyFile(write, copy, name);
      await rm(copy);
    }
    await write(packed('E'), true);
    await file.sync();
    const { size } = await file.stat();
    await file.close();
    file = undefined;
    await rename(part, path);
    return { path, code, bytes: size };
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new SallyportError('backup_unwritable', 'app', `The backup could not be written: ${why}.`, {
      hint: 'Check that the folder is there, is writable, and that the disk is not full.',
      cause: error,
    });
  } finally {
    await file?.close().catch(() => {});
    await rm(part, { force: true }).catch(() => {});
    await rm(copy, { force: true }).catch(() => {});
  }
}

async function allSecrets(secrets: Secrets): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const name of secrets.names()) {
    const value = await secrets.get(name);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

/** A consistent copy of a database that may be open elsewhere. */
function snapshot(from: string, to: string): void {
  const database = new DatabaseSync(from, { timeout: 5_000, readOnly: true });
  try {
    database.prepare('VACUUM INTO ?').run(to);
  } finally {
    database.close();
  }
}

async function copyFile(write: (content: Uint8Array) => Promise<void>, from: string, path: string): Promise<void> {
  const found = await lstat(from).catch(() => undefined);
  if (!found?.isFile()) return;
  const file = await open(from, 'r');
  try {
    // What grows meanwhile is read to where it ended now.
    const { size } = await file.stat();
    await write(packed('F', backupEntry.parse({ path, bytes: size })));
    for (let at = 0; at < size; ) {
      const piece = Buffer.alloc(Math.min(pieceBytes, size - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
      at += bytesRead;
      await write(packed('D', piece.subarray(0, bytesRead)));
    }
  } finally {
    await file.close();
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).then(
    (names) => names.filter((name) => !name.startsWith('.')).sort(),
    () => [],
  );
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
