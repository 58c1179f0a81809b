import { type JsonNode, JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { Offer, OfferKind, OfferPins } from './offers.ts';
import type { OwnSession } from './own-session.ts';
import type { UpstreamAnswer } from './upstream-session.ts';

/** Lists of one kind are read no further. */
const maxPages = 20;

interface List {
  readonly kind: OfferKind;
  /** Member of the result that holds the list. */
  readonly member: string;
  /** Member of each entry that names it. */
  readonly key: string;
}
const lists: ReadonlyMap<string, List> = new Map([
  ['prompts/list', { kind: 'prompt', member: 'prompts', key: 'name' }],
  ['resources/templates/list', { kind: 'template', member: 'resourceTemplates', key: 'uriTemplate' }],
]);
const changes: ReadonlyMap<string, string> = new Map([
  ['notifications/prompts/list_changed', 'prompts/list'],
  ['notifications/resources/list_changed', 'resources/templates/list'],
]);

/**
 * A session whose prompts, resource templates and instructions are held to their pins: what nobody approved is not in its
 * lists, is not reached by name, and is not in {@link UpstreamSession.info}.
 */
export function guardOffers(inner: OwnSession, server: string, pins: OfferPins): OwnSession {
  /** Lists that were read whole in this conversation, until the server says that they changed. */
  const read = new Map<string, Promise<void>>();
  inner.onNotification((method) => {
    const list = changes.get(method);
    if (list !== undefined) read.delete(list);
  });

  const readAll = async (method: string, { kind, member, key }: List): Promise<void> => {
    const offers: Offer[] = [];
    let cursor: JsonNode | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const params = cursor === undefined ? undefined : new JsonObject([['cursor', cursor]]);
      const answer = await inner.request(method, params);
      // A server without them has none; one that fails says nothing of what was approved.
      if ('error' in answer) return;
      offers.push(...offersIn(answer.result, kind, member, key));
      cursor = memberAt(answer.result, 'nextCursor');
      if (typeof cursor !== 'string') break;
    }
    pins.observe(server, kind, offers);
  };
  const known = async (method: string): Promise<void> => {
    const list = lists.get(method);
    if (!list) return;
    const reading = read.get(method) ?? readAll(method, list);
    read.set(method, reading);
    try {
      await reading;
    } catch (thrown) {
      if (read.get(method) === reading) read.delete(method);
      throw thrown;
    }
  };

  /** Why a request is not forwarded, undefined where it may be. */
  const blocked = async (method: string, params: JsonObject | undefined): Promise<string | undefined> => {
    const named = (...path: string[]): string => {
      const value = memberAt(params, ...path);
      return typeof value === 'string' ? value : '';
    };
    const prompt =
      method === 'prompts/get' ? named('name') : named('ref', 'type') === 'ref/prompt' ? named('ref', 'name') : '';
    if (prompt !== '' && (method === 'prompts/get' || method === 'completion/complete')) {
      await known('prompts/list');
      return pins.usable(server, 'prompt', prompt) ? undefined : `Unknown prompt: ${prompt}`;
    }
    if (method === 'completion/complete' && named('ref', 'type') === 'ref/resource') {
      await known('resources/templates/list');
      const uri = named('ref', 'uri');
      return pins.usable(server, 'template', uri) ? undefined : `Unknown resource template: ${uri}`;
    }
    if (method === 'resources/read' || method === 'resources/subscribe') {
      await known('resources/templates/list');
      const uri = named('uri');
      const changed = pins.changed(server, 'template').some((template) => couldBe(template, uri));
      return changed ? `Resource not found: ${uri}` : undefined;
    }
    return undefined;
  };

  const { instructions, ...rest } = inner.info;
  const said: Offer | undefined =
    instructions === undefined
      ? undefined
      : { kind: 'instructions', name: '', definition: new JsonObject([['text', instructions]]) };
  pins.observe(server, 'instructions', said ? [said] : []);

  return {
    ...inner,
    get info() {
      return said && pins.allows(server, said) ? inner.info : rest;
    },
    async request(method, params, options) {
      const list = lists.get(method);
      if (list) await known(method);
      const why = await blocked(method, params);
      if (why !== undefined) return { error: refusal(why) };
      const answer = await inner.request(method, params, options);
      return list ? filtered(answer, list, (offer) => pins.allows(server, offer)) : answer;
    },
    get inFlight() {
      return inner.inFlight;
    },
  };
}

function offersIn(result: JsonNode, kind: OfferKind, member: string, key: string): Offer[] {
  const listed = memberAt(result, member);
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((definition) => {
    const name = memberAt(definition, key);
    return definition instanceof JsonObject && typeof name === 'string' ? [{ kind, name, definition }] : [];
  });
}

function filtered(answer: UpstreamAnswer, list: List, allows: (offer: Offer) => boolean): UpstreamAnswer {
  if ('error' in answer || !(answer.result instanceof JsonObject)) return answer;
  const listed = answer.result.get(list.member);
  if (!Array.isArray(listed)) return answer;
  const kept = listed.filter((definition) => {
    const name = memberAt(definition, list.key);
    return (
      definition instanceof JsonObject && typeof name === 'string' && allows({ kind: list.kind, name, definition })
    );
  });
  return kept.length === listed.length ? answer : { result: answer.result.with(list.member, kept) };
}

/**
 * Whether an address could come from a template: its fixed parts stand in it in order. Never by a pattern of the server's
 * making (`security.md` S14); what is said too often blocks more, not less.
 */
function couldBe(template: string, uri: string): boolean {
  const [first = '', ...others] = template.split(/\{[^{}]*\}/);
  if (others.length === 0) return uri === template;
  if (!uri.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = uri.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return true;
}

function refusal(message: string): JsonObject {
  return new JsonObject([
    ['code', new JsonNumber('-32602')],
    ['message', message],
  ]);
}
