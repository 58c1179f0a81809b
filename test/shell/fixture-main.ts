import { resolve } from 'node:path';
import { app } from 'electron';
import { runShell } from '../../electron/shell/shell.ts';
import { startFixtureCore } from './fixture-core.ts';

/** The shell as it is, from source, on the small core. */

const root = resolve(import.meta.dirname, '../..');
runShell({
  args: process.argv.slice(app.isPackaged ? 1 : 2),
  distDir: resolve(root, 'dist'),
  assetsDir: resolve(root, 'assets'),
  startCore: startFixtureCore,
});
