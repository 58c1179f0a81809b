import { randomBytes } from 'node:crypto';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { SallyportError } from '../../shared/errors.ts';
import { openDataFolder } from '../state/data-folder.ts';
import { isOurs } from './installation-names.ts';

/**
 * Removes everything that Sallyport keeps on this machine: one rename takes the data folder away as a whole, then it is
 * deleted; a kill in between leaves a folder that nothing reads.
 * @returns the folders that are gone
 * @throws SallyportError at hop `app`: `already_running`, `nothing_to_remove`, `strangers_in_folder` where files lie
 *   there that are not Sallyport's: nothing is removed then
 */
export async function removeInstallation(dataDir: string): Promise<readonly string[]> {
  const found = await lstat(dataDir).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new SallyportError('nothing_to_remove', 'app', `There is no data folder ${dataDir}.`);
  }
  const strangers = (await readdir(dataDir)).filter((name) => !isOurs(name));
  if (strangers.length > 0) {
    throw new SallyportError(
      'strangers_in_folder',
      'app',
      `${dataDir} also holds what is not Sallyport’s: ${strangers.slice(0, 5).join(', ')}.`,
      { hint: 'Move that elsewhere first. Nothing was removed.' },
    );
  }
  // Nobody may be in it, and nobody can be once it has another name.
  const folder = await openDataFolder(dataDir);
  await folder.close();
  const gone: string[] = [];
  for (const path of [folder.path, `${folder.path}-notebook`]) {
    const there = await lstat(path).catch(() => undefined);
    if (!there?.isDirectory()) continue;
    const away = `${path}.removed-${randomBytes(4).toString('hex')}`;
    await rename(path, away);
    await rm(away, { recursive: true, force: true });
    gone.push(path);
  }
  return gone;
}
