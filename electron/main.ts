import { join } from 'node:path';
import { app } from 'electron';
import { startCore } from './core/core.ts';
import { systemClock } from './core/state/system-clock.ts';
import { commandLineSwitch } from './shell/command-line.ts';
import { runShell } from './shell/shell.ts';

/** Electron's entry: joins core and shell, or runs the command line where a package's launcher asks for it. */

// Where Electron was given the app's folder, that folder is an argument too.
const args = process.argv.slice(app.isPackaged ? 1 : 2);

if (args[0] === commandLineSwitch) {
  process.argv = [process.execPath, 'sallyport', ...args.slice(1)];
  await import('./cli/main.ts');
  app.exit(Number(process.exitCode ?? 0));
} else {
  const distDir = join(import.meta.dirname, '..');
  runShell({
    args,
    distDir,
    assetsDir: join(distDir, '../assets'),
    startCore: (deps) => startCore({ ...deps, version: app.getVersion(), clock: systemClock }),
  });
}
