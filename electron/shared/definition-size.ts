import { type JsonNode, JsonNumber, JsonObject } from './json-tree.ts';

/** Values in one tool's definition, and characters of its texts. */
const maxValues = 10_000;
const maxCharacters = 256 * 1024;

/**
 * Whether a tool's definition is larger than any that can be read by a person or a model: what judges definitions does one at
 * a time, and none may hold the event loop (`security.md` S14).
 */
export function isTooLarge(definition: JsonObject): boolean {
  let values = 0;
  let characters = 0;
  const within = (node: JsonNode): boolean => {
    values += 1;
    if (typeof node === 'string') characters += node.length;
    else if (node instanceof JsonNumber) characters += node.lexeme.length;
    if (values > maxValues || characters > maxCharacters) return false;
    if (node instanceof JsonObject) {
      for (const [name, value] of node.members) {
        characters += name.length;
        if (!within(value)) return false;
      }
      return true;
    }
    return !Array.isArray(node) || node.every(within);
  };
  return !within(definition);
}
