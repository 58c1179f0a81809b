import { lstat, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeDurably } from '../state/durable-file.ts';
import { replacedNames } from './installation-names.ts';

/** Where a restore is prepared, in the data folder itself: moving things from there is a rename. */
export const restoreFolder = '.restore';
const readyFile = z.strictObject({ aside: z.string().regex(/^replaced-[0-9A-Za-z.-]+$/), names: z.array(z.string()) });

/** Marks a prepared restore as complete: from this write on the new installation is the one that counts. */
export async function commitRestore(dataDir: string, aside: string, names: readonly string[]): Promise<void> {
  await writeDurably(join(dataDir, restoreFolder, 'ready.json'), JSON.stringify({ aside, names }));
}

/**
 * Completes a restore that was committed, or clears one that was not: either the old or the new is there, wherever it was
 * killed. Run with the folder's lock held, before anything in it is opened. It may itself be killed and run again.
 * @returns the folder in which the old lies now, if something was restored
 */
export async function finishRestore(dataDir: string): Promise<string | undefined> {
  const staged = join(dataDir, restoreFolder);
  const ready = await readReady(join(staged, 'ready.json'));
  if (!ready) {
    await rm(staged, { recursive: true, force: true });
    return undefined;
  }
  const aside = join(dataDir, ready.aside);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  for (const name of replacedNames) {
    const wanted = ready.names.includes(name);
    const fresh = join(staged, 'new', name);
    // Wanted and not staged any more: it was moved before a kill.
    if (wanted && !(await exists(fresh))) continue;
    const here = join(dataDir, name);
    if (await exists(here)) await rename(here, join(aside, name));
    if (wanted) await rename(fresh, here);
  }
  await rm(staged, { recursive: true, force: true });
  return aside;
}

async function readReady(path: string): Promise<z.infer<typeof readyFile> | undefined> {
  try {
    return readyFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    // Anything but its absence is for a person to look at: clearing it could lose the only copy.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
