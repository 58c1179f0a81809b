import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';

/** One parameter of a tool, at whatever depth its schema declares it. */
export interface ToolParameter {
  readonly name: string;
  readonly words: readonly string[];
  readonly description: string;
  /** JSON Schema `format`, lower case; empty if there is none. */
  readonly format: string;
  /** Whether the caller may write any text into it, alone or as items of a list. */
  readonly freeText: boolean;
  readonly boolean: boolean;
  /** The texts it is limited to (`enum`, `const`), if it is. */
  readonly choices: readonly string[] | undefined;
}

/** The parameters of a tool. */
export interface ToolParameters {
  readonly list: readonly ToolParameter[];
  /** Whether the schema says at all what the parameters are. */
  readonly declared: boolean;
  /** False where the schema was too large or too deep to read whole. */
  readonly complete: boolean;
}

const maxDepth = 8;
/** Schemas looked at. Each parameter takes words, choices and formats: ten thousand of them would hold up every other call. */
const maxNodes = 1_000;
const nesting = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains'] as const;
const alternatives = ['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const;
const dictionaries = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'] as const;

/**
 * Every parameter that an input schema declares, nested objects, lists, alternatives and definitions included. The
 * schema is a stranger's: nothing in it is compiled, followed outside, or matched (`security.md` S14).
 */
export function toolParameters(schema: JsonNode | undefined): ToolParameters {
  const list: ToolParameter[] = [];
  let nodes = 0;
  let complete = true;
  const walk = (node: JsonNode | undefined, depth: number): void => {
    if (!(node instanceof JsonObject)) return;
    nodes += 1;
    if (nodes > maxNodes || depth > maxDepth) {
      complete = false;
      return;
    }
    for (const name of dictionaries) {
      const dictionary = node.get(name);
      if (!(dictionary instanceof JsonObject)) continue;
      for (const [key, value] of dictionary.members) {
        if (nodes > maxNodes) break;
        if (name === 'properties' && value instanceof JsonObject) list.push(parameter(key, value));
        walk(value, depth + 1);
      }
    }
    for (const name of nesting) walk(node.get(name), depth + 1);
    for (const name of alternatives) {
      const items = node.get(name);
      if (Array.isArray(items)) for (const item of items) walk(item, depth + 1);
    }
  };
  walk(schema, 0);
  const declared = schema instanceof JsonObject && schema.get('properties') instanceof JsonObject;
  return { list, declared, complete };
}

function parameter(name: string, schema: JsonObject): ToolParameter {
  const choices = choicesOf(schema);
  const types = new Set(typesOf(schema, 0));
  return {
    name,
    words: toolWords(name),
    description: text(schema.get('description')),
    format: formatOf(schema, 0),
    freeText: choices === undefined && (types.size === 0 || types.has('string')),
    boolean: types.size === 1 && types.has('boolean'),
    choices,
  };
}

function text(node: JsonNode | undefined): string {
  return typeof node === 'string' ? node : '';
}

/** Schemas that together say what one value may be: itself, its alternatives, its items. */
function parts(schema: JsonObject): readonly JsonObject[] {
  const found: JsonObject[] = [];
  for (const name of ['anyOf', 'oneOf', 'allOf'] as const) {
    const items = schema.get(name);
    if (Array.isArray(items)) found.push(...items.filter((item) => item instanceof JsonObject));
  }
  const items = schema.get('items');
  if (items instanceof JsonObject) found.push(items);
  return found;
}

function typesOf(schema: JsonObject, depth: number): readonly string[] {
  const type = schema.get('type');
  const own =
    typeof type === 'string' ? [type] : Array.isArray(type) ? type.filter((one) => typeof one === 'string') : [];
  const below = depth < 3 ? parts(schema).flatMap((part) => typesOf(part, depth + 1)) : [];
  return [...own.filter((one) => one !== 'null' && one !== 'array'), ...below];
}

function formatOf(schema: JsonObject, depth: number): string {
  const own = text(schema.get('format')).toLowerCase();
  if (own !== '' || depth >= 3) return own;
  return (
    parts(schema)
      .map((part) => formatOf(part, depth + 1))
      .find((format) => format !== '') ?? ''
  );
}

function choicesOf(schema: JsonObject, depth = 0): readonly string[] | undefined {
  const listed = schema.get('enum');
  if (Array.isArray(listed)) return listed.filter((choice) => typeof choice === 'string');
  const fixed = schema.get('const');
  if (typeof fixed === 'string') return [fixed];
  if (depth >= 3) return undefined;
  const below = parts(schema)
    .filter((part) => text(part.get('type')) !== 'null')
    .map((part) => choicesOf(part, depth + 1));
  return below.length > 0 && below.every((one) => one !== undefined) ? below.flat() : undefined;
}
