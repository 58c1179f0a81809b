import type { ServerFeature } from '../../shared/features.ts';
import { type JsonNode, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { ServerRecord } from '../servers/servers.ts';

/** What a server may ask an agent for, where the person ticked it and the client declared it (`security.md` S9). */
export const askable: ReadonlyMap<string, Extract<ServerFeature, 'elicitation' | 'sampling' | 'roots'>> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
]);

/** Members of each capability that are understood here; others would promise what cannot be judged. */
const understood: ReadonlyMap<string, readonly string[]> = new Map([
  ['elicitation', ['form', 'url']],
  ['sampling', ['tools']],
  ['roots', ['listChanged']],
]);

/**
 * Of what a client declared, what a server is told: only what the person ticked for that server.
 * @param declared the client's `capabilities`, or `clientCapabilities` of a modern request
 */
export function offered(declared: JsonNode | undefined, record: ServerRecord): JsonObject {
  const members: [string, JsonNode][] = [];
  for (const feature of askable.values()) {
    const capability = memberAt(declared, feature);
    if (!(capability instanceof JsonObject) || record.features?.includes(feature) !== true) continue;
    const known = understood.get(feature) ?? [];
    members.push([feature, new JsonObject([...capability.members].filter(([name]) => known.includes(name)))]);
  }
  return new JsonObject(members);
}

/** What is wrong with a question itself, `undefined` if it may be asked. @param capabilities what was {@link offered} */
export function questionProblem(
  method: string,
  params: JsonObject | undefined,
  capabilities: JsonObject,
): string | undefined {
  const feature = askable.get(method);
  const capability = feature && capabilities.get(feature);
  if (!(capability instanceof JsonObject)) return `${method} is not offered.`;
  if (feature === 'sampling') {
    const context = params?.get('includeContext');
    if (context !== undefined && context !== 'none')
      return 'It asks for what other servers said, which is not passed on.';
    if (params?.get('tools') !== undefined && capability.get('tools') === undefined)
      return 'The client offers no tools.';
  }
  if (feature === 'elicitation' && params?.get('mode') === 'url') {
    if (capability.get('url') === undefined) return 'The client opens no addresses.';
    return addressProblem(params.get('url'));
  }
  const formless = feature === 'elicitation' && capability.get('form') === undefined && capability.members.size > 0;
  return formless ? 'The client shows no forms.' : undefined;
}

/** What is wrong with an address that a server wants a person to open (`security.md` S9: https only). */
export function addressProblem(given: JsonNode | undefined): string | undefined {
  const url = typeof given === 'string' ? URL.parse(given) : null;
  if (url?.protocol !== 'https:') return 'It wants an address opened that is not https.';
  return url.username === '' && url.password === '' ? undefined : 'The address holds a name or a password.';
}
