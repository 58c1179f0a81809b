import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../../shared/json-tree.ts';

/** What was hashed already: a definition never changes once it is parsed, and every listing and every call asks again. */
const pins = new WeakMap<JsonObject, string>();

/**
 * The pin of a tool's definition as received: SHA-256 over its canonical form (`security.md` S13), so that any change of
 * name, title, description, schemas, annotations, `_meta` or icons is another pin, and the order of members is not.
 * @returns `sha256:<hex>`
 */
export function pinOf(definition: JsonObject): string {
  const known = pins.get(definition);
  if (known !== undefined) return known;
  const pin = `sha256:${createHash('sha256').update(canonicalJson(definition)).digest('hex')}`;
  pins.set(definition, pin);
  return pin;
}

/** The definitions of one listing by name. A name listed twice is in `twice`: nobody can say which one would run. */
export interface Listing {
  readonly tools: ReadonlyMap<string, JsonObject>;
  readonly twice: ReadonlySet<string>;
}

/** Reads a listing; what has no name is left out, since it cannot be called. */
export function listingOf(definitions: readonly JsonObject[]): Listing {
  const tools = new Map<string, JsonObject>();
  const twice = new Set<string>();
  for (const definition of definitions) {
    const name = definition.get('name');
    if (typeof name !== 'string' || name === '') continue;
    if (tools.has(name)) twice.add(name);
    else tools.set(name, definition);
  }
  return { tools, twice };
}
