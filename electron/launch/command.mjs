import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from './build-if-stale.mjs';

/** Runs the command line in this process: `dist/electron/cli.js` reads `process.argv` itself. */
export async function runCommand() {
  const root = dirname(dirname(import.meta.dirname));
  const cli = join(root, 'dist/electron/cli.js');
  try {
    await buildIfStale({ root, say: (line) => process.stderr.write(`${line}\n`) });
    if (!existsSync(cli)) throw new Error('This installation of Sallyport is not complete: install the package again.');
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  await import(pathToFileURL(cli).href);
}
