import { type JsonNode, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { UpstreamInfo } from './upstream-session.ts';

/** The modern revision spoken here. */
export const modernVersion = '2026-07-28';
/** The legacy revision offered in `initialize`. */
export const offeredLegacyVersion = '2025-11-25';
/** Legacy revisions that a server may settle on. */
export const legacyVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];
/** JSON-RPC errors that only a modern server makes: header mismatch, missing capability, unsupported version. */
export const modernErrors: readonly number[] = [-32020, -32021, -32022];

const prefix = 'io.modelcontextprotocol/';

/** Who we say we are. */
export interface ClientIdentity {
  readonly name: string;
  readonly version: string;
}

/** Params with the modern per-request envelope in `_meta` (2026-07-28, basic/index). @param capabilities what may be asked for */
export function withEnvelope(
  params: JsonObject | undefined,
  client: ClientIdentity,
  logLevel?: string,
  capabilities = new JsonObject(),
): JsonObject {
  const given = params?.get('_meta');
  let meta = (given instanceof JsonObject ? given : new JsonObject())
    .with(`${prefix}protocolVersion`, modernVersion)
    .with(`${prefix}clientInfo`, clientInfo(client))
    .with(`${prefix}clientCapabilities`, capabilities);
  if (logLevel !== undefined) meta = meta.with(`${prefix}logLevel`, logLevel);
  return (params ?? new JsonObject()).with('_meta', meta);
}

/** Params of a legacy `initialize`. @param capabilities what the server may ask for */
export function initializeParams(client: ClientIdentity, capabilities = new JsonObject()): JsonObject {
  return new JsonObject([
    ['protocolVersion', offeredLegacyVersion],
    ['capabilities', capabilities],
    ['clientInfo', clientInfo(client)],
  ]);
}

/** What `server/discover` said, undefined if this is no modern server that speaks our revision. */
export function readDiscover(result: JsonNode): UpstreamInfo | undefined {
  const versions = memberAt(result, 'supportedVersions');
  if (!Array.isArray(versions) || !versions.includes(modernVersion)) return undefined;
  return {
    era: 'modern',
    protocolVersion: modernVersion,
    ...described(result, memberAt(result, '_meta', `${prefix}serverInfo`)),
  };
}

/** What `initialize` said, undefined if it is no such answer or settles on a revision that we do not know. */
export function readInitialize(result: JsonNode): UpstreamInfo | undefined {
  const version = memberAt(result, 'protocolVersion');
  if (typeof version !== 'string' || !legacyVersions.includes(version)) return undefined;
  return { era: 'legacy', protocolVersion: version, ...described(result, memberAt(result, 'serverInfo')) };
}

function described(
  result: JsonNode,
  serverInfo: JsonNode | undefined,
): Pick<UpstreamInfo, 'capabilities' | 'serverInfo' | 'instructions'> {
  const capabilities = memberAt(result, 'capabilities');
  const instructions = memberAt(result, 'instructions');
  return {
    capabilities: capabilities instanceof JsonObject ? capabilities : new JsonObject(),
    serverInfo: serverInfo instanceof JsonObject ? serverInfo : new JsonObject(),
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
}

function clientInfo(client: ClientIdentity): JsonObject {
  return new JsonObject([
    ['name', client.name],
    ['version', client.version],
  ]);
}
