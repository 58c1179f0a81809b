import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { runCli } from '../../../electron/cli/program.ts';

// After `--` Node takes no argument for itself; `--env-file` it would otherwise, wherever it stands.
const entry = join(import.meta.dirname, '../../../electron/cli/main.ts');

/** What one run of the command line left behind. */
export interface CliRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as one JSON document. */
  json(): unknown;
  /** The error of standard error as JSON. */
  error(): { code: string; message: string; hop: string; hint?: string };
}

/** Runs the command line in a process of its own. */
export async function cli(
  args: readonly string[],
  options: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<CliRun> {
  const child = spawn(process.execPath, ['--', entry, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    status,
    stdout,
    stderr,
    json: () => JSON.parse(stdout),
    error: () => JSON.parse(stderr).error,
  };
}

/** Runs the command line in this process: as {@link cli}, without the time that a process takes to start. */
export async function cliHere(args: readonly string[], options: { stdin?: string } = {}): Promise<CliRun> {
  let stdout = '';
  let stderr = '';
  const status = await runCli(args, {
    version: '0.0.0',
    selfCommand: [process.execPath, entry],
    streams: {
      // A pipe, as far as the commands look.
      stdin: Readable.from([options.stdin ?? '']) as unknown as NodeJS.ReadStream,
      stdout: {
        write(text) {
          stdout += text;
        },
      },
      stderr: {
        write(text) {
          stderr += text;
        },
      },
    },
  });
  return { status, stdout, stderr, json: () => JSON.parse(stdout), error: () => JSON.parse(stderr).error };
}

/** Starts a command that goes on, and reads its lines. */
export function follow(args: readonly string[]): {
  readonly child: ChildProcess;
  next(): Promise<unknown>;
  readonly status: Promise<number | null>;
} {
  const child = spawn(process.execPath, ['--', entry, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const { value, done } = await lines.next();
      if (done) throw new Error('the output ended');
      return JSON.parse(value);
    },
    status: new Promise((resolve) => child.once('close', resolve)),
  };
}
