import { SallyportError } from './errors.ts';

/**
 * A JSON number with the characters it was written in, so that 9007199254740993 or 1.10 leave as they came
 * (RFC 8259 §6 sets no range; a double would change them).
 */
export class JsonNumber {
  readonly lexeme: string;
  constructor(lexeme: string) {
    this.lexeme = lexeme;
  }
  /** The nearest double. */
  get value(): number {
    return Number(this.lexeme);
  }
  /** Whether a double holds it exactly enough that comparing it means something: no integer beyond 2^53, no overflow. */
  get exact(): boolean {
    const value = this.value;
    if (!Number.isFinite(value)) return false;
    return /[.eE]/.test(this.lexeme) ? Math.abs(value) <= Number.MAX_SAFE_INTEGER : Number.isSafeInteger(value);
  }
}

/** A JSON object: members in the order received, any name allowed as data, none ever looked up on a prototype. */
export class JsonObject {
  readonly members: ReadonlyMap<string, JsonNode>;
  constructor(members: ReadonlyMap<string, JsonNode> | Iterable<readonly [string, JsonNode]> = []) {
    this.members = members instanceof Map ? members : new Map(members);
  }
  /** The member of that name, `undefined` if there is none. */
  get(name: string): JsonNode | undefined {
    return this.members.get(name);
  }
  /** A copy with `name` set (in its place if it exists, else last), or removed where `value` is undefined. */
  with(name: string, value: JsonNode | undefined): JsonObject {
    const members = new Map(this.members);
    if (value === undefined) members.delete(name);
    else members.set(name, value);
    return new JsonObject(members);
  }
}

/** A parsed JSON value that serializes back to what was received, but for white space. Immutable. */
export type JsonNode = null | boolean | string | JsonNumber | readonly JsonNode[] | JsonObject;

/** Limits of {@link parseJson}; what is beyond is refused, never cut. */
export interface JsonLimits {
  /** Nesting of arrays and objects. Default 64. */
  readonly depth?: number;
  /** Values in all; an object counts three times, a string with escapes twice. Default 200 000: what is more would hold the event loop too long (`security.md` S14). */
  readonly nodes?: number;
}

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const plainString = /[^"\\\u0000-\u001f]*/y;
/** The characters that JSON is made of, by code: comparing numbers makes no strings. */
const is = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  open: 0x5b,
  backslash: 0x5c,
  close: 0x5d,
  f: 0x66,
  n: 0x6e,
  t: 0x74,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;
const digits = 15;

/** What a string of JSON means; `undefined` where it is none. */
function plainOf(literal: string): string | undefined {
  try {
    return String(JSON.parse(literal));
  } catch {
    return undefined;
  }
}

/**
 * Parses JSON strictly (RFC 8259) and losslessly: number lexemes and member order are kept. Refused, since two parsers
 * could read them differently: duplicate member names, a member named `__proto__`, lone surrogates, invalid UTF-8, a
 * byte-order mark, and anything over the limits (`security.md` S13).
 * @param source the text, or its UTF-8 bytes
 * @throws SallyportError `bad_json` at hop `agent`, naming the offset
 */
export function parseJson(source: string | Uint8Array, limits: JsonLimits = {}): JsonNode {
  const maxDepth = limits.depth ?? 64;
  const maxNodes = limits.nodes ?? 200_000;
  let text: string;
  if (typeof source === 'string') text = source;
  else {
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
    } catch {
      throw new SallyportError('bad_json', 'agent', 'The body is not valid UTF-8.');
    }
  }
  // Bytes that are UTF-8 hold no lone surrogate; escapes may, and are looked at where they stand.
  const wellFormed = typeof source !== 'string' || text.isWellFormed();
  let at = 0;
  let nodes = 0;
  const fail: (what: string) => never = (what) => {
    throw new SallyportError('bad_json', 'agent', `Not acceptable JSON at offset ${at}: ${what}.`);
  };
  const space = (): void => {
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) at += 1;
      else return;
    }
  };
  const readString = (): string => {
    at += 1;
    const start = at;
    plainString.lastIndex = at;
    plainString.test(text);
    at = plainString.lastIndex;
    if (text.charCodeAt(at) === is.quote) {
      at += 1;
      const value = text.slice(start, at - 1);
      return wellFormed || value.isWellFormed() ? value : fail('a lone surrogate in a string');
    }
    return readEscaped(start);
  };
  /** A string that is not plain from here on. Where it ends is found here, what it means is the engine's to say. */
  const readEscaped = (start: number): string => {
    if (text.charCodeAt(at) !== is.backslash) {
      fail(at >= text.length ? 'a string does not end' : 'a control character in a string');
    }
    let end = at;
    for (;;) {
      end = text.indexOf('"', end);
      if (end < 0) fail('a string does not end');
      let before = end - 1;
      while (text.charCodeAt(before) === is.backslash) before -= 1;
      // After an even number of backslashes, a quotation mark stands for itself.
      if ((end - before) % 2 === 1) break;
      end += 1;
    }
    // It costs the engine as much as another value.
    nodes += 1;
    const value = plainOf(text.slice(start - 1, end + 1)) ?? fail('a bad escape or a control character in a string');
    at = end + 1;
    return value.isWellFormed() ? value : fail('a lone surrogate in a string');
  };
  const readNumber = (): JsonNumber => {
    const start = at;
    // Most are a few digits: those need no expression.
    let end = at;
    while (end - start < digits) {
      const code = text.charCodeAt(end);
      if (code < is.zero || code > is.nine) break;
      end += 1;
    }
    const after = text.charCodeAt(end);
    const plain = after === is.comma || after === is.close || after === is.closeObject;
    if (plain && end > start && (text.charCodeAt(start) !== is.zero || end === start + 1)) {
      at = end;
      return new JsonNumber(text.slice(start, end));
    }
    number.lastIndex = at;
    if (!number.test(text)) fail(at >= text.length ? 'it ends early' : 'an unexpected character');
    at = number.lastIndex;
    return new JsonNumber(text.slice(start, at));
  };
  const readWord = <Value extends JsonNode>(word: string, value: Value): Value => {
    if (!text.startsWith(word, at)) fail('an unexpected character');
    at += word.length;
    return value;
  };
  const readValue = (depth: number): JsonNode => {
    nodes += 1;
    if (nodes > maxNodes) fail(`more than ${maxNodes} values`);
    if (depth > maxDepth) fail(`nested deeper than ${maxDepth}`);
    space();
    switch (text.charCodeAt(at)) {
      case is.quote:
        return readString();
      case is.openObject:
        return readObject(depth);
      case is.open:
        return readArray(depth);
      case is.t:
        return readWord('true', true);
      case is.f:
        return readWord('false', false);
      case is.n:
        return readWord('null', null);
      default:
        return readNumber();
    }
  };
  const readArray = (depth: number): readonly JsonNode[] => {
    at += 1;
    const items: JsonNode[] = [];
    space();
    if (text.charCodeAt(at) === is.close) {
      at += 1;
      return items;
    }
    for (;;) {
      items.push(readValue(depth + 1));
      space();
      const next = text.charCodeAt(at);
      if (next !== is.comma && next !== is.close) fail('an array needs "," or "]" here');
      at += 1;
      if (next === is.close) return items;
    }
  };
  const readObject = (depth: number): JsonObject => {
    at += 1;
    nodes += 2;
    const members = new Map<string, JsonNode>();
    space();
    if (text.charCodeAt(at) === is.closeObject) {
      at += 1;
      return new JsonObject(members);
    }
    for (;;) {
      space();
      if (text.charCodeAt(at) !== is.quote) fail('a member name is expected');
      const name = readString();
      if (members.has(name)) fail(`member ${JSON.stringify(name)} appears twice`);
      if (name === '__proto__') fail('a member named "__proto__"');
      space();
      if (text.charCodeAt(at) !== is.colon) fail('":" is expected');
      at += 1;
      members.set(name, readValue(depth + 1));
      space();
      const next = text.charCodeAt(at);
      if (next !== is.comma && next !== is.closeObject) fail('an object needs "," or "}" here');
      at += 1;
      if (next === is.closeObject) return new JsonObject(members);
    }
  };
  const value = readValue(0);
  space();
  if (at !== text.length) fail('something follows the value');
  return value;
}

