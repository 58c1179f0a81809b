import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { writeDurably } from './durable-file.ts';

/** The exclusive lock on a folder; held until released or until this process ends, however it ends. */
export interface InstanceLock {
  release(): Promise<void>;
}

/** Who holds the lock. */
export interface LockHolder {
  /** Process id, if the holder got as far as writing it down. */
  readonly pid?: number;
}

const holderFile = z.object({ pid: z.number().int().positive() });

/** SQLite's result code for "another connection has the lock" (SQLITE_BUSY). */
const sqliteBusy = 5;

/**
 * Takes the exclusive lock on a folder without waiting.
 *
 * The lock is an exclusive transaction on `instance.lock`, an empty SQLite file: the one lock of the operating system
 * (fcntl on Linux and macOS, LockFileEx on Windows) that Node reaches without a native module. The system drops it with
 * the process, kill -9 included, so nothing stale can block the next start, and no two starters can race each other, as
 * they can over files with process ids and over socket files that have to be cleaned up. Unlike an abstract socket it
 * holds between containers that share the folder.
 *
 * Nothing else may ever open `instance.lock`: on POSIX, closing any descriptor of it would end the lock.
 * @returns the lock, or who has it
 * @throws the file system's or SQLite's error where the folder cannot be written to
 */
export async function lockFolder(folder: string): Promise<{ lock: InstanceLock } | { holder: LockHolder }> {
  const path = join(folder, 'instance.lock');
  const holderPath = join(folder, 'instance.json');
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written, so no journal file has to lie beside it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) {
      return { holder: await readHolder(holderPath) };
    }
    throw error;
  }
  try {
    await writeDurably(holderPath, `${JSON.stringify({ pid: process.pid })}\n`);
  } catch (error) {
    database.close();
    throw error;
  }
  let held = true;
  return {
    lock: {
      async release() {
        if (!held) return;
        held = false;
        await rm(holderPath, { force: true }).catch(() => {});
        database.close();
      },
    },
  };
}

async function readHolder(path: string): Promise<LockHolder> {
  try {
    return holderFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return {};
  }
}
