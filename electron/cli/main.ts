import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { runCli } from './program.ts';

/** Entry of the command line: `electron/cli/main.ts` from source, `dist/electron/cli.js` built. Importing it runs it. */

const here = fileURLToPath(import.meta.url);
// Two folders up from either place.
const manifest = readFileSync(join(dirname(here), '..', '..', 'package.json'), 'utf8');
const { version } = z.object({ version: z.string() }).parse(JSON.parse(manifest));

const argv = process.argv.slice(2);

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The app, or an edge, goes on without its listener: it ends by a signal, in order.
  if (argv.includes('run')) return;
  // Whoever read us has seen enough (`sallyport log export | head`).
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runCli(argv, { version, selfCommand: [process.execPath, here] });
