import { setImmediate } from 'node:timers/promises';
import { type JsonNode, JsonNumber, JsonObject, toPlain } from '../../shared/json-tree.ts';
import { compileArgumentSchema, SchemaProblem } from './argument-schema.ts';
import { type MaskedText, masking } from './mask-text.ts';
import { maskInThread } from './mask-thread.ts';

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

/** Texts longer than this are searched in a thread of their own. */
const longText = 131_072;
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
    const masked =
      given.length > longText ? await maskInThread(given, handling) : await maskHere(given, handling, rest);
    unseen += masked.unseen;
    for (const kind of masked.kinds) kinds.add(kind);
    return masked.value;
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
  let masked: JsonNode;
  try {
    masked = await walk(result);
  } catch {
    return {
      result,
      kinds: [...kinds, 'what could not be searched'],
      unseen,
      withheld: 'The result could not be searched for secrets.',
    };
  }
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

async function maskHere(text: string, handling: ResultHandling, rest: () => Promise<void>): Promise<MaskedText> {
  const steps = masking(text, handling);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await rest();
  }
}

function satisfies(value: JsonNode, schema: JsonNode): boolean {
  try {
    return compileArgumentSchema(toPlain(schema))(value) === true;
  } catch (error) {
    if (error instanceof SchemaProblem) return false;
    throw error;
  }
}
