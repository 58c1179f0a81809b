import { type JsonNode, JsonObject, serializeJson } from '../../shared/json-tree.ts';

const mostCharacters = 65_536;

/**
 * A tool's definition as people compare it: one member a line, two spaces a level, in the order received and with numbers
 * as they were written. Text of the server: show it through `visibleText`.
 */
export function definitionText(definition: JsonObject): string {
  const text = indented(definition, '');
  return text.length > mostCharacters
    ? `${text.slice(0, mostCharacters)}\n… (+${text.length - mostCharacters} characters)`
    : text;
}

function indented(node: JsonNode, margin: string): string {
  const inner = `${margin}  `;
  if (node instanceof JsonObject) {
    if (node.members.size === 0) return '{}';
    const members = [...node.members].map(
      ([name, value]) => `${inner}${JSON.stringify(name)}: ${indented(value, inner)}`,
    );
    return `{\n${members.join(',\n')}\n${margin}}`;
  }
  if (Array.isArray(node)) {
    const flat = serializeJson(node);
    if (flat.length <= 80) return flat;
    return `[\n${node.map((value: JsonNode) => inner + indented(value, inner)).join(',\n')}\n${margin}]`;
  }
  return serializeJson(node);
}
