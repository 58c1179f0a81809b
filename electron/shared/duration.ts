import { SallyportError } from './errors.ts';

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Parses a duration as the command line takes it: a whole number with a unit, `90s`, `15m`, `1h` or `30d`.
 * @returns milliseconds, more than zero
 * @throws SallyportError `bad_duration` naming the text
 */
export function parseDuration(text: string): number {
  const match = /^([1-9][0-9]{0,8})([smhd])$/.exec(text);
  if (!match) {
    throw new SallyportError('bad_duration', 'app', `"${text}" is not a duration.`, {
      hint: 'Write a whole number and a unit: 90s, 15m, 1h or 30d.',
    });
  }
  return Number(match[1]) * units[match[2] as keyof typeof units];
}

/** Formats milliseconds for people: the largest unit that leaves a whole number, else seconds rounded (`90s`, `15m`). */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (milliseconds >= units[unit] && milliseconds % units[unit] === 0) return `${milliseconds / units[unit]}${unit}`;
  }
  return `${Math.max(0, Math.round(milliseconds / 1_000))}s`;
}
