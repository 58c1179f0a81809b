import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultDataFolder } from '../core/state/data-folder.ts';

/** As the first argument: be the command line instead of the app. Packages have no Node of their own beside Electron's. */
export const commandLineSwitch = '--command-line';

/** What the app was told when it was started. */
export interface CommandLine {
  readonly dataDir: string;
  /** Electron's own files: caches, cookies, its instance lock. */
  readonly electronDir: string;
  /** Print one JSON line when the core is ready, or could not start; `electron/launch` waits for it. */
  readonly readyLine: boolean;
  /** Stay in the tray: how the app is started at login. */
  readonly hidden: boolean;
  /** The Node that runs our helpers, given by `npm start`; a package uses its own binary. */
  readonly node: string | undefined;
}

/** Reads the arguments. Chromium's own switches are among them, so unknown ones are not ours to judge. */
export function parseCommandLine(args: readonly string[], workingDirectory: string): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: {
      'data-dir': { type: 'string' },
      'ready-line': { type: 'boolean' },
      hidden: { type: 'boolean' },
      node: { type: 'string' },
    },
  });
  const chosen = values['data-dir'];
  const dataDir = typeof chosen === 'string' ? resolve(workingDirectory, chosen) : defaultDataFolder();
  return {
    dataDir,
    electronDir: join(dataDir, 'electron'),
    readyLine: values['ready-line'] === true,
    hidden: values.hidden === true,
    node: typeof values.node === 'string' ? values.node : undefined,
  };
}

/** Command and arguments that run our command line. */
export function selfCommand({ node }: CommandLine, distDir: string): readonly string[] {
  return node ? [node, join(distDir, 'electron/cli.js')] : [process.execPath, commandLineSwitch];
}
