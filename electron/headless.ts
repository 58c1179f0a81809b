import { constants } from 'node:os';
import { join } from 'node:path';
import { startCore } from './core/core.ts';
import { openInBrowser } from './core/fronts/open-in-browser.ts';
import { createConfSettingsFile } from './core/settings/conf-settings-file.ts';
import { defaultDataFolder } from './core/state/data-folder.ts';
import { systemClock } from './core/state/system-clock.ts';

/** Options of `sallyport run`. */
export interface HeadlessOptions {
  /** Absolute path; default as in `design.md` §7. */
  readonly dataDir?: string;
  /** Port of the page; 0 = any free one; absent = the remembered one. */
  readonly uiPort?: number;
  /** Open the page in a browser. Without it nobody may be at a screen, and the command line may decide (S7). */
  readonly open: boolean;
  readonly json: boolean;
  /** Command and arguments that run this command line again. */
  readonly selfCommand: readonly string[];
  readonly version: string;
}

/** The built pages lie beside the bundle that this file becomes part of. */
const rendererRoot = join(import.meta.dirname, '../renderer');

/**
 * The app without Electron: the same core, its UI in a browser. Runs until SIGINT or SIGTERM.
 * @returns the exit status: 130 or 143 (`design.md` §6)
 * @throws SallyportError where the core cannot start
 */
export async function runHeadless(options: HeadlessOptions): Promise<number> {
  const dataDir = options.dataDir ?? defaultDataFolder();
  const stopAsked = signalled();
  const core = await startCore({
    dataDir,
    version: options.version,
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: options.selfCommand,
    browser: { root: rendererRoot, ...(options.uiPort === undefined ? {} : { port: options.uiPort }) },
    ...(options.open ? {} : { cliMayDecide: true }),
  });
  const url = core.browser?.url() ?? '';
  for (const notice of core.notices) process.stderr.write(`${notice}\n`);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ready: true, ui: url, dataDir, pid: process.pid })}\n`);
  } else {
    process.stdout.write(
      `Sallyport is running. Open ${url}\nThe address holds this run's key: keep it to yourself. Ctrl-C ends it.\n`,
    );
  }
  if (options.open) {
    const file = core.browser?.openBrowserFile(join(dataDir, 'open-ui.html'));
    if (file) openInBrowser(file, () => process.stderr.write(`No browser could be opened: use ${url}\n`));
  }
  const signal = await stopAsked;
  await core.stop();
  return 128 + constants.signals[signal];
}

/** The first SIGINT or SIGTERM; a second one while stopping ends the process at once. */
function signalled(): Promise<'SIGINT' | 'SIGTERM'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(128 + constants.signals[signal]));
        resolve(signal);
      });
    }
  });
}
