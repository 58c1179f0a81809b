import type { LogRow } from '../../../electron/shared/views.ts';
import { outcomeText, targetOf } from './row-words.ts';

const fields = ['agent', 'server', 'tool'] as const;
type Field = (typeof fields)[number];

/** Words that stand for how a call ended. */
const outcomeWords: Readonly<Record<string, (row: LogRow) => boolean>> = {
  ran: (row) => row.outcome === 'ran',
  failed: (row) => row.outcome === 'failed' || row.outcome === 'unknown',
  denied: (row) => row.outcome === 'denied',
  expired: (row) => row.outcome === 'expired',
  cancelled: (row) => row.outcome === 'cancelled',
  asked: (row) => row.decision?.effect === 'ask',
  running: (row) => row.kind === 'call' && row.outcome === undefined,
};

/**
 * Reads the filter field: words in any order, all of which must fit. `agent:claude`, `server:files` and `tool:write_*`
 * look at one column (`*` stands for anything), `denied`, `ran`, `failed`, `asked` … at how it ended, `-word` excludes,
 * any other word is looked for everywhere.
 * @returns a test for rows; an empty filter fits all
 */
export function parseFilter(text: string): (row: LogRow) => boolean {
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map(wordTest);
  return (row) => tests.every((test) => test(row));
}

function wordTest(word: string): (row: LogRow) => boolean {
  if (word.startsWith('-') && word.length > 1) {
    const test = wordTest(word.slice(1));
    return (row) => !test(row);
  }
  const colon = word.indexOf(':');
  const field = fields.find((name) => name === word.slice(0, colon));
  if (field) {
    const pattern = word.slice(colon + 1);
    return pattern === '' ? () => true : (row) => fits(pattern, columnOf(row, field));
  }
  const ended = Object.hasOwn(outcomeWords, word) ? outcomeWords[word] : undefined;
  if (ended) return ended;
  return (row) => everything(row).includes(word);
}

function columnOf(row: LogRow, field: Field): string {
  if (field === 'agent') return (row.agent?.name ?? '').toLowerCase();
  return (row[field] ?? '').toLowerCase();
}

/** `*` parts must appear in order, the ends anchored; without a star it is a plain search. No regular expression is made. */
function fits(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return text.includes(pattern);
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

const cache = new WeakMap<LogRow, string>();

function everything(row: LogRow): string {
  const known = cache.get(row);
  if (known !== undefined) return known;
  const { words, why } = outcomeText(row);
  const text = [
    row.agent?.name,
    row.server,
    row.tool,
    row.method,
    row.message,
    row.error,
    words,
    why,
    targetOf(row),
    row.arguments === undefined ? '' : JSON.stringify(row.arguments),
  ]
    .filter(Boolean)
    .join(' ')
    .toLowerCase();
  cache.set(row, text);
  return text;
}
