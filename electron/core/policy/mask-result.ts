import { setImmediate } from 'node:timers/promises';
import { type JsonNode, JsonNumber, JsonObject, toPlain } from '../../shared/json-tree.ts';
import { compileArgumentSchema, SchemaProblem } from './argument-schema.ts';
import { type FoundSecret, findSecrets } from './secret-shapes.ts';

/** A result in which secrets became markers (`security.md` S16). */
export interface Masked {
  /** The same node where nothing was found. */
  readonly result: JsonObject;
  /** What was found, each kind once. */
  readonly kinds: readonly string[];
  /** Characters that nobody sees, as many as there are. */
  readonly unseen: number;
  /** Why the result may not be sent even so: its masked form would not be what the tool's schema promises. */
  readonly withheld?: string;
}

/** What is done with results of a server; the person's choice. */
export interface ResultHandling {
  /** Secrets become markers, or pass as they came. */
  readonly secrets: 'mask' | 'pass';
  /** Characters that nobody sees and terminal escapes pass and are reported, or are taken out as well. */
  readonly unseen: 'report' | 'remove';
}
/** Results are masked and else faithful: taking unseen characters out breaks Persian, Hebrew and emoji. */
export const asUsual: ResultHandling = { secrets: 'mask', unseen: 'report' };

/** Tags, bidirectional controls, zero-width characters, invisible operators, terminal escapes and other controls. */
const unseenCharacters =
  /\u{1B}(?:\[[0-?]{0,40}[ -/]{0,10}[@-~]|\][^\u{7}\u{1B}]{0,400}(?:\u{7}|\u{1B}\\)?|[@-Z\\-_])|[\u{E0000}-\u{E007F}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2064}\u{2066}-\u{2069}\u{FEFF}\u{AD}\u{180E}\u{0}-\u{8}\u{B}\u{C}\u{E}-\u{1F}\u{7F}]/gu;

/** Characters searched at a stretch, so that the event loop is not held; and how far stretches overlap. */
const stretch = 65_536;
const overlap = 24_576;
/** Milliseconds after which whatever else waits has its turn. */
const turnMs = 10;

/**
 * Replaces the secrets of a result in place: in its texts, and in the string values of `structuredContent` where the schema
 * still holds. Everything else stays as it came.
 * @param outputSchema the tool's, a stranger's: interpreted, never compiled
 */
export async function maskResult(
  result: JsonObject,
  outputSchema: JsonNode | undefined,
  handling: ResultHandling = asUsual,
): Promise<Masked> {
  const kinds = new Set<string>();
  let unseen = 0;
  const rest = createRest();
  const text = async (given: string): Promise<string> => {
    await rest();
    const hidden = given.match(unseenCharacters)?.length ?? 0;
    unseen += hidden;
    const value = hidden > 0 && handling.unseen === 'remove' ? given.replaceAll(unseenCharacters, '') : given;
    const found = handling.secrets === 'mask' ? await secretsOf(value, rest) : [];
    let masked = '';
    let end = 0;
    for (const { from, to, kind } of found) {
      kinds.add(kind);
      masked += `${value.slice(end, from)}⟨secret removed: ${kind}⟩`;
      end = to;
    }
    return found.length === 0 ? value : masked + value.slice(end);
  };
  const walk = async (node: JsonNode): Promise<JsonNode> => {
    if (typeof node === 'string') return text(node);
    await rest();
    if (node instanceof JsonObject) {
      const members: [string, JsonNode][] = [];
      let changed = false;
      for (const [name, value] of node.members) {
        // Binary content is what it is; a change would only break it.
        const next = holdsNoText(value) || isBinary(node, name) ? value : await walk(value);
        changed ||= next !== value;
        members.push([name, next]);
      }
      return changed ? new JsonObject(members) : node;
    }
    if (!Array.isArray(node)) return node;
    const items: JsonNode[] = [];
    for (const item of node as readonly JsonNode[]) items.push(holdsNoText(item) ? item : await walk(item));
    return items.some((item, at) => item !== node[at]) ? items : node;
  };
  const masked = await walk(result);
  if (!(masked instanceof JsonObject) || masked === result) return { result, kinds: [], unseen };
  const structured = masked.get('structuredContent');
  const holds =
    structured === undefined ||
    structured === result.get('structuredContent') ||
    outputSchema === undefined ||
    satisfies(structured, outputSchema);
  const list = [...kinds];
  return holds
    ? { result: masked, kinds: list, unseen }
    : {
        result: masked,
        kinds: list,
        unseen,
        withheld: `The result holds ${list.join(' and ')}, which cannot be masked in it.`,
      };
}

/** Numbers and words of JSON itself: not worth a step of their own. */
function holdsNoText(node: JsonNode): boolean {
  return node === null || typeof node === 'boolean' || node instanceof JsonNumber;
}

/** `data` of an image or a sound, `blob` of a resource (MCP content blocks). */
function isBinary(node: JsonObject, name: string): boolean {
  const type = node.get('type');
  if (name === 'data') return (type === 'image' || type === 'audio') && node.get('mimeType') !== undefined;
  return name === 'blob' && typeof node.get('uri') === 'string';
}

/** Lets the event loop turn, but only after {@link turnMs} of work: a hundred thousand short texts hold it as long as a long one. */
function createRest(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < turnMs) return;
    await setImmediate();
    since = performance.now();
  };
}

async function secretsOf(text: string, rest: () => Promise<void>): Promise<readonly FoundSecret[]> {
  if (text.length <= stretch) return findSecrets(text);
  const found: FoundSecret[] = [];
  for (let from = 0; from < text.length; from += stretch - overlap) {
    for (const one of findSecrets(text.slice(from, from + stretch))) {
      const shifted = { ...one, from: one.from + from, to: one.to + from };
      const last = found.at(-1);
      if (last && shifted.from < last.to) {
        // Seen whole in one of two stretches, cut in the other: the longer one counts.
        if (shifted.to > last.to) found[found.length - 1] = { ...shifted, from: Math.min(last.from, shifted.from) };
      } else found.push(shifted);
    }
    if (from + stretch >= text.length) break;
    await rest();
  }
  return found;
}

function satisfies(value: JsonNode, schema: JsonNode): boolean {
  try {
    return compileArgumentSchema(toPlain(schema))(value) === true;
  } catch (error) {
    if (error instanceof SchemaProblem) return false;
    throw error;
  }
}
