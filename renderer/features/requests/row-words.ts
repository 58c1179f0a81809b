import type { LogRow } from '../../../electron/shared/views.ts';
import { formatFull, formatTook } from '../../format.ts';
import { texts } from '../../texts.ts';

/** Argument names that usually say on what a tool works, most telling first. */
const targetNames = ['path', 'file', 'uri', 'url', 'source', 'query', 'sql', 'name', 'id', 'to', 'title'];

/** Points in time inside our own sentences: stored as RFC 3339, shown as this person writes them. */
const instants = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z/g;

/** On what a call worked, in one line: the telling argument, or the first short ones. An outsider's text. */
export function targetOf(row: LogRow): string {
  if (row.kind !== 'call') return (row.message ?? '').replace(instants, (at) => formatFull(at));
  const values = row.arguments;
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return row.tool ? '' : (row.method ?? '');
  const entries = Object.entries(values);
  const named = (wanted: string) => entries.find(([name]) => name === wanted)?.[1];
  const [source, destination] = [named('source'), named('destination')];
  if (source !== undefined && destination !== undefined) return `${line(source)} → ${line(destination)}`;
  for (const name of targetNames) {
    const value = named(name);
    if (value !== undefined) return line(value);
  }
  return entries
    .slice(0, 3)
    .map(([name, value]) => `${name}=${line(value)}`)
    .join(' ');
}

function line(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** How a row ended, in words, with the tone that its shape twin takes. */
export interface OutcomeText {
  readonly words: string;
  readonly why: string | undefined;
  readonly tone: 'calm' | 'you' | 'stopped' | 'trouble' | 'waiting';
}

/** What became of a call and why: one sentence's end. */
export function outcomeText(row: LogRow): OutcomeText {
  const words = texts.requests;
  const after = row.answer?.after === undefined ? undefined : formatTook(row.answer.after);
  switch (row.outcome) {
    case undefined:
      if (row.kind !== 'call') return { words: '', why: undefined, tone: 'calm' };
      return row.decision?.effect === 'ask' && !row.answer
        ? { words: words.outcomes.pending, why: undefined, tone: 'waiting' }
        : { words: words.running, why: undefined, tone: 'waiting' };
    case 'ran':
      if (row.answer?.by === 'remembered') return { words: words.allowedRemembered, why: undefined, tone: 'you' };
      if (row.answer?.by !== undefined && after !== undefined) {
        return { words: words.allowedIn(after), why: undefined, tone: 'you' };
      }
      return { words: words.outcomes.ran, why: undefined, tone: 'calm' };
    case 'denied':
      return row.answer?.by !== undefined && after !== undefined
        ? { words: words.deniedIn(after), why: row.answer.reason, tone: 'stopped' }
        : { words: words.outcomes.denied, why: row.decision?.reasons[0], tone: 'stopped' };
    case 'failed':
      return { words: words.outcomes.failed, why: row.error, tone: 'trouble' };
    case 'unknown':
      return { words: words.outcomes.unknown, why: row.error, tone: 'trouble' };
    case 'pending':
      return { words: words.outcomes.pending, why: undefined, tone: 'waiting' };
    case 'expired':
    case 'paused':
    case 'cancelled':
      return { words: words.outcomes[row.outcome], why: undefined, tone: 'stopped' };
  }
}
