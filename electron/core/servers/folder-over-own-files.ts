import { realpathSync } from 'node:fs';
import { isAbsolute, resolve, sep } from 'node:path';
import type { ServerRecord } from './servers.ts';

/**
 * A folder that a stdio server was given, as its working directory or in its command, and that holds files of ours: sharing it
 * takes a second step (`security.md` S7), although every call that leads there is denied anyway.
 */
export function folderOverOwnFiles(record: ServerRecord, ownPaths: readonly string[]): string | undefined {
  if (record.target.kind !== 'stdio') return undefined;
  const { cwd, args } = record.target;
  const named = args.flatMap((argument) => [argument, argument.slice(argument.indexOf('=') + 1)]);
  const folders = [...(cwd === undefined ? [] : [cwd]), ...named.filter(isAbsolute)];
  const own = ownPaths.flatMap((path) => [resolve(path), real(path)]);
  return folders.find((folder) =>
    [resolve(folder), real(folder)].some((place) => {
      const prefix = place.endsWith(sep) ? place : place + sep;
      return own.some((path) => path === place || path.startsWith(prefix));
    }),
  );
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
