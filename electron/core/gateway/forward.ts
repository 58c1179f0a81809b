import { SallyportError } from '../../shared/errors.ts';
import { JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { Decided } from '../request-log/request-log.ts';
import type { UpstreamAnswer, UpstreamRequestOptions, UpstreamSession } from '../servers/upstream-session.ts';
import { envelopeKeys } from './era.ts';
import { withoutRounds } from './era-fields.ts';
import { subjectOf } from './features.ts';

const used = new WeakSet<Decided>();

/**
 * Sends a call to the server: the only way there, and it takes nothing but a {@link Decided}, which only the log makes.
 * @param params as received; they must be those that were decided on
 * @throws SallyportError `internal` at hop `gateway` where the decision was used before or belongs to other params, and
 *   what {@link UpstreamSession.request} throws
 */
export function forward(
  decided: Decided,
  session: UpstreamSession,
  params: JsonObject | undefined,
  options: UpstreamRequestOptions,
): Promise<UpstreamAnswer> {
  const { call } = decided;
  const subject = subjectOf(call.method, params);
  const same = subject.name === call.name && subject.arguments === call.arguments;
  const answers = params?.get('inputResponses') === call.inputResponses;
  if (used.has(decided) || !same || !answers) {
    throw new SallyportError('internal', 'gateway', 'A decision was about to be used for another call.');
  }
  used.add(decided);
  const sent = params && forServer(params);
  return session.request(call.method, sent && session.info.era === 'legacy' ? withoutRounds(sent) : sent, options);
}

/**
 * Makes sure that a decision covers following a resource: a `resources/subscribe` that names it, or a
 * `subscriptions/listen` that asks for it.
 * @throws SallyportError `internal` at hop `gateway` where it does not
 */
export function followedBy({ call }: Decided, uri: string): void {
  const asked = memberAt(call.arguments, 'resourceSubscriptions');
  const listens = call.method === 'subscriptions/listen' && Array.isArray(asked) && asked.includes(uri);
  if (listens || (call.method === 'resources/subscribe' && call.name === uri)) return;
  throw new SallyportError('internal', 'gateway', 'A decision was about to be used for another resource.');
}

const envelope: readonly string[] = Object.values(envelopeKeys);

/**
 * What of the params goes on to the server: all but the modern envelope, which describes the hop from agent to gateway, and
 * `task` (2025-11-25), since tasks are not offered and a receiver without them runs the call plainly.
 */
export function forServer(params: JsonObject): JsonObject {
  const kept = params.get('task') === undefined ? params : params.with('task', undefined);
  const meta = kept.get('_meta');
  if (!(meta instanceof JsonObject)) return kept;
  const own = envelope.reduce((rest, key) => rest.with(key, undefined), meta);
  if (own.members.size === meta.members.size) return kept;
  return kept.with('_meta', own.members.size > 0 ? own : undefined);
}
