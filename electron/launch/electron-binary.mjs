import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How long Electron's installer may take to reach its download, and how long the download may stand still. */
const connectWithin = 10_000;
const stalledAfter = 30_000;

/**
 * Where the electron package is installed. Never `require('electron')`: in plain Node that starts a download.
 * @returns {{ folder: string, version: string } | undefined}
 */
export function findElectronPackage(root) {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve('electron/package.json');
    return { folder: dirname(manifest), version: JSON.parse(readFileSync(manifest, 'utf8')).version };
  } catch {
    return undefined;
  }
}

/**
 * Path of Electron's executable.
 * @returns {string | undefined} nothing if it was not downloaded yet
 */
export function findElectronBinary({ folder }) {
  const named = join(folder, 'path.txt');
  const relative = existsSync(named) ? readFileSync(named, 'utf8').trim() : 'electron';
  const path = join(process.env.ELECTRON_OVERRIDE_DIST_PATH || join(folder, 'dist'), relative);
  return existsSync(path) ? path : undefined;
}

/**
 * Runs Electron's own installer as a child and shows how far it is.
 * @param {{ folder: string, version: string }} electron
 * @param {{ say: (line: string) => void, progress: (received: number, total: number | undefined) => void }} report
 * @returns {Promise<string | undefined>} why it did not work, in words; nothing if it did
 */
export function downloadElectron(electron, { say, progress }) {
  say(`Downloading Electron ${electron.version} (about 120 MB, once). SALLYPORT_NO_ELECTRON=1 skips this.`);
  return new Promise((done) => {
    const child = spawn(
      process.execPath,
      [
        '--import',
        pathToFileURL(join(import.meta.dirname, 'download-watch.mjs')).href,
        join(electron.folder, 'install.js'),
      ],
      { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { ...process.env, ELECTRON_GET_NO_PROGRESS: '1' } },
    );
    let words = '';
    let reason;
    let timer;
    const giveUp = (why) => {
      reason ??= why;
      child.kill('SIGKILL');
    };
    const limit = (milliseconds, why) => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, milliseconds, why);
    };
    const stop = (signal) => {
      child.kill('SIGKILL');
      process.kill(process.pid, signal); // `once` took this listener away: the signal now does what it does by default
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);

    child.on('message', (message) => {
      if (message.type === 'asking') limit(connectWithin, 'its download did not answer within 10 seconds');
      if (message.type === 'failed') reason ??= inWords(message);
      if (message.type === 'received') {
        limit(stalledAfter, 'its download stood still for 30 seconds');
        progress(message.received, message.total);
      }
      if (message.type === 'complete') clearTimeout(timer);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      words = (words + text).slice(-4_000);
    });
    child.once('error', (error) => {
      reason ??= `its installer did not start: ${error.message}`;
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', stop).off('SIGTERM', stop);
      if (code === 0 && !reason && findElectronBinary(electron)) return done(undefined);
      done(reason ?? lastWords(words) ?? 'its installer ended without installing it');
    });
  });
}

/** Why a download failed, from what its fetch threw or answered. */
function inWords({ code, status, message }) {
  if (status) return `its download answered ${status}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'its download host cannot be found; is this machine offline?';
  if (code === 'ECONNREFUSED') return 'its download host refuses connections';
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code ?? ''))
    return `its download host shows a certificate that Node does not trust (${code})`;
  return `its download failed: ${code ?? message}`;
}

/** The line of an error that says what it was, without its stack. */
function lastWords(text) {
  const lines = text.split('\n').filter((line) => /\S/.test(line) && !/^\s+at /.test(line));
  const line = lines.find((candidate) => /^(?:Uncaught )?\w*Error\b.*: /.test(candidate)) ?? lines[0];
  return line ? `its installer says: ${line.trim().replace(/^(?:Uncaught )?\w*Error\b[^:]*: /, '')}` : undefined;
}
