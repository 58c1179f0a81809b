import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../shared/duration.ts';
import { asSallyportError } from '../shared/errors.ts';

/** Options whose value may begin with a dash: `--arg --json` is a value, not a global option. */
const valueOptions = new Set(['--arg', '--env', '--command', '--reason', '--name', '--url', '--header']);

/** Ties such options to their values, since global options are looked for everywhere. */
export function bindValues(argv: readonly string[]): string[] {
  const bound: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    const value = argv[at + 1];
    if (word === '--') return [...bound, ...argv.slice(at)];
    if (valueOptions.has(word) && value !== undefined) {
      bound.push(`${word}=${value}`);
      at += 1;
    } else bound.push(word);
  }
  return bound;
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** A whole number between two bounds. */
export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < from || value > to) {
      throw new InvalidArgumentError(`Write a whole number from ${from} to ${to}.`);
    }
    return value;
  };
}

/** A duration, in milliseconds. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(asSallyportError(error).hint ?? '');
  }
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** A moment: RFC 3339, or a duration back from now (`15m`). Answers RFC 3339 in UTC. */
export function moment(text: string): string {
  const time = rfc3339.test(text) ? Date.parse(text) : Date.now() - durationBack(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('There is no such date.');
  return new Date(time).toISOString();
}

function durationBack(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new InvalidArgumentError('Write a time like 2026-11-22T14:00:00Z, or how long ago: 15m, 1h, 30d.');
  }
}

/** One of several words. */
export function oneOf<const Words extends readonly string[]>(words: Words): (text: string) => Words[number] {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new InvalidArgumentError(`It is one of: ${words.join(', ')}.`);
    return found;
  };
}
