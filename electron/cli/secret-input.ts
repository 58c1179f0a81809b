import { readFileSync } from 'node:fs';
import { SallyportError } from '../shared/errors.ts';
import { usageError } from './failures.ts';
import type { CliIo } from './io.ts';

/** Secrets reach the command line by a prompt, a file or standard input, never as an argument (`design.md` §6). */

const maxBytes = 1_024 * 1_024;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const secretName =
  /TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE|AUTH|(?:^|_)(?:KEY|PAT|PWD|PASS)$/i;
const secretShapes: readonly RegExp[] = [
  /^(?:sk-|sp_|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|npm_|AKIA|ASIA|AIza|eyJ[A-Za-z0-9_-]+\.)/,
  /-----BEGIN /,
  /:\/\/[^/\s:@]+:[^/\s@]+@/,
];

/** Whether a variable, by its name or its value, looks like something that must not stand in a list of processes. */
export function looksLikeSecret(name: string, value: string): boolean {
  if (value === '') return false;
  if (secretName.test(name) || secretShapes.some((shape) => shape.test(value))) return true;
  return (
    /^[A-Za-z0-9+/_][A-Za-z0-9+/=_-]{23,}$/.test(value) &&
    /\d/.test(value) &&
    /[A-Za-z]/.test(value) &&
    bitsPerCharacter(value) > 3.5
  );
}

/** Shannon entropy: random keys have more of it than words. */
function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

/**
 * The environment of a new server from `--env NAME[=V]` and `--env-file`.
 * @throws SallyportError `secret_in_arguments` for a value that looks like a secret; `usage`, `file_unreadable`
 */
export async function readEnvironment(
  io: CliIo,
  given: { readonly env?: readonly string[] | undefined; readonly envFile?: string | undefined },
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  if (given.envFile !== undefined) Object.assign(values, parseEnvironmentFile(await readSource(io, given.envFile)));
  for (const entry of given.env ?? []) {
    const at = entry.indexOf('=');
    const name = at === -1 ? entry : entry.slice(0, at);
    if (!variableName.test(name)) throw usageError(`--env: ${JSON.stringify(name)} is no name of a variable.`);
    if (at === -1) {
      values[name] = await promptSecret(io, `Value of ${name}`, `--env-file FILE, or --env-file - for standard input`);
      continue;
    }
    const value = entry.slice(at + 1);
    if (looksLikeSecret(name, value)) {
      throw new SallyportError(
        'secret_in_arguments',
        'app',
        `--env ${name}=… looks like a secret, and arguments can be read by every program on this machine.`,
        { hint: `Write --env ${name} to be asked for it, --env-file FILE, or --env-file - to read standard input.` },
      );
    }
    values[name] = value;
  }
  return values;
}

/**
 * `NAME=VALUE` lines; empty lines and those that begin with # are left out, quotes around a whole value are removed.
 * @throws SallyportError `usage` naming the line, never its content
 */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.trimStart().startsWith('#')) return;
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    const name = match?.[1];
    if (name === undefined) throw usageError(`--env-file: line ${index + 1} is not NAME=VALUE.`);
    const value = (match?.[2] ?? '').trim();
    const quoted = /^(["'])(.*)\1$/.exec(value);
    values[name] = quoted?.[2] ?? value;
  });
  return values;
}

const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/**
 * The headers that go with each request to a server, from `--header NAME` (asked for) and `--header-file` (`Name: value` lines).
 * @throws SallyportError `usage` naming the header or the line, never a value; `file_unreadable`
 */
export async function readHeaders(
  io: CliIo,
  given: { readonly header?: readonly string[] | undefined; readonly headerFile?: string | undefined },
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  if (given.headerFile !== undefined) {
    (await readSource(io, given.headerFile)).split(/\r?\n/).forEach((line, index) => {
      if (line.trim() === '' || line.startsWith('#')) return;
      const at = line.indexOf(':');
      const name = line.slice(0, at).trim();
      if (at === -1 || !headerName.test(name)) throw usageError(`--header-file: line ${index + 1} is not Name: value.`);
      values[name] = line.slice(at + 1).trim();
    });
  }
  for (const name of given.header ?? []) {
    if (!headerName.test(name)) {
      throw usageError('--header takes the name of a header.', 'Its value is asked for, or comes with --header-file.');
    }
    values[name] = await promptSecret(
      io,
      `Value of ${name}`,
      '--header-file FILE, or --header-file - for standard input',
    );
  }
  return values;
}

/** Reads a file, or standard input for `-`. @throws SallyportError `file_unreadable` */
export async function readSource(io: CliIo, file: string): Promise<string> {
  if (file === '-') return await readAll(io.stdin);
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > maxBytes) throw new Error('it is larger than 1 MiB');
    return text;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SallyportError('file_unreadable', 'app', `${file} cannot be read: ${why}.`, { cause: error });
  }
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > maxBytes) throw usageError('Standard input is longer than 1 MiB.');
  }
  return text;
}

/**
 * Asks for a secret without showing it.
 * @param instead what to use where nobody can be asked
 * @throws SallyportError `usage` without a terminal; `interrupted` on Ctrl-C
 */
export function promptSecret(io: CliIo, question: string, instead: string): Promise<string> {
  const { stdin } = io;
  if (!stdin.isTTY) {
    throw usageError(`${question}: there is no terminal to ask at.`, `Use ${instead}.`);
  }
  io.stderr(`${question}: `);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (run: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      io.stderr('\n');
      run();
    };
    const onData = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') {
          finish(() => resolve(typed));
          return;
        }
        if (character === '\u0003') {
          finish(() => reject(new SallyportError('interrupted', 'app', 'Nothing was entered.')));
          return;
        }
        typed = character === '\u007f' || character === '\b' ? typed.slice(0, -1) : typed + character;
      }
    };
    stdin.on('data', onData);
  });
}
