import { dirname, join } from 'node:path';
import { buildIfStale } from './build-if-stale.mjs';
import { runInOurPlace } from './child.mjs';
import { browserLine, chooseFront, startElectron } from './ladder.mjs';

/** `npm start`: builds if stale, then opens the app in Electron, or in the browser where Electron is not available. */

const root = dirname(dirname(import.meta.dirname));
const args = process.argv.slice(2);
const say = (line) => process.stderr.write(`${line}\n`);

async function start() {
  await buildIfStale({ root, say });
  const front = await chooseFront({ root, say });
  let reason = front.reason;
  if (front.binary) {
    const app = await startElectron({ binary: front.binary, root, args });
    if (app.ended) return app.ended;
    if (app.status !== undefined) return app.status;
    reason = app.reason;
  }
  say(browserLine(reason));
  return runInOurPlace(process.execPath, [join(root, 'electron/launch/bin.mjs'), 'run', ...args]);
}

try {
  process.exitCode = await start();
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
