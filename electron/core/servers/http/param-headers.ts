import { type JsonNode, JsonNumber, JsonObject, memberAt } from '../../../shared/json-tree.ts';
import { headerValue } from './mcp-headers.ts';

/**
 * `Mcp-Param-*` headers: a tool whose schema marks a property with `x-mcp-header` wants that argument repeated in a header
 * (2026-07-28, basic/transports/streamable-http). What is marked is learned from the tool lists that pass by.
 */
export interface ParamHeaders {
  /** Takes in a page of `tools/list`. */
  learn(result: JsonNode): void;
  /** Whether that tool was in a list. */
  knows(tool: string): boolean;
  /** The headers for one call. */
  of(params: JsonObject | undefined): Record<string, string>;
}

interface Marked {
  readonly header: string;
  readonly path: readonly string[];
}

/** Schemas are looked into no deeper, and give no more headers. */
const maxDepth = 8;
const maxMarked = 64;

/** Makes an empty memory of marked arguments. */
export function createParamHeaders(): ParamHeaders {
  const tools = new Map<string, readonly Marked[]>();
  return {
    learn(result) {
      const listed = memberAt(result, 'tools');
      if (!Array.isArray(listed)) return;
      for (const tool of listed) {
        const name = memberAt(tool, 'name');
        if (typeof name !== 'string') continue;
        const marked: Marked[] = [];
        collect(memberAt(tool, 'inputSchema'), [], marked);
        tools.set(name, marked);
      }
    },
    knows: (tool) => tools.has(tool),
    of(params) {
      const name = memberAt(params, 'name');
      const headers: Record<string, string> = {};
      for (const { header, path } of (typeof name === 'string' && tools.get(name)) || []) {
        const value = primitive(memberAt(params, 'arguments', ...path));
        if (value !== undefined) headers[`mcp-param-${header.toLowerCase()}`] = headerValue(value);
      }
      return headers;
    },
  };
}

function collect(schema: JsonNode | undefined, path: readonly string[], into: Marked[]): void {
  const properties = memberAt(schema, 'properties');
  if (!(properties instanceof JsonObject) || path.length >= maxDepth) return;
  for (const [name, property] of properties.members) {
    if (into.length >= maxMarked) return;
    const header = memberAt(property, 'x-mcp-header');
    const here = [...path, name];
    if (typeof header === 'string' && /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(header)) {
      into.push({ header, path: here });
    }
    collect(property, here, into);
  }
}

function primitive(value: JsonNode | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return value instanceof JsonNumber ? value.lexeme : undefined;
}
