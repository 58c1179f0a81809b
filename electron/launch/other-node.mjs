import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * This Node is too old, but the optional platform package may have brought a newer one along: run it in our place.
 * Written for old Nodes; where even its imports fail, bin.mjs says what to do.
 */
export function runWithOtherNode(whatToDo) {
  const here = dirname(fileURLToPath(import.meta.url));
  const windows = process.platform === 'win32';
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`;
  let node;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    node = join(folder, 'bin', windows ? 'node.exe' : 'node');
  } catch (_error) {
    process.stderr.write(`${whatToDo}\n`);
    process.exit(1);
  }
  const child = spawn(node, [join(here, 'bin.mjs')].concat(process.argv.slice(2)), { stdio: 'inherit' });
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => {
    process.on(signal, () => child.kill(signal));
  });
  child.on('error', () => {
    process.stderr.write(`${whatToDo}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + constants.signals[signal] : code);
  });
}
