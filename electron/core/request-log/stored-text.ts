import { type JsonNode, JsonNumber, JsonObject, serializeJson } from '../../shared/json-tree.ts';
import type { Redactor } from './redact-secrets.ts';

/** Bytes of arguments and of a result that are kept whole (`security.md` S18). */
export const keptBytes = 64 * 1_024;
/** Read beyond the cut, so that a secret which straddles it is still recognised. */
const margin = 4_096;

/** JSON text as the log keeps it. */
export interface StoredText {
  readonly text: string;
  /** Bytes left out at the end; absent where it is whole. */
  readonly cut?: number;
}

/**
 * Writes a tree as the log stores it: compact JSON, number lexemes as received, secrets replaced, at most
 * {@link keptBytes} with a count of the rest. What is far beyond the cut is never searched, so that a result of many
 * megabytes costs no more than a small one.
 */
export function storedText(node: JsonNode, redactor: Redactor): StoredText {
  const parts: string[] = [];
  let length = 0;
  let full = false;
  const put = (part: string): void => {
    parts.push(part);
    length += part.length;
    if (length > keptBytes + margin) full = true;
  };
  const write = (value: JsonNode, name?: string): void => {
    if (full) return;
    if (typeof value === 'string') {
      const room = keptBytes + 2 * margin - length;
      put(JSON.stringify(redactor.member(name, value.length > room ? value.slice(0, room) : value)));
    } else if (value instanceof JsonObject) {
      let first = true;
      put('{');
      for (const [member, inner] of value.members) {
        if (full) return;
        put(`${first ? '' : ','}${JSON.stringify(member)}:`);
        write(inner, member);
        first = false;
      }
      put('}');
    } else if (value === null || typeof value === 'boolean' || value instanceof JsonNumber) {
      put(serializeJson(value));
    } else {
      let first = true;
      put('[');
      for (const item of value) {
        if (full) return;
        if (!first) put(',');
        write(item, name);
        first = false;
      }
      put(']');
    }
  };
  write(node);
  const text = parts.join('');
  if (!full && Buffer.byteLength(text) <= keptBytes) return { text };
  return cutText(text, full ? Buffer.byteLength(serializeJson(node)) : Buffer.byteLength(text));
}

function cutText(text: string, total: number): StoredText {
  const bytes = Buffer.from(text);
  let end = Math.min(keptBytes, bytes.length);
  // Not in the middle of a character: continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return { text: bytes.toString('utf8', 0, end), cut: Math.max(total - end, bytes.length - end) };
}
