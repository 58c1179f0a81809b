import { type JsonNode, JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import { decodeMirrored } from './mirrored-headers.ts';

/** One `x-mcp-header` of a tool's input schema: where the argument is, and the header that repeats it. */
interface Declaration {
  readonly header: string;
  readonly path: readonly string[];
  readonly numeric: boolean;
}

const maxDepth = 16;
const decimal = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/**
 * Checks `Mcp-Param-*` headers against the arguments (MCP 2026-07-28, Streamable HTTP, schema extension): an argument
 * whose property carries `x-mcp-header` must be repeated, and be the same.
 * @returns what is wrong, `undefined` if nothing is
 */
export function paramHeaderProblem(
  definition: JsonObject,
  args: JsonNode | undefined,
  header: (name: string) => string | undefined,
): string | undefined {
  for (const declaration of declarations(memberAt(definition, 'inputSchema'), [])) {
    const value = memberAt(args, ...declaration.path);
    const written = primitive(value);
    if (written === undefined) continue;
    const name = `Mcp-Param-${declaration.header}`;
    const sent = header(name.toLowerCase())?.trim();
    if (sent === undefined) return `The ${name} header is missing.`;
    const decoded = decodeMirrored(sent);
    if (decoded === undefined) return `The ${name} header holds illegal characters or broken base64.`;
    if (!same(decoded, value, written, declaration.numeric)) return `The ${name} header and its argument differ.`;
  }
  return undefined;
}

function declarations(schema: JsonNode | undefined, path: readonly string[]): Declaration[] {
  const properties = memberAt(schema, 'properties');
  if (!(properties instanceof JsonObject) || path.length >= maxDepth) return [];
  return [...properties.members].flatMap(([name, property]) => {
    const here = [...path, name];
    const header = memberAt(property, 'x-mcp-header');
    const type = memberAt(property, 'type');
    const own =
      typeof header === 'string' ? [{ header, path: here, numeric: type === 'integer' || type === 'number' }] : [];
    return [...own, ...declarations(property, here)];
  });
}

function primitive(value: JsonNode | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return value instanceof JsonNumber ? value.lexeme : undefined;
}

function same(decoded: string, value: JsonNode | undefined, written: string, numeric: boolean): boolean {
  if (decoded === written) return true;
  // Numbers compare as numbers (42 and 42.0), but only where a double can tell them apart.
  if (!numeric || !(value instanceof JsonNumber) || !decimal.test(decoded)) return false;
  const sent = new JsonNumber(decoded);
  return sent.exact && value.exact && sent.value === value.value;
}
