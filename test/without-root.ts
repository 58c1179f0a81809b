import { chownSync } from 'node:fs';

const nobody = 65_534;

/**
 * Runs `run` as a user who may not write everywhere: as root, the process is `nobody` meanwhile and the folders given are
 * made its own; otherwise it stays who it is.
 */
export async function withoutRoot<T>(folders: readonly string[], run: () => T | Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return await run();
  for (const folder of folders) chownSync(folder, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
  }
}
