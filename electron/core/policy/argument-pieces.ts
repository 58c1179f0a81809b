import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';

/** A text of the arguments with the name of the member that holds it. */
export interface Leaf {
  readonly name: string;
  readonly text: string;
}

/** The texts of arguments, at most 40 of them. */
export function leavesOf(node: JsonNode | undefined): readonly Leaf[] {
  const found: Leaf[] = [];
  const walk = (one: JsonNode | undefined, name: string): void => {
    if (found.length >= 40) return;
    if (typeof one === 'string') found.push({ name, text: one });
    else if (Array.isArray(one)) for (const item of one as readonly JsonNode[]) walk(item, name);
    else if (one instanceof JsonObject) for (const [member, value] of one.members) walk(value, member);
  };
  walk(node, 'arguments');
  return found;
}

const telling = [
  /[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}/g,
  /\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b/g,
  /(?<![\w.])\+?\d(?:[ -]?\d){8,18}(?![\w.])/g,
  /(?<!\w)(?=\w{0,40}\d)(?=\w{0,40}[A-Z])(?=\w{0,40}[a-z])\w{14,80}(?!\w)/g,
];

/** Values by which people and accounts are told apart: mail addresses, long numbers, keys. */
export function tellingValues(text: string): readonly string[] {
  const searched = text.slice(0, 20_000);
  const found: string[] = [];
  for (const shape of telling) for (const [value] of searched.matchAll(shape)) if (found.length < 20) found.push(value);
  return found;
}

/** Stretches of several words, long enough that nobody writes them twice by chance. */
export function sentencesOf(text: string): readonly string[] {
  if (text.length < 40) return [];
  const pieces: string[] = [];
  for (const line of text.slice(0, 20_000).split(/[\n\r]+/)) {
    const trimmed = line.trim();
    if (trimmed.length >= 40 && /\s\S+\s\S+\s/.test(trimmed)) pieces.push(trimmed.slice(0, 200));
    if (pieces.length >= 20) break;
  }
  return pieces;
}

/** Whether a text names one thing to look up, as a key does: no white space in it, and no row of a table. */
export function isLookupKey(text: string): boolean {
  return !/\s/.test(text.trim()) && !isRecord(text);
}

/** Whether a text has the look of a row of a table: fields, one of them with a digit. */
function isRecord(text: string): boolean {
  return /\d/.test(text) && (text.match(/[,;\t|]/g)?.length ?? 0) >= 2;
}

const mostWords = 120;
/** Shortest stretch of two words that counts. */
const shortestRun = 10;

/** The longest stretches of words of a text that `holds` knows, without overlap; single words only where they are telling. */
export function runsKnown(text: string, holds: (piece: string) => boolean): readonly string[] {
  const words = [...text.slice(0, 4_000).matchAll(/[\p{L}\p{N}](?:\S{0,300}[\p{L}\p{N}])?/gu)].slice(0, mostWords);
  const found: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const first = words[at];
    if (!first) break;
    let run = '';
    let last = at;
    for (let next = at + 1; next < words.length; next += 1) {
      const end = words[next];
      if (!end) break;
      const piece = text.slice(first.index, end.index + end[0].length);
      if (piece.length > 400 || !holds(piece)) break;
      run = piece;
      last = next;
    }
    if (run === '' && tellingValues(first[0]).length > 0 && holds(first[0])) run = first[0];
    if (run.length < shortestRun) continue;
    found.push(run);
    at = last;
  }
  return found;
}

/** Whether what a call takes out is enough to be asked about: less of it where it tells people or accounts apart. */
export function isMuch(runs: readonly string[]): boolean {
  const distinct = [...new Set(runs)];
  const length = distinct.reduce((sum, one) => sum + one.length, 0);
  const exact = distinct.some((one) => isRecord(one) || tellingValues(one).length > 0);
  return length >= (exact ? 28 : 40);
}

/** A stretch that no person writes and no reader understands, as what is packed or enciphered looks; digests are shorter. */
export function opaqueRun(text: string): string | undefined {
  const mixed =
    /(?=[A-Za-z0-9+=]{0,200}\d)(?=[A-Za-z0-9+=]{0,200}[A-Z])(?=[A-Za-z0-9+=]{0,200}[a-z])[A-Za-z0-9+=]{40,}/;
  return (mixed.exec(text.slice(0, 20_000)) ?? /[0-9a-fA-F]{80,}/.exec(text.slice(0, 20_000)))?.[0];
}
