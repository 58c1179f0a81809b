import { type ChildProcess, execFile, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../../shared/clock.ts';
import { ServerFailure } from '../failure.ts';
import { findCommand, windowsCommandLine } from './command.ts';
import { descendantsOf, killProcesses, signalProcess } from './process-tree.ts';

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child whose whole process tree ends with it, with `stop`, and with this app, `kill -9` included (S12). */
export interface KeptChild {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the child is gone and what it left in its process group was killed. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Closes stdin, then SIGTERM, then SIGKILL to the whole tree, within about `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** What to start: exactly what the person confirmed. */
export interface KeptChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly clock: Clock;
}

/**
 * Runs as the leader of a new session and process group, forks a watcher (twice, so that the server has no child it does
 * not know), and then becomes the server by `exec`. The watcher holds nothing but the read end of a pipe from this app on
 * descriptor 3; when that closes, however this app ended, it ends the group and whatever else has the server as an
 * ancestor. Being in the group it also keeps the group's number from being given to somebody else.
 */
const keeper = `
( (
  trap '' HUP INT TERM QUIT PIPE
  while read -r _; do :; done <&3
  PATH=/usr/bin:/bin
  if [ -r /proc/1/stat ]; then
    list() { cat /proc/[0-9]*/stat | awk '{ pid = $1; sub(/^.*\\) /, ""); print pid, $2 }'; }
  else
    list() { ps -A -o pid= -o ppid=; }
  fi
  tree=$(list | awk -v root="$$" '
    { parent[$1] = $2 }
    END { for (pid in parent) { at = pid; for (n = 0; n < 999 && at in parent && at != root; n++) at = parent[at]
      if (at == root && pid != root) print pid } }')
  kill -s TERM -- "-$$"
  sleep 0.3 || sleep 1
  [ -z "$tree" ] || kill -s KILL $tree
  kill -s KILL -- "-$$"
) & ) </dev/null >/dev/null 2>&1
exec "$@" 3<&-
`;

/** How long after SIGKILL a process may take to be gone (it can hang in the kernel). */
const afterKillMs = 2_000;

/**
 * Starts a child that is kept. No shell reads the command or its arguments. Being in a session of its own, it does not
 * get the terminal's Ctrl-C. On Windows there is no keeper yet: `stop` ends the tree with `taskkill`, and after a crash of
 * the app only the closed stdin tells the server to end.
 * @throws ServerFailure `server_not_ready`: the command is not found or cannot be started
 */
export async function startKeptChild(options: KeptChildOptions): Promise<KeptChild> {
  const { clock, cwd, env } = options;
  const windows = process.platform === 'win32';
  const file = await findCommand(options.command, { path: env.PATH, cwd, platform: process.platform });
  let child: ChildProcess;
  if (windows) {
    const line = windowsCommandLine(file, options.args, env.COMSPEC ?? 'cmd.exe');
    const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
    child = spawn(line.file, line.args, {
      cwd,
      env,
      stdio,
      windowsHide: true,
      windowsVerbatimArguments: line.verbatim,
    });
  } else {
    child = spawn('/bin/sh', ['-c', keeper, 'sallyport', options.command, ...options.args], {
      cwd,
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    child.stdio[3]?.on('error', () => {});
  }
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(
        new ServerFailure('server_not_ready', 'crashed', `${options.command} could not be started: ${error.message}.`, {
          cause: error,
        }),
      );
    });
  });
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || !stdin || !stdout || !stderr) {
    throw new ServerFailure('server_not_ready', 'crashed', `${options.command} could not be started.`);
  }
  child.on('error', () => {});
  stdin.on('error', () => {});
  let gone = false;
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => {
      gone = true;
      if (!windows) signalProcess(-pid, 'SIGKILL');
      child.stdio[3]?.destroy();
      resolve({ code, signal });
    });
  });
  const within = async (milliseconds: number): Promise<boolean> => {
    if (milliseconds <= 0) return gone;
    return await new Promise((resolve) => {
      const cancel = clock.schedule(milliseconds, () => resolve(gone));
      void exited.then(() => {
        cancel();
        resolve(true);
      });
    });
  };
  const stop = async (graceMs: number): Promise<void> => {
    // Before anything ends: what left the group is only found while its parents live.
    const tree = await descendantsOf(pid);
    stdin.end();
    const politeMs = Math.min(2_000, graceMs * 0.4);
    if (!(await within(politeMs))) {
      if (!windows) signalProcess(-pid, 'SIGTERM');
      if (windows || !(await within(graceMs - politeMs))) {
        if (windows) execFile('taskkill', ['/PID', String(pid), '/T', '/F'], () => {});
        else signalProcess(-pid, 'SIGKILL');
        await within(afterKillMs);
      }
    }
    await killProcesses(tree);
  };
  let stopping: Promise<void> | undefined;
  return {
    stdin,
    stdout,
    stderr,
    exited,
    stop(graceMs) {
      if (gone) return Promise.resolve();
      // A second, more urgent stop does not wait for the first one's patience.
      if (stopping && graceMs === 0 && !windows) signalProcess(-pid, 'SIGKILL');
      stopping ??= stop(graceMs);
      return stopping;
    },
  };
}