/** Writes a tree as compact JSON: same members, same order, same number lexemes. */
export function serializeJson(node: JsonNode): string {
  if (typeof node === 'string') return JSON.stringify(node);
  if (node instanceof JsonNumber) return node.lexeme;
  if (node === null || typeof node === 'boolean') return String(node);
  let text = '';
  if (node instanceof JsonObject) {
    for (const [name, value] of node.members) {
      text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${serializeJson(value)}`;
    }
    return `{${text}}`;
  }
  for (const value of node) text += text === '' ? serializeJson(value) : `,${serializeJson(value)}`;
  return `[${text}]`;
}

/**
 * The canonical form that digests and pins are taken over: members sorted by UTF-16 code units as in RFC 8785, code
 * points untouched, number lexemes kept as written (RFC 8785 would round them to doubles).
 */
export function canonicalJson(node: JsonNode): string {
  if (node instanceof JsonObject) {
    const names = [...node.members.keys()].sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(node.get(name) ?? null)}`).join(',')}}`;
  }
  if (Array.isArray(node)) return `[${node.map(canonicalJson).join(',')}]`;
  return serializeJson(node);
}

/**
 * The tree as ordinary JavaScript values, for showing and for schemas that do not judge authority. Numbers become
 * doubles, so what was written may change: never forward or digest the result.
 */
export function toPlain(node: JsonNode): unknown {
  if (node instanceof JsonNumber) return node.value;
  if (node instanceof JsonObject) {
    return Object.fromEntries([...node.members].map(([name, value]) => [name, toPlain(value)]));
  }
  if (Array.isArray(node)) return node.map(toPlain);
  return node;
}

/**
 * A tree from ordinary JSON-like values; members that are `undefined` are left out.
 * @throws SallyportError `internal` for what JSON cannot hold (functions, NaN, bigint)
 */
export function fromPlain(value: unknown): JsonNode {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return new JsonNumber(JSON.stringify(value));
  if (value instanceof JsonNumber || value instanceof JsonObject) return value;
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    return new JsonObject(entries.map(([name, member]) => [name, fromPlain(member)] as const));
  }
  throw new SallyportError('internal', 'app', `A ${typeof value} cannot be written as JSON.`);
}

/** Walks member names from `node`; `undefined` as soon as one is missing or not in an object. */
export function memberAt(node: JsonNode | undefined, ...path: readonly string[]): JsonNode | undefined {
  let current = node;
  for (const name of path) {
    if (!(current instanceof JsonObject)) return undefined;
    current = current.get(name);
  }
  return current;
}
