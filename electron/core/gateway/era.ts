import { fromPlain, type JsonNode, JsonObject, memberAt } from '../../shared/json-tree.ts';
import { decodeMirrored, type MirroredHeaders } from './mirrored-headers.ts';
import { codes, type ProtocolRefusal } from './protocol-errors.ts';
import { idOf, type RpcMessage, type RpcNotification, type RpcRequest, readMessage } from './rpc-message.ts';

/** The one modern revision that the gateway speaks. */
export const modernVersion = '2026-07-28';
/** The legacy revisions, newest first. */
export const legacyVersions = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;

/** `_meta` members that make up the modern envelope (MCP 2026-07-28, Base protocol). */
export const envelopeKeys = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  client: 'io.modelcontextprotocol/clientInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  server: 'io.modelcontextprotocol/serverInfo',
  subscription: 'io.modelcontextprotocol/subscriptionId',
} as const;

/** What a body is, by the era it belongs to. */
export type Classified =
  | { readonly era: 'legacy'; readonly message: RpcMessage }
  | { readonly era: 'legacy-batch'; readonly messages: readonly RpcMessage[] }
  | { readonly era: 'modern'; readonly message: RpcRequest | RpcNotification; readonly logLevel?: string }
  | { readonly era: 'refused'; readonly refusal: ProtocolRefusal };

/** Elements of a batch; more are refused. */
export const maxBatch = 32;

/**
 * Tells the era of a posted body (MCP 2026-07-28, Versioning, dual-era servers). The body decides; headers only
 * cross-check it, so no middle that edits headers can change what is judged.
 * @param mirrored whether the headers that repeat the body must be there, as over HTTP; those that are must agree anyway
 */
export function classify(body: JsonNode, headers: MirroredHeaders, mirrored = true): Classified {
  if (Array.isArray(body)) return classifyBatch(body);
  const id = idOf(body);
  const message = readMessage(body);
  if (!message) return refuse(400, codes.invalidRequest, 'Not a JSON-RPC 2.0 message that MCP allows.', id);
  if (message.kind === 'response') return { era: 'legacy', message };
  const headerIsModern = headers.version !== undefined && isModern(headers.version);
  const claim = memberAt(message.params, '_meta', envelopeKeys.version);
  if (message.kind === 'notification') return classifyNotification(message, headers, claim);
  const problem = envelopeProblem(message.params);
  if (message.method === 'initialize' && !(typeof claim === 'string' && isModern(claim) && !problem)) {
    if (!headerIsModern) return { era: 'legacy', message };
    return mismatch(id, 'An initialize request was sent with a modern MCP-Protocol-Version header.');
  }
  if (claim === undefined) {
    if (!headerIsModern) return { era: 'legacy', message };
    return refuse(
      400,
      codes.invalidParams,
      `The MCP-Protocol-Version header names ${headers.version}, but params._meta lacks ${problem ?? envelopeKeys.version}.`,
      id,
    );
  }
  if (problem) return refuse(400, codes.invalidParams, `Invalid params._meta: ${problem}.`, id);
  if (headers.version !== undefined && headers.version !== claim) {
    return mismatch(id, 'The MCP-Protocol-Version header and params._meta name different versions.');
  }
  if (headers.method !== undefined && headers.method !== message.method) {
    return mismatch(id, 'The Mcp-Method header and the body name different methods.');
  }
  if (claim !== modernVersion) {
    return refuse(
      400,
      codes.unsupportedVersion,
      'Unsupported protocol version.',
      id,
      fromPlain({ supported: [modernVersion], requested: claim }),
    );
  }
  const missing = standardHeaderProblem(message, headers, mirrored);
  if (missing) return mismatch(id, missing);
  const logLevel = memberAt(message.params, '_meta', envelopeKeys.logLevel);
  return { era: 'modern', message, ...(typeof logLevel === 'string' ? { logLevel } : {}) };
}

function classifyBatch(body: readonly JsonNode[]): Classified {
  if (body.length === 0) return refuse(400, codes.invalidRequest, 'An empty batch.', null);
  if (body.length > maxBatch) return refuse(400, codes.invalidRequest, `A batch of more than ${maxBatch}.`, null);
  const messages: RpcMessage[] = [];
  for (const element of body) {
    if (memberAt(element, 'params', '_meta', envelopeKeys.version) !== undefined) {
      return refuse(400, codes.invalidRequest, `A batch may not hold requests of ${modernVersion} or later.`, null);
    }
    const message = readMessage(element);
    if (!message) return refuse(400, codes.invalidRequest, 'A batch holds something that is no message.', null);
    messages.push(message);
  }
  return { era: 'legacy-batch', messages };
}

function classifyNotification(
  message: RpcNotification,
  headers: MirroredHeaders,
  claim: JsonNode | undefined,
): Classified {
  if (claim === undefined && !(headers.version !== undefined && isModern(headers.version))) {
    return { era: 'legacy', message };
  }
  if (claim !== undefined && typeof claim !== 'string') {
    return refuse(400, codes.invalidParams, `Invalid params._meta: ${envelopeKeys.version} is no string.`, null);
  }
  if (claim !== undefined && headers.version !== undefined && headers.version !== claim) {
    return mismatch(null, 'The MCP-Protocol-Version header and params._meta name different versions.');
  }
  if (headers.method !== undefined && headers.method !== message.method) {
    return mismatch(null, 'The Mcp-Method header and the body name different methods.');
  }
  return { era: 'modern', message };
}

/** The first thing wrong with the envelope, `undefined` if it is whole. */
function envelopeProblem(params: JsonObject | undefined): string | undefined {
  const meta = params?.get('_meta');
  if (!(meta instanceof JsonObject)) return '_meta';
  if (typeof meta.get(envelopeKeys.version) !== 'string') return envelopeKeys.version;
  if (!(meta.get(envelopeKeys.capabilities) instanceof JsonObject)) return envelopeKeys.capabilities;
  const client = meta.get(envelopeKeys.client);
  if (client !== undefined && !isImplementation(client)) return envelopeKeys.client;
  const level = meta.get(envelopeKeys.logLevel);
  return level === undefined || typeof level === 'string' ? undefined : envelopeKeys.logLevel;
}

function isImplementation(node: JsonNode): boolean {
  return typeof memberAt(node, 'name') === 'string' && typeof memberAt(node, 'version') === 'string';
}

const namedBy: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

function standardHeaderProblem(message: RpcRequest, headers: MirroredHeaders, mirrored: boolean): string | undefined {
  if (mirrored && headers.version === undefined) return 'The MCP-Protocol-Version header is missing.';
  if (mirrored && headers.method === undefined) return 'The Mcp-Method header is missing.';
  const member = namedBy.get(message.method);
  if (member === undefined) return undefined;
  const named = message.params?.get(member);
  if (headers.name === undefined) {
    return mirrored && typeof named === 'string' ? 'The Mcp-Name header is missing.' : undefined;
  }
  const decoded = decodeMirrored(headers.name);
  if (decoded === undefined) return 'The Mcp-Name header holds illegal characters or broken base64.';
  return decoded === named ? undefined : `The Mcp-Name header and params.${member} differ.`;
}

/** Whether a version string names the modern era: revisions are dates, which compare as text. */
function isModern(version: string): boolean {
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(version) && version >= modernVersion;
}

function mismatch(id: JsonNode, message: string): Classified {
  return refuse(400, codes.headerMismatch, message, id);
}

function refuse(status: number, code: number, message: string, id: JsonNode, data?: JsonNode): Classified {
  return { era: 'refused', refusal: { status, code, message, id, ...(data === undefined ? {} : { data }) } };
}
