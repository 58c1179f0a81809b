import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { posix, resolve, win32 } from 'node:path';
import { SallyportError } from '../../shared/errors.ts';
import { finishRestore } from '../backup/finish-restore.ts';
import { lockFolder } from './instance-lock.ts';

/** The data folder, held by this instance alone. */
export interface DataFolder {
  /** Absolute path. */
  readonly path: string;
  /** Lets the next instance in. Call it last, after everything in the folder is closed. */
  close(): Promise<void>;
}

/**
 * Where data lies unless `--data-dir` says otherwise (`design.md` §7): `$XDG_DATA_HOME/sallyport` or
 * `~/.local/share/sallyport`, `~/Library/Application Support/Sallyport`, `%APPDATA%\Sallyport`.
 */
export function defaultDataFolder(
  platform: NodeJS.Platform = process.platform,
  env: Readonly<Record<string, string | undefined>> = process.env,
  home: string = homedir(),
): string {
  if (platform === 'win32') {
    const appData = env.APPDATA;
    const base = appData && win32.isAbsolute(appData) ? appData : win32.join(home, 'AppData', 'Roaming');
    return win32.join(base, 'Sallyport');
  }
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'Sallyport');
  // The base directory specification: a relative path is invalid and to be ignored.
  const xdg = env.XDG_DATA_HOME;
  const base = xdg && posix.isAbsolute(xdg) ? xdg : posix.join(home, '.local', 'share');
  return posix.join(base, 'sallyport');
}

/** Names that mark a folder as one of ours, so that its permissions may be tightened. */
const ours = ['instance.lock', 'settings.json', 'secrets'];

/**
 * Opens the data folder: makes it (0700) if it is not there, takes the one-instance lock before any other file in it is
 * opened (`security.md` S19), and completes a restore that was killed.
 * @throws SallyportError at hop `app`: `already_running` with the process id where known; `data_folder_unwritable`;
 *   `data_folder_exposed` where others can look into a folder that is in use for something else
 */
export async function openDataFolder(directory: string): Promise<DataFolder> {
  const path = resolve(directory);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await keepPrivate(path);
    const result = await lockFolder(path);
    if ('lock' in result) {
      try {
        await finishRestore(path);
      } catch (error) {
        await result.lock.release();
        throw error;
      }
      return { path, close: () => result.lock.release() };
    }
    const { pid } = result.holder;
    throw new SallyportError(
      'already_running',
      'app',
      `Sallyport is already running on ${path}${pid === undefined ? '' : ` (process ${pid})`}.`,
      { hint: 'Use the instance that runs, end it first, or choose another folder with --data-dir.' },
    );
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    throw new SallyportError('data_folder_unwritable', 'app', `The data folder ${path} cannot be written to.`, {
      hint: 'Check its owner and permissions and the space on the disk, or choose another folder with --data-dir.',
      cause: error,
    });
  }
}

/**
 * The control socket and private files count on a folder that only its owner can enter. A folder of ours is tightened;
 * one that holds something else is not touched, since `--data-dir ~` must not change who may enter a home. On Windows the
 * profile's access list does this.
 */
async function keepPrivate(path: string): Promise<void> {
  if (process.platform === 'win32' || ((await stat(path)).mode & 0o077) === 0) return;
  const names = await readdir(path);
  if (names.length > 0 && !names.some((name) => ours.includes(name))) {
    throw new SallyportError(
      'data_folder_exposed',
      'app',
      `${path} is no data folder of Sallyport, and other users can enter it.`,
      { hint: 'Choose an empty folder, or take the permissions of others away with chmod 700.' },
    );
  }
  await chmod(path, 0o700);
}
