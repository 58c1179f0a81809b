import { fromPlain, JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { UpstreamAnswer, UpstreamInfo } from '../servers/upstream-session.ts';
import { envelopeKeys } from './era.ts';
import { codes, errorBody } from './protocol-errors.ts';

/** Results that a modern client is told how long to keep (MCP 2026-07-28, Caching). */
export const cached: ReadonlySet<string> = new Set([
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
]);
/** What a multi-round-trip request carries (MCP 2026-07-28); nothing of it exists in the legacy era. */
const roundMembers = ['inputResponses', 'requestState'] as const;
/** "Resource not found" of the legacy era, which 2026-07-28 says with `-32602`. */
const legacyNotFound = -32_002;

/** Longest time in milliseconds that an agent may keep a list: switches must show soon, calls are checked anyway. */
const maxTtlMs = 30_000;

/** Adds what 2026-07-28 requires of lists and of `server/discover`. */
export function cacheable(result: JsonObject): JsonObject {
  const ttl = result.get('ttlMs');
  const ttlMs = ttl instanceof JsonNumber && ttl.value >= 0 ? Math.min(Math.floor(ttl.value), maxTtlMs) : maxTtlMs;
  // What is listed depends on who asks: no shared cache may keep it.
  return complete(result).with('ttlMs', fromPlain(ttlMs)).with('cacheScope', 'private');
}

/** Adds `resultType` to a result of a legacy server; a modern server's stays. */
export function complete(result: JsonObject): JsonObject {
  if (result.get('resultType') !== undefined) return result;
  return new JsonObject([['resultType', 'complete'], ...result.members]);
}

/** Params without what only the modern era knows at their top: for a legacy server, and from a legacy client. */
export function withoutRounds(params: JsonObject): JsonObject {
  return without(params, roundMembers);
}

/**
 * A modern server's result as the legacy era knows it: without its kind, its caching and the modern names in `_meta`. What a
 * server added of its own stays.
 */
export function legacyResult(method: string, result: JsonObject): JsonObject {
  const plain = without(result, cached.has(method) ? ['resultType', 'ttlMs', 'cacheScope'] : ['resultType']);
  const meta = plain.get('_meta');
  if (!(meta instanceof JsonObject)) return plain;
  const rest = without(meta, Object.values(envelopeKeys));
  if (rest === meta) return plain;
  return plain.with('_meta', rest.members.size > 0 ? rest : undefined);
}

/**
 * A server's answer as the client's era knows it, where the two differ. What asks a legacy client for more stays as it is:
 * it becomes requests to it (`multi-round.ts`).
 */
export function acrossEras(
  answer: UpstreamAnswer,
  { era }: Pick<UpstreamInfo, 'era'>,
  { modern, method }: { readonly modern: boolean; readonly method: string },
): UpstreamAnswer {
  if (modern === (era === 'modern')) return answer;
  if ('error' in answer) {
    const code = answer.error.get('code');
    const gone = modern && method === 'resources/read' && code instanceof JsonNumber && code.value === legacyNotFound;
    return gone ? { error: answer.error.with('code', fromPlain(codes.invalidParams)) } : answer;
  }
  const { result } = answer;
  if (modern || !(result instanceof JsonObject)) return answer;
  const kind = memberAt(result, 'resultType');
  if (kind === 'input_required') return answer;
  if (kind === undefined || kind === 'complete') return { result: legacyResult(method, result) };
  return { error: errorBody(codes.internal, 'The local server gave a kind of result that this client does not know.') };
}

function without(object: JsonObject, names: readonly string[]): JsonObject {
  if (names.every((name) => object.get(name) === undefined)) return object;
  return names.reduce((rest, name) => rest.with(name, undefined), object);
}
