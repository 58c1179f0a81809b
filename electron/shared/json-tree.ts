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
  /** Values in all. Default 500 000. */
  readonly nodes?: number;
}

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const plainString = /[^"\\\u0000-\u001f]*/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Parses JSON strictly (RFC 8259) and losslessly: number lexemes and member order are kept. Refused, since two parsers
 * could read them differently: duplicate member names, a member named `__proto__`, lone surrogates, invalid UTF-8, a
 * byte-order mark, and anything over the limits (`security.md` S13).
 * @param source the text, or its UTF-8 bytes
 * @throws SallyportError `bad_json` at hop `agent`, naming the offset
 */
export function parseJson(source: string | Uint8Array, limits: JsonLimits = {}): JsonNode {
  const maxDepth = limits.depth ?? 64;
  const maxNodes = limits.nodes ?? 500_000;
  let text: string;
  if (typeof source === 'string') text = source;
  else {
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
    } catch {
      throw new SallyportError('bad_json', 'agent', 'The body is not valid UTF-8.');
    }
  }
  let at = 0;
  let nodes = 0;
  const fail = (what: string): never => {
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
    let value = '';
    for (;;) {
      plainString.lastIndex = at;
      const run = plainString.exec(text)?.[0] ?? '';
      value += run;
      at += run.length;
      const next = text[at];
      if (next === '"') {
        at += 1;
        break;
      }
      if (next !== '\\') fail(next === undefined ? 'a string does not end' : 'a control character in a string');
      const kind = text[at + 1] ?? '';
      if (kind === 'u') {
        const hex = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) fail('a bad \\u escape');
        value += String.fromCharCode(Number.parseInt(hex, 16));
        at += 6;
      } else {
        const plain = Object.hasOwn(escapes, kind) ? escapes[kind] : undefined;
        if (plain === undefined) fail('a bad escape');
        value += plain;
        at += 2;
      }
    }
    if (!value.isWellFormed()) fail('a lone surrogate in a string');
    return value;
  };
  const readValue = (depth: number): JsonNode => {
    nodes += 1;
    if (nodes > maxNodes) fail(`more than ${maxNodes} values`);
    if (depth > maxDepth) fail(`nested deeper than ${maxDepth}`);
    space();
    const first = text[at];
    if (first === '{') return readObject(depth);
    if (first === '[') return readArray(depth);
    if (first === '"') return readString();
    if (first === 't' || first === 'f' || first === 'n') {
      const word = first === 't' ? 'true' : first === 'f' ? 'false' : 'null';
      if (!text.startsWith(word, at)) fail('an unexpected character');
      at += word.length;
      return first === 'n' ? null : first === 't';
    }
    number.lastIndex = at;
    const lexeme = number.exec(text)?.[0];
    if (lexeme === undefined) return fail(first === undefined ? 'it ends early' : 'an unexpected character');
    at += lexeme.length;
    return new JsonNumber(lexeme);
  };
  const readArray = (depth: number): readonly JsonNode[] => {
    at += 1;
    const items: JsonNode[] = [];
    space();
    if (text[at] === ']') {
      at += 1;
      return items;
    }
    for (;;) {
      items.push(readValue(depth + 1));
      space();
      const next = text[at];
      if (next !== ',' && next !== ']') fail('an array needs "," or "]" here');
      at += 1;
      if (next === ']') return items;
    }
  };
  const readObject = (depth: number): JsonObject => {
    at += 1;
    const members = new Map<string, JsonNode>();
    space();
    if (text[at] === '}') {
      at += 1;
      return new JsonObject(members);
    }
    for (;;) {
      space();
      if (text[at] !== '"') fail('a member name is expected');
      const name = readString();
      if (members.has(name)) fail(`member ${JSON.stringify(name)} appears twice`);
      if (name === '__proto__') fail('a member named "__proto__"');
      space();
      if (text[at] !== ':') fail('":" is expected');
      at += 1;
      members.set(name, readValue(depth + 1));
      space();
      const next = text[at];
      if (next !== ',' && next !== '}') fail('an object needs "," or "}" here');
      at += 1;
      if (next === '}') return new JsonObject(members);
    }
  };
  const value = readValue(0);
  space();
  if (at !== text.length) fail('something follows the value');
  return value;
}

/** Writes a tree as compact JSON: same members, same order, same number lexemes. */
export function serializeJson(node: JsonNode): string {
  if (node === null || typeof node === 'boolean') return String(node);
  if (typeof node === 'string') return JSON.stringify(node);
  if (node instanceof JsonNumber) return node.lexeme;
  if (node instanceof JsonObject) {
    const members = [...node.members].map(([name, value]) => `${JSON.stringify(name)}:${serializeJson(value)}`);
    return `{${members.join(',')}}`;
  }
  return `[${node.map(serializeJson).join(',')}]`;
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
