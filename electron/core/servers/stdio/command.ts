import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, resolve } from 'node:path';
import { ServerFailure } from '../failure.ts';

/** Where and how a command would be looked up. */
export interface CommandLookup {
  readonly path: string | undefined;
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
}

/**
 * Finds the file that a command means, as the system would, so that a missing one gets a clear sentence instead of an
 * exit status.
 * @returns absolute path
 * @throws ServerFailure `server_not_ready`: not found, or not executable
 */
export async function findCommand(command: string, lookup: CommandLookup): Promise<string> {
  const windows = lookup.platform === 'win32';
  const named = isAbsolute(command) || command.includes('/') || (windows && command.includes('\\'));
  const folders = named ? [''] : (lookup.path ?? '').split(delimiter).filter((folder) => folder !== '');
  let refused: string | undefined;
  for (const folder of folders) {
    for (const ending of windows ? ['', '.exe', '.cmd', '.bat', '.com'] : ['']) {
      const file = resolve(lookup.cwd, folder, `${command}${ending}`);
      const found = await look(file, windows);
      if (found === 'runs') return file;
      if (found === 'refused') refused ??= file;
    }
  }
  if (refused !== undefined) {
    throw new ServerFailure('server_not_ready', 'crashed', `Command not executable: ${refused}.`, {
      hint: 'Make it executable, or start it through its interpreter.',
    });
  }
  throw new ServerFailure('server_not_ready', 'crashed', `Command not found: ${command}.`, {
    hint: named
      ? `There is no such file (relative paths count from ${lookup.cwd}).`
      : 'It is not on the PATH that this app was started with: write its full path.',
  });
}

async function look(file: string, windows: boolean): Promise<'runs' | 'refused' | 'missing'> {
  const found = await stat(file).catch(() => undefined);
  if (!found) return 'missing';
  if (!found.isFile()) return 'refused';
  if (windows) return /\.(exe|cmd|bat|com)$/i.test(file) ? 'runs' : 'missing';
  return await access(file, constants.X_OK).then(
    () => 'runs' as const,
    () => 'refused' as const,
  );
}

/**
 * How Windows starts a found file. Batch files (`npx.cmd`) run only through `cmd.exe`, whose own reading of the line
 * cannot be quoted away for some characters: arguments that hold one are refused instead of guessed at.
 * @throws ServerFailure `server_not_ready` naming the argument
 */
export function windowsCommandLine(
  file: string,
  args: readonly string[],
  shell: string,
): { readonly file: string; readonly args: readonly string[]; readonly verbatim: boolean } {
  if (!/\.(cmd|bat)$/i.test(file)) return { file, args, verbatim: false };
  for (const part of [file, ...args]) {
    if (/["%!^\r\n\0]/.test(part)) {
      throw new ServerFailure(
        'server_not_ready',
        'crashed',
        'A batch file cannot be given an argument with ", %, !, ^ or a line end: Windows would read it as a command.',
        { hint: 'Start the program behind the batch file directly, for instance node.exe with its script.' },
      );
    }
  }
  const line = [file, ...args].map((part) => `"${part}"`).join(' ');
  return { file: shell, args: ['/d', '/s', '/v:off', '/c', `"${line}"`], verbatim: true };
}
