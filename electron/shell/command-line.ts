import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultDataFolder } from '../core/state/data-folder.ts';

/** What the app was told when it was started. */
export interface CommandLine {
  readonly dataDir: string;
  /** Electron's own files: caches, cookies, its instance lock. */
  readonly electronDir: string;
  /** Print one JSON line when the core is ready, or could not start; `electron/launch` waits for it. */
  readonly readyLine: boolean;
  /** Stay in the tray: how the app is started at login. */
  readonly hidden: boolean;
}

/** Reads the arguments. Chromium's own switches are among them, so unknown ones are not ours to judge. */
export function parseCommandLine(args: readonly string[], workingDirectory: string): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: { 'data-dir': { type: 'string' }, 'ready-line': { type: 'boolean' }, hidden: { type: 'boolean' } },
  });
  const chosen = values['data-dir'];
  const dataDir = typeof chosen === 'string' ? resolve(workingDirectory, chosen) : defaultDataFolder();
  return {
    dataDir,
    electronDir: join(dataDir, 'electron'),
    readyLine: values['ready-line'] === true,
    hidden: values.hidden === true,
  };
}
