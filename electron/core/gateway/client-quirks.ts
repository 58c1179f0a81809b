import { type JsonNode, memberAt } from '../../shared/json-tree.ts';
import { visibleText } from '../../shared/visible-text.ts';
import { envelopeKeys, legacyVersions, modernVersion } from './era.ts';
import type { MirroredHeaders } from './mirrored-headers.ts';

/**
 * Agents whose `MCP-Protocol-Version` header is known to name another version than the body, in either direction: clients
 * that come through claude.ai's connectors (anthropics/claude-code#93290). For these the body alone counts, and it is
 * logged. Nothing else is forgiven them: `Mcp-Method` and `Mcp-Name` must agree for everybody.
 */
const versionHeaderAgents: ReadonlySet<string> = new Set(['client:claude.ai']);

/** Whether an agent is known for the wrong version header. */
export function knownForVersionHeader(agent: string): boolean {
  return versionHeaderAgents.has(agent);
}

/** Headers as they are taken, and what to log where they were mended. */
export interface MendedHeaders {
  readonly headers: MirroredHeaders;
  readonly note?: string;
}

/**
 * Takes the version from the body where the header contradicts it in the known way.
 * @param inSession whether the request names a session, as only the old era has them
 */
export function mendVersionHeader(
  body: JsonNode,
  headers: MirroredHeaders,
  inSession: boolean,
  userAgent: string | undefined,
): MendedHeaders {
  const { version } = headers;
  const claim = memberAt(body, 'params', '_meta', envelopeKeys.version);
  const told = (said: string): string => {
    const client = visibleText(userAgent ?? 'no User-Agent', { max: 120 });
    return `A known fault of this client was passed over: its MCP-Protocol-Version header says ${version ?? ''}, its message ${said} (${client}).`;
  };
  if (claim === modernVersion && legacyVersions.some((old) => old === version)) {
    return { headers: { ...headers, version: modernVersion }, note: told(modernVersion) };
  }
  if (claim === undefined && inSession && version === modernVersion) {
    const { version: _wrong, ...rest } = headers;
    return { headers: rest, note: told('belongs to a session of the older era') };
  }
  return { headers };
}
