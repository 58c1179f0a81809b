import { setImmediate } from 'node:timers/promises';
import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';

/** Characters and values from which on a message is large: each pass over one is then a turn of its own. */
const manyCharacters = 128 * 1024;
const manyValues = 5_000;

/**
 * Lets everybody else have a turn of the event loop before the next pass over a large message (`security.md` S14); at once for
 * others, so that an ordinary call waits for nothing.
 */
export async function breathe(message: JsonNode | string | undefined): Promise<void> {
  if (isLarge(message)) await setImmediate();
}

function isLarge(message: JsonNode | string | undefined): boolean {
  if (typeof message === 'string') return message.length >= manyCharacters;
  let values = 0;
  let characters = 0;
  const small = (node: JsonNode): boolean => {
    values += 1;
    if (typeof node === 'string') characters += node.length;
    if (values >= manyValues || characters >= manyCharacters) return false;
    if (node instanceof JsonObject) {
      for (const value of node.members.values()) if (!small(value)) return false;
      return true;
    }
    return !Array.isArray(node) || node.every(small);
  };
  return message !== undefined && !small(message);
}
