import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createBuilder, createServer } from 'vite';
import { statusOfSignal } from './child.mjs';
import { browserLine, chooseFront, startElectron } from './ladder.mjs';

/**
 * `npm run dev`: the app with live reload, through the same ladder as `npm start`.
 *
 * - In Electron: a change anywhere builds what it touches; the app starts anew.
 * - In the browser: the page comes from Vite's development server, which swaps changed modules in place and passes the
 *   contract's WebSocket on to the app; a change under `electron/` starts the app anew.
 */

const root = dirname(dirname(import.meta.dirname));
const args = process.argv.slice(2);
/** Vite's page stands before the app's own, so the app never opens one. */
const appArgs = args.filter((arg) => arg !== '--no-open' && arg !== '--json');
const say = (line) => process.stderr.write(`${line}\n`);

let running;
let stopping = false;
let starting = Promise.resolve();

/** Ends the running app and starts it again; several changes at once are one start. */
function restart(start) {
  starting = starting.then(async () => {
    if (stopping) return;
    const before = running;
    running = undefined;
    if (before) {
      before.stop();
      await before.ended;
    }
    if (!stopping) running = await start();
  });
  return starting.catch((error) => say(error.message));
}

async function dev() {
  const front = await chooseFront({ root, say });
  if (front.binary) {
    await watch(['client', 'preload', 'node'], () => restart(() => runInElectron(front.binary)));
    return;
  }
  say(browserLine(front.reason));
  await watch(['preload', 'node'], () => restart(runInBrowser));
}

/** Builds the environments again whenever a file of theirs changes, and tells after each round. */
async function watch(names, changed) {
  const builder = await createBuilder({
    root: join(root, 'renderer'),
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'warn',
  });
  let timer;
  let all = false;
  const broken = new Set();
  const settled = () => {
    if (broken.size > 0) say('Not built: see above. It is tried again after the next change.');
    else changed();
  };
  for (const name of names) {
    const environment = builder.environments[name];
    environment.config.build.watch = {};
    // The preload and the app share a folder: built again alone, one would wipe out the other.
    environment.config.build.emptyOutDir = false;
    const watcher = await builder.build(environment);
    await new Promise((built) => {
      watcher.on('event', (event) => {
        if (event.code === 'START') broken.delete(name);
        if (event.code === 'ERROR') {
          broken.add(name);
          say(event.error?.message ?? 'The build failed.');
        }
        if (event.code !== 'END' && event.code !== 'ERROR') return;
        built();
        clearTimeout(timer);
        if (all) timer = setTimeout(settled, 100);
      });
    });
  }
  all = true;
  settled();
}

async function runInElectron(binary) {
  const stop = new AbortController();
  const app = await startElectron({ binary, root, args, signal: stop.signal });
  if (app.reason) say(`Electron did not start: ${app.reason}. It is tried again after the next change.`);
  return app.ended ? { stop: () => stop.abort(), ended: app.ended } : undefined;
}

let page;

async function runInBrowser() {
  const child = spawn(
    process.execPath,
    [join(root, 'dist/electron/cli.js'), 'run', ...appArgs, '--no-open', '--json'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise((done) => child.once('exit', done));
  const line = await Promise.race([
    new Promise((ready) => createInterface({ input: child.stdout }).once('line', ready)),
    ended.then(() => undefined),
  ]);
  if (!line) {
    say('The app ended before it was ready. It is tried again after the next change.');
    return undefined;
  }
  const ui = new URL(JSON.parse(line).ui);
  await page?.close();
  page = await createServer({
    configFile: join(root, 'vite.config.ts'),
    root: join(root, 'renderer'),
    logLevel: 'warn',
    server: {
      host: '127.0.0.1',
      // The page's WebSocket goes to the app with Host and Origin as the browser sent them: both are this server's.
      proxy: { '/contract': { target: ui.origin, ws: true, changeOrigin: false } },
    },
  });
  await page.listen(page.config.server.port ?? 0);
  const { port } = page.httpServer.address();
  say(`Live page, open it in a browser: http://127.0.0.1:${port}/${ui.hash}`);
  return { stop: () => child.kill('SIGTERM'), ended };
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (stopping) process.exit(statusOfSignal(signal));
    stopping = true;
    const before = running;
    before?.stop();
    void Promise.resolve(before?.ended).then(() => process.exit(statusOfSignal(signal)));
  });
}

try {
  await dev();
} catch (error) {
  say(error.message);
  process.exit(1);
}
