import * as z from 'zod';
import { SallyportError } from '../../../shared/errors.ts';
import { type JsonNode, JsonNumber, JsonObject, parseJson, serializeJson } from '../../../shared/json-tree.ts';

/**
 * The JSON of OpenAI's tunnel control plane (openai/tunnel-client, docs/protocol.md and docs/openapi.json): what a poll
 * brings. Unknown members and command types are tolerated; payloads are parsed losslessly.
 */

const headerMap = z.record(
  z.string().max(256),
  z.union([
    z.array(z.string().max(65_536)).max(64),
    z
      .string()
      .max(65_536)
      .transform((value) => [value]),
  ]),
);

const envelope = z.looseObject({
  request_id: z.string().min(1).max(4_096),
  // Opaque, but it has to go back in a header, which cannot carry every character.
  shard_token: z
    .string()
    .min(1)
    .max(8_192)
    .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'holds what no header can carry'),
  command_type: z.string().max(128).nullish(),
  channel: z.string().max(256).nullish(),
  headers: headerMap.nullish(),
  response_timeout: z.unknown().optional(),
});

/** One polled command. */
export interface Command {
  /** Opaque; goes back in the body. */
  readonly requestId: string;
  /** Opaque; goes back in the `X-Tunnel-Shard-Token` header and nowhere else. */
  readonly shardToken: string;
  /** The schema’s default stands for an absent one: `jsonrpc`. */
  readonly type: string;
  /** As received, to be echoed; the contract’s default `main` for an absent or empty one. */
  readonly channel: string;
  /** By lower-case name, values never joined. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Milliseconds from the receipt of the poll response; `undefined` = no deadline. */
  readonly timeoutMs: number | undefined;
  /** The payload of a `jsonrpc` command; `undefined` where there is none, or none that may be read. */
  readonly payload: JsonNode | undefined;
  /** What is wrong with the payload; never its text. */
  readonly payloadProblem: string | undefined;
  /** The id of the JSON-RPC request, as JSON text; `null` where there is none. */
  readonly idText: string;
  /** Size of the command in bytes. */
  readonly bytes: number;
}

/** What is left out of a poll: not even its request could be named. */
export interface Unreadable {
  readonly why: string;
}

/**
 * Reads the body of a 200. One command that cannot be read does not spoil the others.
 * @throws SallyportError `openai_answer_invalid` at hop `edge` for what is no list of commands
 */
export function readCommands(body: Buffer): readonly (Command | Unreadable)[] {
  let text: string;
  let plain: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    plain = JSON.parse(text);
  } catch (error) {
    throw new SallyportError('openai_answer_invalid', 'edge', 'The answer to a poll is not JSON.', { cause: error });
  }
  const list = z.looseObject({ commands: z.array(z.unknown()).nullable() }).safeParse(plain);
  if (!list.success) {
    throw new SallyportError('openai_answer_invalid', 'edge', 'The answer to a poll holds no list of commands.');
  }
  // The payloads must be read as they were written, so each command is cut out of the text.
  const texts = elementTexts(text, 'commands');
  return (list.data.commands ?? []).map((command, index) => readCommand(command, texts[index] ?? ''));
}

function readCommand(plain: unknown, text: string): Command | Unreadable {
  const read = envelope.safeParse(plain);
  if (!read.success) {
    const issue = read.error.issues[0];
    return { why: `${issue?.path.join('.') || 'command'}: ${issue?.message ?? 'not readable'}` };
  }
  const { data } = read;
  let payload: JsonNode | undefined;
  let payloadProblem: string | undefined;
  try {
    const node = parseJson(text);
    payload = node instanceof JsonObject ? node.get('jsonrpc') : undefined;
  } catch (error) {
    payloadProblem = error instanceof Error ? error.message : String(error);
  }
  const headers = new Map<string, string[]>();
  for (const [name, values] of Object.entries(data.headers ?? {})) {
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), ...values]);
  }
  return {
    requestId: data.request_id,
    shardToken: data.shard_token,
    type: data.command_type || 'jsonrpc',
    channel: data.channel || 'main',
    headers,
    timeoutMs: parseResponseTimeout(data.response_timeout),
    payload,
    payloadProblem,
    idText: idText(payload, data.jsonrpc),
    bytes: Buffer.byteLength(text),
  };
}

/** The id of a JSON-RPC request as JSON text, exactly as it came where the command could be parsed; else `null`. */
function idText(payload: JsonNode | undefined, plain: unknown): string {
  const id = payload instanceof JsonObject ? payload.get('id') : undefined;
  if (typeof id === 'string' || id instanceof JsonNumber) return serializeJson(id);
  const loose = z.looseObject({ id: z.union([z.string(), z.int()]) }).safeParse(plain);
  return loose.success ? JSON.stringify(loose.data.id) : 'null';
}

const unitNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
/** What a signed 64-bit count of nanoseconds holds; more is invalid, as published. */
const longestNs = 2n ** 63n - 1n;

/**
 * Reads `response_timeout`: one whole number and one unit (protocol.md, Response timeout).
 * @returns milliseconds; `undefined` for what is absent or invalid, which means no deadline
 */
export function parseResponseTimeout(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^([0-9]+)(ns|us|ms|s|m|h)$/.exec(value) : null;
  const digits = match?.[1];
  if (digits === undefined || digits.replace(/^0+/, '').length > 19) return undefined;
  const ns = BigInt(digits) * (unitNs[match?.[2] ?? ''] ?? 0n);
  return ns > longestNs ? undefined : Number(ns) / 1_000_000;
}

/**
 * The texts of the elements of a top-level array member, in a document that is known to be JSON. Where the member is there
 * twice, the last one counts, as it does for `JSON.parse`.
 */
export function elementTexts(text: string, member: string): readonly string[] {
  let at = 0;
  const skipSpace = (): void => {
    while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
  };
  const skipString = (): void => {
    at += 1;
    while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
    at += 1;
  };
  const skipValue = (): void => {
    let depth = 0;
    do {
      skipSpace();
      const character = text.charAt(at);
      if (character === '"') skipString();
      else if (character === '{' || character === '[') {
        depth += 1;
        at += 1;
      } else if (character === '}' || character === ']') {
        depth -= 1;
        at += 1;
      } else if (character === ',' || character === ':') at += 1;
      else while (at < text.length && !/[\s,:{}[\]"]/.test(text.charAt(at))) at += 1;
      skipSpace();
    } while (depth > 0 && at < text.length);
  };
  const elements = (): string[] => {
    const found: string[] = [];
    at += 1;
    skipSpace();
    while (at < text.length && text.charAt(at) !== ']') {
      const start = at;
      skipValue();
      found.push(text.slice(start, at).trimEnd());
      if (text.charAt(at) === ',') at += 1;
      skipSpace();
    }
    at += 1;
    skipSpace();
    return found;
  };
  let found: string[] = [];
  skipSpace();
  at += 1;
  skipSpace();
  while (at < text.length && text.charAt(at) === '"') {
    const start = at;
    skipString();
    const name: unknown = JSON.parse(text.slice(start, at));
    skipSpace();
    at += 1;
    skipSpace();
    if (name === member && text.charAt(at) === '[') found = elements();
    else skipValue();
    if (text.charAt(at) === ',') at += 1;
    skipSpace();
  }
  return found;
}
