import { CommanderError } from 'commander';
import { asSallyportError, SallyportError } from '../shared/errors.ts';
import { safeJson, shown } from './output.ts';

/** Exit statuses of the command line (`design.md` §6). */
export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  notYet: 3,
  noInstance: 4,
  foundWrong: 5,
  interrupted: 130,
  terminated: 143,
} as const;

/** A command that was typed wrongly; exit status 2. */
export function usageError(message: string, hint = 'See sallyport --help.'): SallyportError {
  return new SallyportError('usage', 'app', message, { hint });
}

const usageCodes = new Set(['usage', 'bad_duration', 'secret_in_arguments']);

/** Exit status for an error. */
export function statusOf(error: SallyportError): number {
  if (usageCodes.has(error.code)) return exitStatus.usage;
  if (error.code === 'not_yet_available') return exitStatus.notYet;
  return error.code === 'no_instance' ? exitStatus.noInstance : exitStatus.failed;
}

/** The one line that goes to stderr. */
export function errorLine(error: SallyportError, json: boolean): string {
  if (json) return `${safeJson({ error: error.toShape() })}\n`;
  const hint = error.hint === undefined ? '' : ` ${shown(error.hint)}`;
  return `${shown(error.message)}${hint} (${error.code}, at ${error.hop})\n`;
}

/**
 * What went wrong, whatever was thrown; undefined where nothing did (`--help`, `--version`).
 * @param thrown by a command, or by the parser of the command line
 */
export function failureOf(thrown: unknown): SallyportError | undefined {
  if (!(thrown instanceof CommanderError)) return asSallyportError(thrown);
  if (thrown.exitCode === 0) return undefined;
  if (thrown.code === 'commander.help') return usageError('A command is missing.');
  const message = thrown.message.replace(/^error: /, '').replace(/\n.*/s, '');
  return usageError(`${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`);
}
