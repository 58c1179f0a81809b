import { isIP } from 'node:net';
import { canonicalJson, type JsonNode, JsonNumber, JsonObject } from '../../shared/json-tree.ts';
import { type LinearPattern, linearPattern } from './linear-pattern.ts';

/**
 * Whether a value satisfies a schema. `unknown` where it cannot be told: a number that a double cannot hold met a numeric
 * constraint (`security.md` S13), or there was more to do than the limits allow.
 */
export type Verdict = boolean | 'unknown';

/** A schema that was read whole: {@link compileArgumentSchema}. */
export type ArgumentSchema = (value: JsonNode) => Verdict;

/** A schema that cannot be used, and where in it. */
export class SchemaProblem extends Error {
  readonly path: readonly (string | number)[];
  constructor(path: readonly (string | number)[], message: string) {
    super(message);
    this.path = path;
  }
}

/** Steps of one validation; beyond, nothing can be told. */
const mostSteps = 20_000;
const mostDepth = 64;
/** Longest text that a pattern is looked for in. */
const longestText = 65_536;

interface Run {
  steps: number;
}
type Check = (value: JsonNode, run: Run, depth: number) => Verdict;
type Path = readonly (string | number)[];

/** Says something about a value without constraining it. */
const annotations: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  '$anchor',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$defs',
  'definitions',
]);
const beside: ReadonlySet<string> = new Set([
  'then',
  'else',
  'additionalProperties',
  'patternProperties',
  'minContains',
  'maxContains',
]);

