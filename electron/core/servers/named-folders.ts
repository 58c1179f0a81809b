import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import type { ServerRecord } from './servers.ts';

/** Folders against which a server may resolve relative paths: where it runs, and those that its command names. */
export function namedFolders(record: ServerRecord | undefined): readonly string[] {
  if (record?.target.kind !== 'stdio') return [];
  return [record.target.cwd ?? homedir(), ...record.target.args.filter((argument) => isAbsolute(argument))];
}
