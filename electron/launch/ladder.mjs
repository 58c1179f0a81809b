import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { handSignalsOn, statusOfSignal } from './child.mjs';
import { downloadElectron, findElectronBinary, findElectronPackage } from './electron-binary.mjs';
import { whyElectronEnded } from './electron-failure.mjs';

/**
 * The ladder from the desktop app down to the browser. Each rung answers either Electron's executable or the reason why
 * the browser it is.
 * @returns {Promise<{ binary: string } | { reason: string }>}
 */
export async function chooseFront({ root, say }) {
  if (process.env.SALLYPORT_NO_ELECTRON === '1') return { reason: 'SALLYPORT_NO_ELECTRON is set' };
  if (process.platform === 'linux') {
    if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return { reason: 'no display' };
    // Chromium's sandbox does not run as root, and we do not run without it.
    if (process.getuid?.() === 0) return { reason: 'running as root' };
  }
  const electron = findElectronPackage(root);
  if (!electron) return { reason: 'its package is not installed' };
  const binary = findElectronBinary(electron);
  if (binary) return { binary };
  const progress = progressLine();
  const reason = await downloadElectron(electron, { say, progress: progress.show });
  progress.end();
  return reason ? { reason } : { binary: /** @type {string} */ (findElectronBinary(electron)) };
}

/**
 * Starts the app in Electron and waits until its core is ready.
 * @returns {Promise<{ ended: Promise<number> } | { reason: string } | { status: number }>}
 *   the status with which the running app will end; or why Electron is not available; or the status to end with, where Electron is but the app is done
 *   (it handed over to a running instance) or could not start (it has said why)
 */
export function startElectron({ binary, root, args, signal }) {
  return new Promise((done) => {
    const child = spawn(binary, [root, '--ready-line', '--node', process.execPath, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    signal?.addEventListener('abort', () => child.kill('SIGTERM'));
    const signals = handSignalsOn(child);
    let stderr = '';
    let ready;
    const ended = new Promise((end) => {
      child.once('error', (error) => {
        done({ reason: whyElectronEnded({ code: null, signal: null, stderr, error }) });
        end(1);
      });
      child.once('close', (code, signal) => {
        signals.stop();
        if (ready?.ready === false) done({ status: 1 });
        else if (signals.last) done({ status: statusOfSignal(signals.last) });
        else if (code === 0) done({ status: 0 });
        else done({ reason: whyElectronEnded({ code, signal, stderr }) });
        end(code ?? statusOfSignal(signal));
      });
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = ready ? undefined : parseReady(line);
      if (!message) return process.stdout.write(`${line}\n`);
      ready = message;
      if (message.ready) {
        process.stderr.write(stderr);
        done({ ended });
      } else process.stderr.write(`${message.error?.message ?? 'The app could not start.'}\n`);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      if (ready) process.stderr.write(text);
      // Before that it is kept back: if Electron cannot run, one line says so instead.
      else stderr = (stderr + text).slice(-16_000);
    });
  });
}

/** The one line that says that the app opens in the browser, and why. */
export function browserLine(reason) {
  return `Electron is not available (${reason}). Opening in the browser instead.`;
}

/** The app's ready line: `{"ready":true,…}`, or `{"ready":false,"error":{…}}` where its core could not start. */
function parseReady(line) {
  if (!line.startsWith('{"ready":')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** One line that is written over on a terminal; elsewhere a line for each tenth. */
function progressLine() {
  let shown = -1;
  return {
    show(received, total) {
      const tenth = total ? Math.floor((received / total) * 10) : Math.floor(received / 10_000_000);
      const text = `  ${(received / 1e6).toFixed(0)}${total ? ` of ${(total / 1e6).toFixed(0)}` : ''} MB`;
      if (process.stderr.isTTY) process.stderr.write(`\r${text}`);
      else if (tenth > shown) process.stderr.write(`${text}\n`);
      shown = Math.max(shown, tenth);
    },
    end() {
      if (process.stderr.isTTY && shown >= 0) process.stderr.write('\n');
    },
  };
}