const formats: Readonly<Record<string, (text: string) => boolean>> = {
  email: (text) => /^[^\s@]{1,64}@[^\s@.]{1,63}(?:\.[^\s@.]{1,63}){1,8}$/.test(text.slice(0, 400)),
  uri: (text) => URL.canParse(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  'date-time': (text) => /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  uuid: (text) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  hostname: (text) => /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*$/i.test(text),
};

/**
 * Reads a JSON Schema (2020-12) for arguments. It is interpreted, never compiled to code, and its patterns run in linear
 * time (`security.md` S14). A keyword that is not known is an error: a constraint that nobody checks would be none.
 * @throws SchemaProblem naming the place
 */
export function compileArgumentSchema(schema: unknown): ArgumentSchema {
  const definitions = new Map<string, Check>();
  const root = { check: undefined as Check | undefined };
  const refs: { path: Path; target: string }[] = [];

  const compile = (node: unknown, path: Path): Check => {
    if (path.length > mostDepth) throw new SchemaProblem(path, 'the schema is nested too deep');
    if (typeof node === 'boolean') return () => node;
    if (!isRecord(node)) throw new SchemaProblem(path, 'a schema is an object, true or false');
    for (const dictionary of ['$defs', 'definitions']) {
      const inner = node[dictionary];
      if (inner === undefined) continue;
      if (!isRecord(inner) || path.length > 0) {
        throw new SchemaProblem([...path, dictionary], 'definitions stand at the top, as an object');
      }
      for (const [name, one] of Object.entries(inner)) {
        definitions.set(`#/${dictionary}/${name}`, compile(one, [...path, dictionary, name]));
      }
    }
    const checks: Check[] = [];
    for (const [keyword, value] of Object.entries(node)) {
      if (annotations.has(keyword) || beside.has(keyword)) continue;
      const make = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
      if (!make) throw new SchemaProblem([...path, keyword], `"${keyword}" is no keyword that is checked here`);
      checks.push(make(value, [...path, keyword], node));
    }
    if (
      node.properties === undefined &&
      (node.additionalProperties !== undefined || node.patternProperties !== undefined)
    ) {
      checks.push(properties({}, [...path, 'properties'], node));
    }
    return (value, run, depth) => {
      run.steps += 1 + checks.length;
      if (run.steps > mostSteps || depth > mostDepth) return 'unknown';
      return every(checks, (check) => check(value, run, depth));
    };
  };

  const list = (value: unknown, path: Path): Check[] => {
    if (!Array.isArray(value) || value.length === 0) throw new SchemaProblem(path, 'a list of schemas is expected');
    return value.map((one: unknown, at) => compile(one, [...path, at]));
  };
  const dictionary = (value: unknown, path: Path): [string, Check][] => {
    if (!isRecord(value)) throw new SchemaProblem(path, 'an object of schemas is expected');
    return Object.entries(value).map(([name, one]) => [name, compile(one, [...path, name])]);
  };

  const properties = (value: unknown, path: Path, node: Readonly<Record<string, unknown>>): Check => {
    const parent = path.slice(0, -1);
    const named = new Map(dictionary(value, path));
    const patterns = dictionary(node.patternProperties ?? {}, [...parent, 'patternProperties']).map(
      ([source, check]) => [pattern(source, [...parent, 'patternProperties', source]), check] as const,
    );
    const rest =
      node.additionalProperties === undefined
        ? undefined
        : compile(node.additionalProperties, [...parent, 'additionalProperties']);
    return (given, run, depth) => {
      if (!(given instanceof JsonObject)) return true;
      return every([...given.members], ([name, member]) => {
        const fitting = patterns.filter(([one]) => one.found(name)).map(([, check]) => check);
        const own = named.get(name);
        if (own) fitting.push(own);
        if (fitting.length === 0 && rest) fitting.push(rest);
        return every(fitting, (check) => check(member, run, depth + 1));
      });
    };
  };

  const keywords: Readonly<
    Record<string, (value: unknown, path: Path, node: Readonly<Record<string, unknown>>) => Check>
  > = {
    type(value, path) {
      const types = (Array.isArray(value) ? value : [value]) as unknown[];
      const known = ['null', 'boolean', 'string', 'number', 'integer', 'array', 'object'];
      if (types.length === 0 || !types.every((one) => known.includes(String(one)))) {
        throw new SchemaProblem(path, `"type" is one of ${known.join(', ')}`);
      }
      return (given) => {
        const kind = kindOf(given);
        return types.includes(kind) || (kind === 'number' && types.includes('integer') && isInteger(given));
      };
    },
    enum(value, path) {
      if (!Array.isArray(value)) throw new SchemaProblem(path, '"enum" is a list');
      const texts = new Set(value.map((one: unknown) => comparable(one, path)));
      return (given) => texts.has(comparableNode(given));
    },
    const(value, path) {
      const text = comparable(value, path);
      return (given) => comparableNode(given) === text;
    },
    maximum: bound((given, limit) => given <= limit),
    exclusiveMaximum: bound((given, limit) => given < limit),
    minimum: bound((given, limit) => given >= limit),
    exclusiveMinimum: bound((given, limit) => given > limit),
    multipleOf: bound((given, step) => step > 0 && Math.abs(given / step - Math.round(given / step)) < 1e-9),
    maxLength: count(
      (given) => (typeof given === 'string' ? [...given].length : undefined),
      (has, most) => has <= most,
    ),
    minLength: count(
      (given) => (typeof given === 'string' ? [...given].length : undefined),
      (has, least) => has >= least,
    ),
    maxItems: count(
      (given) => (Array.isArray(given) ? given.length : undefined),
      (has, most) => has <= most,
    ),
    minItems: count(
      (given) => (Array.isArray(given) ? given.length : undefined),
      (has, least) => has >= least,
    ),
    maxProperties: count(
      (given) => (given instanceof JsonObject ? given.members.size : undefined),
      (has, most) => has <= most,
    ),
    minProperties: count(
      (given) => (given instanceof JsonObject ? given.members.size : undefined),
      (has, least) => has >= least,
    ),
    pattern(value, path) {
      if (typeof value !== 'string') throw new SchemaProblem(path, '"pattern" is a text');
      const compiled = pattern(value, path);
      return (given, run) => {
        if (typeof given !== 'string') return true;
        run.steps += given.length / 64;
        return given.length > longestText ? 'unknown' : compiled.found(given);
      };
    },
    format(value, path) {
      const check = typeof value === 'string' && Object.hasOwn(formats, value) ? formats[value] : undefined;
      if (!check) throw new SchemaProblem(path, `"format" is one of ${Object.keys(formats).join(', ')}`);
      return (given) => typeof given !== 'string' || check(given);
    },
    uniqueItems(value) {
      return (given) =>
        value !== true || !Array.isArray(given) || new Set(given.map(comparableNode)).size === given.length;
    },
    required(value, path) {
      const names = texts(value, path);
      return (given) => !(given instanceof JsonObject) || names.every((name) => given.members.has(name));
    },
    dependentRequired(value, path) {
      if (!isRecord(value)) throw new SchemaProblem(path, 'an object is expected');
      const needs = Object.entries(value).map(([name, one]) => [name, texts(one, [...path, name])] as const);
      return (given) =>
        !(given instanceof JsonObject) ||
        needs.every(([name, others]) => !given.members.has(name) || others.every((one) => given.members.has(one)));
    },
    dependentSchemas(value, path) {
      const needs = dictionary(value, path);
      return (given, run, depth) =>
        !(given instanceof JsonObject) ||
        every(needs, ([name, check]) => !given.members.has(name) || check(given, run, depth + 1));
    },
    properties,
    propertyNames(value, path) {
      const check = compile(value, path);
      return (given, run, depth) =>
        !(given instanceof JsonObject) || every([...given.members.keys()], (name) => check(name, run, depth + 1));
    },
    items(value, path, node) {
      const check = compile(value, path);
      const skip = Array.isArray(node.prefixItems) ? node.prefixItems.length : 0;
      return (given, run, depth) =>
        !Array.isArray(given) || every(given.slice(skip) as readonly JsonNode[], (one) => check(one, run, depth + 1));
    },
    prefixItems(value, path) {
      const checks = list(value, path);
      return (given, run, depth) =>
        !Array.isArray(given) ||
        every(checks, (check, at) => (at < given.length ? check(given[at] as JsonNode, run, depth + 1) : true));
    },
    contains(value, path, node) {
      const check = compile(value, path);
      const least = typeof node.minContains === 'number' ? node.minContains : 1;
      const most = typeof node.maxContains === 'number' ? node.maxContains : Number.POSITIVE_INFINITY;
      return (given, run, depth) => {
        if (!Array.isArray(given)) return true;
        const verdicts = (given as readonly JsonNode[]).map((one) => check(one, run, depth + 1));
        if (verdicts.includes('unknown')) return 'unknown';
        const fitting = verdicts.filter((one) => one === true).length;
        return fitting >= least && fitting <= most;
      };
    },
    allOf(value, path) {
      const checks = list(value, path);
      return (given, run, depth) => every(checks, (check) => check(given, run, depth + 1));
    },
    anyOf(value, path) {
      const checks = list(value, path);
      return (given, run, depth) => not(every(checks, (check) => not(check(given, run, depth + 1))));
    },
    oneOf(value, path) {
      const checks = list(value, path);
      return (given, run, depth) => {
        const verdicts = checks.map((check) => check(given, run, depth + 1));
        if (verdicts.includes('unknown')) return 'unknown';
        return verdicts.filter((one) => one === true).length === 1;
      };
    },
    not(value, path) {
      const check = compile(value, path);
      return (given, run, depth) => not(check(given, run, depth + 1));
    },
    if(value, path, node) {
      const parent = path.slice(0, -1);
      const condition = compile(value, path);
      const yes = compile(node.then ?? true, [...parent, 'then']);
      const no = compile(node.else ?? true, [...parent, 'else']);
      return (given, run, depth) => {
        const verdict = condition(given, run, depth + 1);
        if (verdict === 'unknown') return verdict;
        return (verdict ? yes : no)(given, run, depth + 1);
      };
    },
    $ref(value, path) {
      const target = String(value);
      refs.push({ path, target });
      return (given, run, depth) => {
        const check = target === '#' ? root.check : definitions.get(target);
        return check ? check(given, run, depth + 1) : 'unknown';
      };
    },
  };

  const check = compile(schema, []);
  root.check = check;
  for (const { path, target } of refs) {
    if (target !== '#' && !definitions.has(target)) {
      throw new SchemaProblem(path, `"$ref" leads to nothing in this schema: ${target}`);
    }
  }
  return (value) => check(value, { steps: 0 }, 0);
}

function bound(holds: (given: number, limit: number) => boolean) {
  return (value: unknown, path: Path): Check => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new SchemaProblem(path, 'a number is expected');
    return (given) => {
      if (!(given instanceof JsonNumber)) return true;
      return given.exact ? holds(given.value, value) : 'unknown';
    };
  };
}

