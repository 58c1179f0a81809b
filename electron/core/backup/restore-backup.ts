import { type FileHandle, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { createKeyfileSealer } from '../secrets/keyfile-sealer.ts';
import { createSecrets } from '../secrets/secrets-file.ts';
import { readSettingsText } from '../settings/settings-document.ts';
import { type DataFolder, openDataFolder } from '../state/data-folder.ts';
import { backupAbout, backupEntry, backupSecrets, parsedBody, unpacked } from './backup-content.ts';
import { commitRestore, finishRestore, restoreFolder } from './finish-restore.ts';
import { backedUpDatabases, backedUpFiles, backedUpFolders } from './installation-names.ts';
import { readSealed, unreadable } from './sealed-file.ts';

/** What was restored. */
export interface RestoredBackup {
  readonly dataDir: string;
  /** When the backup was made, and by which version. */
  readonly createdAt: string;
  readonly version: string;
  /** Where what was there before lies now; absent where the folder was new. */
  readonly replaced?: string;
}

/**
 * Makes the data folder what the backup says. Everything is read, proved and written beside before the first old file is
 * touched; one write then decides, and a kill at any moment leaves the old or the new. The restored installation is paused:
 * what it shares gets through only after the person resumed it. Secrets are sealed by a key file of this machine.
 * @throws SallyportError at hop `app`: `already_running`, `restore_over` (an installation is there and `replace` is not
 *   set), `backup_unreadable`, `backup_newer`, `backup_code_wrong`, `restore_failed`
 */
export async function restoreBackup(deps: {
  readonly dataDir: string;
  readonly path: string;
  readonly code: string;
  readonly clock: Clock;
  readonly replace: boolean;
}): Promise<RestoredBackup> {
  const backup = await openBackup(deps.path);
  let folder: DataFolder | undefined;
  try {
    folder = await openDataFolder(deps.dataDir);
    const before = await stat(join(folder.path, 'settings.json')).catch(() => undefined);
    if (before && !deps.replace) {
      throw new SallyportError('restore_over', 'app', `${folder.path} holds an installation already.`, {
        hint: 'Give --replace to put it aside, or choose another folder with --data-dir.',
      });
    }
    const staged = join(folder.path, restoreFolder);
    await rm(staged, { recursive: true, force: true });
    await mkdir(join(staged, 'new'), { recursive: true, mode: 0o700 });
    const { about, names } = await unpackInto(join(staged, 'new'), readSealed(backup, deps.code));
    await pauseSettings(join(staged, 'new', 'settings.json'), deps.clock, about.createdAt);
    await commitRestore(folder.path, `replaced-${timestamp(deps.clock).replace(/[:.]/g, '-')}`, names);
    const aside = await finishRestore(folder.path);
    return {
      dataDir: folder.path,
      createdAt: about.createdAt,
      version: about.version,
      ...(before && aside !== undefined ? { replaced: aside } : {}),
    };
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new SallyportError('restore_failed', 'app', `The backup could not be restored: ${why}.`, {
      hint: 'Check the space on the disk and the permissions of the data folder, then try again.',
      cause: error,
    });
  } finally {
    await backup.close().catch(() => {});
    await folder?.close();
  }
}

async function openBackup(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error));
  }
}

const known: readonly string[] = [...backedUpFiles, ...backedUpDatabases];

async function unpackInto(folder: string, records: AsyncGenerator<Buffer>) {
  const names = new Set<string>();
  let about: ReturnType<typeof backupAbout.parse> | undefined;
  let file: { readonly handle: FileHandle; left: number } | undefined;
  let ended = false;
  const finishFile = async (): Promise<void> => {
    if (!file) return;
    if (file.left !== 0) throw unreadable('a file in it is not whole');
    await file.handle.sync();
    await file.handle.close();
    file = undefined;
  };
  try {
    for await (const content of records) {
      const record = unpacked(content);
      if (record.kind === 'data') {
        if (!file || record.body.length > file.left) throw unreadable('a file in it is longer than it says');
        file.left -= record.body.length;
        await file.handle.writeFile(record.body);
        continue;
      }
      await finishFile();
      if (record.kind === 'about') about = parsedBody(backupAbout, record);
      else if (record.kind === 'secrets') {
        await sealSecrets(join(folder, 'secrets'), parsedBody(backupSecrets, record));
        names.add('secrets');
      } else if (record.kind === 'file') {
        const { path, bytes } = parsedBody(backupEntry, record);
        const [top = '', below] = path.split('/');
        const allowed = below === undefined ? known.includes(top) : backedUpFolders.some((one) => one === top);
        if (!allowed) throw unreadable('it holds a file that belongs to no installation');
        names.add(top);
        await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
        file = { handle: await open(join(folder, path), 'wx', 0o600), left: bytes };
      } else ended = true;
    }
    await finishFile();
  } finally {
    await file?.handle.close().catch(() => {});
  }
  if (!about || !ended) throw unreadable('it is not whole');
  return { about, names: [...names] };
}

async function sealSecrets(folder: string, values: Readonly<Record<string, string>>): Promise<void> {
  const sealer = createKeyfileSealer({ path: join(folder, 'keyfile') });
  const secrets = await createSecrets({ path: join(folder, 'secrets.json'), sealer });
  for (const [name, value] of Object.entries(values)) await secrets.set(name, value);
}

/** @throws SallyportError `settings_newer` where this version cannot read them */
async function pauseSettings(path: string, clock: Clock, createdAt: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const reading = readSettingsText(text);
  if (reading.kind === 'corrupt') throw unreadable(`its settings are damaged (${reading.why})`);
  if (reading.kind === 'newer') {
    throw new SallyportError('backup_newer', 'app', 'A newer Sallyport made this backup.', {
      hint: 'Restore it with that version, or a newer one.',
    });
  }
  const paused = { at: timestamp(clock), why: `Restored from the backup of ${createdAt}. Look around, then resume.` };
  await writeFile(path, JSON.stringify({ ...reading.settings, paused }, null, 2), { mode: 0o600 });
}
