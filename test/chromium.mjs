import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/**
 * Finds the Chromium that the browser suites drive: the variable CHROMIUM, else one on the PATH, else what
 * playwright-core downloaded before. Installs nothing.
 * @returns {string | undefined} path of the executable
 */
export function findChromium() {
  const chosen = process.env.CHROMIUM;
  if (chosen) {
    if (!isExecutable(chosen)) throw new Error(`CHROMIUM is ${chosen}, which is not a program that can be run.`);
    return chosen;
  }
  return onPath() ?? fromPlaywright();
}

/**
 * As {@link findChromium}, and installs one where there is none: with apt-get as root, else with playwright-core's own
 * installer.
 * @param {(line: string) => void} say
 * @returns {string}
 * @throws Error whose message is the command to type
 */
export function provideChromium(say) {
  const found = findChromium();
  if (found) return found;
  if (process.platform === 'linux' && process.getuid?.() === 0 && run('apt-get', ['--version'], 'ignore')) {
    say('The browser tests need Chromium: installing it with apt-get.');
    const apt = ['-y', '-q', '-o', 'Dpkg::Use-Pty=0', '--no-install-recommends', 'install', 'chromium'];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    // Lists that are already there may do; a fresh machine has none.
    if (!run('apt-get', apt, 'pipe', env) && run('apt-get', ['-q', 'update'], 'stderr', env)) {
      run('apt-get', apt, 'stderr', env);
    }
    const installed = onPath();
    if (installed) return installed;
  }
  say('The browser tests need Chromium: asking playwright-core to fetch it.');
  run(process.execPath, [playwrightCli(), 'install', 'chromium', '--no-shell'], 'stderr');
  const fetched = fromPlaywright();
  if (fetched) return fetched;
  throw new Error(
    'The browser tests need Chromium, and it could not be installed. Type this, then run the tests again:\n\n' +
      `  ${howToInstall()}\n\n` +
      'or name an installed Chromium or Chrome: CHROMIUM=/path/to/chromium npm test',
  );
}

/** Names under which systems install a browser that speaks the DevTools protocol. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function onPath() {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      const path = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
      if (folder && isExecutable(path)) return path;
    }
  }
  return undefined;
}

function fromPlaywright() {
  try {
    const path = createRequire(import.meta.url)('playwright-core').chromium.executablePath();
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function playwrightCli() {
  return join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), 'cli.js');
}

function howToInstall() {
  if (process.platform !== 'linux') return 'npx playwright-core install chromium';
  if (run('apt-get', ['--version'], 'ignore')) return 'sudo apt-get update && sudo apt-get install -y chromium';
  if (run('dnf', ['--version'], 'ignore')) return 'sudo dnf install -y chromium';
  if (run('pacman', ['--version'], 'ignore')) return 'sudo pacman -S --noconfirm chromium';
  return 'npx playwright-core install --with-deps chromium';
}

/** Runs to the end; true if it ended well. `stderr` sends both outputs to our standard error. */
function run(command, args, output, env = process.env) {
  const stdio = output === 'stderr' ? ['ignore', 2, 2] : ['ignore', output, output];
  return spawnSync(command, args, { stdio, env, timeout: 15 * 60_000 }).status === 0;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Features by which each window loads pages of the browser's own beside ours; without them a page opens in half the time. */
export const browserOwnPages = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxFullPopup',
  'PreloadTopChromeWebUI',
];
