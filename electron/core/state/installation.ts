import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RequestOutput } from '../../shared/contract.ts';

/**
 * Where this installation keeps its things and how much they take.
 * @param sealer name of what seals new secrets
 * @param trayShown as the desktop shell found it; `undefined` where none runs
 */
export async function describeInstallation(
  dataDir: string,
  sealer: string,
  trayShown: boolean | undefined,
): Promise<RequestOutput<'app.about'>> {
  let totalBytes = 0;
  let logBytes = 0;
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    // A file may go while this looks (a journal, a socket); it takes no room then.
    const size = await stat(join(entry.parentPath, entry.name)).then(
      (found) => found.size,
      () => 0,
    );
    totalBytes += size;
    if (entry.parentPath === dataDir && /^log(-index)?\.db/.test(entry.name)) logBytes += size;
  }
  return { dataDir, sealer, storage: { logBytes, totalBytes }, ...(trayShown === undefined ? {} : { trayShown }) };
}
