import { fileURLToPath } from 'node:url';
import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';

/** Limits of {@link argumentStrings}: what is beyond is not judged, and the call asks. */
export const stringLimits = { strings: 5_000, tokens: 1_000, pathLength: 4_096 } as const;

/** The strings of a call that may name a place. */
export interface ArgumentStrings {
  /** Whole strings, member names included: each may be a path or a `file:` URL. */
  readonly whole: readonly string[];
  /** Pieces of longer strings that look like paths, as in a command line or a patch. */
  readonly embedded: readonly string[];
  /** False where there was more than the limits allow. */
  readonly complete: boolean;
}

/** Collects every string of the arguments, at whatever depth. */
export function argumentStrings(...nodes: readonly (JsonNode | undefined)[]): ArgumentStrings {
  const whole = new Set<string>();
  const embedded = new Set<string>();
  let complete = true;
  const add = (text: string): void => {
    if (whole.size >= stringLimits.strings) {
      complete = false;
      return;
    }
    if (text.length <= stringLimits.pathLength) whole.add(text);
    for (const piece of pieces(text)) {
      if (embedded.size >= stringLimits.tokens) {
        complete = false;
        return;
      }
      embedded.add(piece);
    }
  };
  const walk = (node: JsonNode | undefined): void => {
    if (typeof node === 'string') add(node);
    else if (Array.isArray(node)) node.forEach(walk);
    else if (node instanceof JsonObject) {
      for (const [name, value] of node.members) {
        add(name);
        walk(value);
      }
    }
  };
  nodes.forEach(walk);
  return { whole: [...whole], embedded: [...embedded], complete };
}

const between = /[\s"'`<>|;&,=(){}[\]\u0000]/;

/**
 * Path-like pieces of a text of several words: what stands between the characters that a shell, a patch or a query puts
 * between, around each slash, tilde, dollar or percent sign. Linear in the length of the text.
 */
function pieces(text: string): readonly string[] {
  const found: string[] = [];
  const signs = /[\\/~$%]/g;
  for (let sign = signs.exec(text); sign !== null && found.length <= stringLimits.tokens; sign = signs.exec(text)) {
    let from = sign.index;
    let to = sign.index + 1;
    const tooLong = () => to - from > stringLimits.pathLength;
    while (from > 0 && !tooLong() && !between.test(text.charAt(from - 1))) from -= 1;
    while (to < text.length && !tooLong() && !between.test(text.charAt(to))) to += 1;
    signs.lastIndex = to;
    const piece = text.slice(from, to);
    if (tooLong() || piece === text) continue;
    found.push(piece);
    // `host:/path` and `-I/path` hide the path behind a prefix.
    const slash = piece.search(/[~/$]/);
    if (slash > 0) found.push(piece.slice(slash));
  }
  return found;
}

/** What every program reads alike: nothing in it is quoted, encoded or filled in. */
const plainName = /^[\w.@+:/-]{1,200}$/;

/** Where a person's home is, to read `~` and `$HOME` with. */
export interface HomeNames {
  readonly home: string;
}

/**
 * The readings of one string as a path: as it is, percent-decoded once, as a `file:` URL, up to a NUL, with `~`, `$HOME` and
 * `%USERPROFILE%` filled in. Several programs read the same string differently, so all readings are judged.
 */
export function pathReadings(text: string, { home }: HomeNames): readonly string[] {
  if (plainName.test(text) && !/^file:/i.test(text)) return [text];
  const raw = new Set<string>();
  for (const one of [text, text.trim(), text.split('\u0000')[0] ?? '']) {
    raw.add(one);
    raw.add(unquoted(one));
  }
  const readings = new Set<string>();
  for (const one of raw) {
    for (const reading of [one, decoded(one)]) {
      if (reading === undefined || reading === '') continue;
      const local = /^file:/i.test(reading) ? filePath(reading) : [reading];
      for (const path of local) readings.add(withHome(path, home));
    }
  }
  return [...readings].filter(
    (path) => path !== '' && path.length <= stringLimits.pathLength && !path.includes('\u0000'),
  );
}

function unquoted(text: string): string {
  return /^(["'`]).*\1$/s.test(text) ? text.slice(1, -1) : text.replaceAll('\\ ', ' ');
}

function decoded(text: string): string | undefined {
  if (!text.includes('%')) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function filePath(text: string): readonly string[] {
  const found: string[] = [];
  try {
    const url = new URL(text);
    // Whatever host is named, the path may be read as local.
    url.host = '';
    found.push(fileURLToPath(url));
  } catch {
    // Not a URL that Node accepts; another program may be laxer.
  }
  found.push(text.slice('file:'.length).replace(/^\/\/(localhost)?(?=\/)/i, ''));
  return found;
}

function withHome(path: string, home: string): string {
  const user = home.split(/[\\/]/).at(-1) ?? '';
  for (const name of ['~', '$HOME', `$\{HOME}`, '%USERPROFILE%', '%HOME%', '$env:USERPROFILE', `~${user}`]) {
    const found = path.slice(0, name.length).toLowerCase() === name.toLowerCase();
    const rest = path.slice(name.length);
    if (found && (rest === '' || rest.startsWith('/') || rest.startsWith('\\'))) return `${home}${rest}`;
  }
  return path;
}
