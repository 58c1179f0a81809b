import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
/** The bundled command line, as `npm start` and the package run it. */
export const cliPath = join(root, 'dist/electron/cli.js');

/** What one CLI call came to. */
export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one JSON document of `--json`. */
  json<T = Record<string, unknown>>(): T;
}

/** Runs the command line once, as a person would, and waits for its end. */
export async function runCli(
  args: readonly string[],
  options: { input?: string; cwd?: string } = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [cliPath, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd ? { cwd: options.cwd } : {}),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(options.input ?? '');
  const [status] = (await once(child, 'close')) as [number | null];
  return {
    status,
    stdout,
    stderr,
    json<T>() {
      if (status !== 0) throw new Error(`sallyport ${args.join(' ')} ended with ${status}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
  };
}

/** A running app without Electron, in a process and a data folder of its own. */
export interface AppProcess {
  readonly dataDir: string;
  readonly ui: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Calls the command line against this app, `--json` and `--data-dir` added. */
  cli<T = Record<string, unknown>>(...args: string[]): Promise<T>;
  /** The same, without throwing on a failure. */
  tryCli(...args: string[]): Promise<CliResult>;
  /** Ends it by `signal` and waits; the data folder stays. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Ends it and removes its data folder. */
  dispose(): Promise<void>;
}

/** Starts `sallyport run` and waits for its ready line. */
export async function startApp(options: { dataDir?: string; entry?: string } = {}): Promise<AppProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'sallyport-app-')));
  const child = spawn(
    process.execPath,
    [options.entry ?? cliPath, 'run', '--no-open', '--json', '--data-dir', dataDir, '--ui-port', '0'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, 'line').then(([line]) => line as string),
    once(child, 'close').then(([code]) => {
      throw new Error(`sallyport run ended with ${code}: ${stderr}`);
    }),
  ]);
  const ready = JSON.parse(first) as { ui: string; pid: number };
  const tryCli = (...args: string[]): Promise<CliResult> => runCli([...args, '--json', '--data-dir', dataDir]);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const closed = once(child, 'close') as Promise<[number | null]>;
    child.kill(signal);
    return (await closed)[0];
  };
  return {
    dataDir,
    ui: ready.ui,
    pid: ready.pid,
    child,
    async cli<T>(...args: string[]) {
      return (await tryCli(...args)).json<T>();
    },
    tryCli,
    stop,
    async dispose() {
      await stop();
      for (const folder of [dataDir, `${dataDir}-notebook`]) await rm(folder, { recursive: true, force: true });
    },
  };
}
