import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Status of a process that a signal ended, as shells count it. */
export const statusOfSignal = (signal) => 128 + (constants.signals[signal] ?? 0);

/**
 * Runs a command in our place: same streams, signals handed on, and its status as ours.
 * @returns {Promise<number>}
 */
export async function runInOurPlace(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  const signals = handSignalsOn(child);
  return new Promise((done) => {
    child.once('error', (error) => {
      process.stderr.write(`${command} did not start: ${error.message}\n`);
      signals.stop();
      done(1);
    });
    child.once('exit', (code, signal) => {
      signals.stop();
      done(signal ? statusOfSignal(signal) : (code ?? 1));
    });
  });
}

/**
 * Hands our signals to a child until `stop` is called; `last` is the newest one.
 * @returns {{ last: string | undefined, stop: () => void }}
 */
export function handSignalsOn(child) {
  const names = process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const state = {
    last: undefined,
    stop() {
      for (const name of names) process.off(name, handOn);
    },
  };
  const handOn = (signal) => {
    state.last = signal;
    child.kill(signal);
  };
  for (const name of names) process.on(name, handOn);
  return state;
}
