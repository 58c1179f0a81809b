import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** What the build is made from. */
const sources = ['electron', 'renderer', 'assets', 'vite.config.ts', 'package.json', 'package-lock.json'];

/**
 * Builds `dist` if it is missing or older than what it is made from. In an installed package, which has no sources, it
 * does nothing. What the build prints goes to standard error, so that standard output stays the caller's.
 * @param {{ root: string, say?: (line: string) => void }} options
 * @throws Error with a sentence for people if the build fails
 */
export async function buildIfStale({ root, say = () => {} }) {
  if (!isCheckout(root) || isFresh(root)) return;
  const unlock = await lock(root);
  try {
    if (isFresh(root)) return; // another process built while we waited
    say('Building Sallyport…');
    const fingerprint = fingerprintOf(root);
    rmSync(stamp(root), { force: true });
    const vite = join(dirname(createRequire(join(root, 'package.json')).resolve('vite/package.json')), 'bin/vite.js');
    const status = await new Promise((done) => {
      const child = spawn(process.execPath, [vite, 'build', '--app', '--logLevel', 'warn'], {
        cwd: root,
        stdio: ['ignore', 2, 2],
      });
      child.once('error', () => done(1));
      child.once('exit', (code) => done(code ?? 1));
    });
    if (status !== 0) throw new Error('The build failed; what it said is above.');
    writeFileSync(stamp(root), fingerprint);
  } finally {
    unlock();
  }
}

/** Whether `root` holds the sources, not only what was built from them. */
export function isCheckout(root) {
  return existsSync(join(root, 'vite.config.ts')) && existsSync(join(root, 'electron/main.ts'));
}

/** Beside the build, not in it: nothing of it gets into a package. */
const stamp = (root) => join(root, 'node_modules/.cache/sallyport-built-from');

function isFresh(root) {
  try {
    return existsSync(join(root, 'dist/electron/cli.js')) && readFileSync(stamp(root), 'utf8') === fingerprintOf(root);
  } catch {
    return false;
  }
}

/** Names, sizes and times of all sources: cheap, and a removed file shows too. */
function fingerprintOf(root) {
  const hash = createHash('sha256');
  for (const source of sources) visit(join(root, source));
  return hash.digest('hex');

  function visit(path) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) return;
    if (!stats.isDirectory()) hash.update(`${path}\0${stats.size}\0${stats.mtimeMs}\n`);
    else for (const name of readdirSync(path).sort()) visit(join(path, name));
  }
}

/** One build at a time in one checkout. A lock whose process is gone is taken over. */
async function lock(root) {
  const folder = join(root, 'node_modules/.cache/sallyport-build.lock');
  mkdirSync(dirname(folder), { recursive: true });
  for (;;) {
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, 'pid'), String(process.pid));
      return () => rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (holderIsGone(folder)) rmSync(folder, { recursive: true, force: true });
      else await wait(200);
    }
  }
}

function holderIsGone(folder) {
  try {
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    // Just made and not yet written, or left half made: give it five seconds.
    const stats = statSync(folder, { throwIfNoEntry: false });
    return stats !== undefined && Date.now() - stats.mtimeMs > 5_000;
  }
}
