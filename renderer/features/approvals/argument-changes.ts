import { type JsonNode, JsonObject, parseJson, serializeJson } from '../../../electron/shared/json-tree.ts';

/** One argument beside the same argument of the call that it is compared with. */
export interface ArgumentChange {
  readonly name: string;
  /** Absent = the call leaves it out this time. */
  readonly now?: JsonNode;
  /** Absent = it was not there, or there is nothing to compare with. */
  readonly before?: JsonNode;
  readonly kind: 'same' | 'new' | 'changed' | 'gone' | 'alone';
}

/** The arguments in their order, then those that are left out; `undefined` where they are no object. `alone` = nothing to compare with. */
export function argumentChanges(text: string, lastText: string | undefined): readonly ArgumentChange[] | undefined {
  const now = parsed(text);
  if (!(now instanceof JsonObject)) return undefined;
  const last = lastText === undefined ? undefined : parsed(lastText);
  if (!(last instanceof JsonObject)) {
    return [...now.members].map(([name, value]) => ({ name, now: value, kind: 'alone' }));
  }
  const changes = [...now.members].map(([name, value]): ArgumentChange => {
    const before = last.members.get(name);
    if (before === undefined) return { name, now: value, kind: 'new' };
    return { name, now: value, before, kind: serializeJson(before) === serializeJson(value) ? 'same' : 'changed' };
  });
  const gone = [...last.members]
    .filter(([name]) => !now.members.has(name))
    .map(([name, before]): ArgumentChange => ({ name, before, kind: 'gone' }));
  return [...changes, ...gone];
}

/** A value as text: strings bare, everything else with the digits it was written in. */
export function valueText(value: JsonNode): string {
  return typeof value === 'string' ? value : serializeJson(value);
}

function parsed(text: string): JsonNode | undefined {
  if (text === '') return new JsonObject();
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