function count(size: (given: JsonNode) => number | undefined, holds: (has: number, limit: number) => boolean) {
  return (value: unknown, path: Path): Check => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
      throw new SchemaProblem(path, 'a whole number is expected');
    }
    return (given) => {
      const has = size(given);
      return has === undefined || holds(has, value);
    };
  };
}

function pattern(source: string, path: Path): LinearPattern {
  try {
    return linearPattern(source);
  } catch (error) {
    throw new SchemaProblem(path, `the pattern cannot be used: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

function texts(value: unknown, path: Path): readonly string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    throw new SchemaProblem(path, 'a list of names is expected');
  }
  return value;
}

/** True if all are; false as soon as one is; unknown where none is false and one cannot be told. */
function every<Item>(items: readonly Item[], verdictOf: (item: Item, at: number) => Verdict): Verdict {
  let verdict: Verdict = true;
  for (const [at, item] of items.entries()) {
    const one = verdictOf(item, at);
    if (one === false) return false;
    if (one === 'unknown') verdict = one;
  }
  return verdict;
}

function not(verdict: Verdict): Verdict {
  return verdict === 'unknown' ? verdict : !verdict;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: JsonNode): string {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return 'number';
  if (value instanceof JsonObject) return 'object';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isInteger(value: JsonNode): boolean {
  if (!(value instanceof JsonNumber)) return false;
  return /^-?\d+$/.test(value.lexeme) || Number.isInteger(value.value);
}

/** Numbers compare by value where a double holds them, else as written. */
function comparableNode(value: JsonNode): string {
  if (value instanceof JsonNumber) return value.exact ? `n${value.value}` : `l${value.lexeme}`;
  if (value instanceof JsonObject) {
    const names = [...value.members.keys()].sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${comparableNode(value.get(name) ?? null)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${(value as readonly JsonNode[]).map(comparableNode).join(',')}]`;
  return canonicalJson(value);
}

function comparable(value: unknown, path: Path): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') return `n${value}`;
  if (Array.isArray(value)) return `[${value.map((one: unknown) => comparable(one, path)).join(',')}]`;
  if (isRecord(value)) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${comparable(value[name], path)}`).join(',')}}`;
  }
  throw new SchemaProblem(path, 'a JSON value is expected');
}
