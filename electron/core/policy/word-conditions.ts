import { type JsonNode, JsonNumber, JsonObject } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';
import type { Verdict } from './argument-schema.ts';
import type { Named } from './named-places.ts';
import { type JudgedSelect, judgeSelect, type SelectOnly } from './sql/select-only.ts';

/** Values that are looked at in one call; where there are more, nobody can tell. */
const mostLeaves = 2_000;

interface Leaf {
  /** Names of the members that lead to it, outermost first. */
  readonly path: readonly string[];
  readonly value: JsonNode;
}

function leavesOf(node: JsonNode | undefined): readonly Leaf[] {
  const found: Leaf[] = [];
  const walk = (one: JsonNode | undefined, path: readonly string[]): void => {
    if (one === undefined || found.length > mostLeaves) return;
    if (Array.isArray(one)) for (const item of one as readonly JsonNode[]) walk(item, path);
    else if (one instanceof JsonObject) for (const [name, value] of one.members) walk(value, [...path, name]);
    else found.push({ path, value: one });
  };
  walk(node, []);
  return found;
}

const receivers: ReadonlySet<string> = new Set(
  `to cc bcc recipient recipients receiver receivers attendee attendees invitee invitees email emails mail mails`.split(
    /\s+/,
  ),
);
/** Names of members that hold a receiver only where their value is written like an address. */
const mayReceive: ReadonlySet<string> = new Set(
  'participant participants address addresses reply guest guests member members user users contact contacts'.split(' '),
);
const plainAddress =
  /^[A-Za-z0-9._+'-]{1,64}@([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){1,8})$/;
/** `Bob Smith <bob@acme.example>`; a name with quotes, brackets or another address in it is not read. */
const namedAddress = /^[^<>@,;"()\\\r\n]{0,200}<([^<>\s]{3,320})>$/;
/** A second recipient smuggled into another header. */
const smuggled = /[\r\n]\s{0,20}(?:to|cc|bcc|resent-[a-z]{1,10})\s{0,20}:/i;

/**
 * The mail addresses that arguments name as receivers: in members named like one, and wherever a value is an address and nothing
 * else. An address is read only in a form that every mail program reads alike; what is written otherwise is `unsure`.
 */
export function mailReceivers(node: JsonNode | undefined, domains: readonly string[]): Named {
  let values = 0;
  let fitting = 0;
  const leaves = leavesOf(node);
  let unsure = leaves.length > mostLeaves;
  const wanted = domains.map((one) => one.toLowerCase());
  for (const { path, value } of leaves) {
    if (typeof value !== 'string') continue;
    if (smuggled.test(value)) unsure = true;
    const text = value.trim();
    const words = path.flatMap(toolWords);
    const named = words.some((word) => receivers.has(word) || (mayReceive.has(word) && text.includes('@')));
    if (!named && !plainAddress.test(text)) continue;
    if (named && text === '') continue;
    const pieces = named ? text.split(/[,;]/).map((one) => one.trim()) : [text];
    for (const piece of pieces) {
      values += 1;
      const address = namedAddress.exec(piece)?.[1] ?? piece;
      const domain = plainAddress.exec(address)?.[1]?.toLowerCase();
      if (domain === undefined) {
        unsure = true;
        continue;
      }
      const fits = wanted.some((one) => (one.startsWith('*.') ? domain.endsWith(one.slice(1)) : domain === one));
      if (fits) fitting += 1;
    }
  }
  return { values, fitting, unsure };
}

/**
 * Whether every number of a name is at most what is given for it, and at least one of each name is there. A name may be a path
 * (`order.total`). Texts count where they are plain decimal numbers; a negative or inexact number says nothing.
 */
export function atMost(node: JsonNode | undefined, limits: Readonly<Record<string, number>>): Verdict {
  const leaves = leavesOf(node);
  let verdict: Verdict = leaves.length > mostLeaves ? 'unknown' : true;
  for (const [name, limit] of Object.entries(limits)) {
    const own = leaves.filter(({ path }) => path.at(-1) === name || path.join('.') === name);
    if (own.length === 0) return false;
    for (const { value } of own) {
      const amount = amountOf(value);
      if (amount === undefined || amount < 0) verdict = 'unknown';
      else if (amount > limit) return false;
    }
  }
  return verdict;
}

function amountOf(value: JsonNode): number | undefined {
  if (value instanceof JsonNumber) return value.exact ? value.value : undefined;
  if (typeof value !== 'string' || !/^\d{1,15}(?:\.\d{1,9})?$/.test(value)) return undefined;
  return Number(value);
}

const rowLimits: ReadonlySet<string> = new Set(
  'limit maxresults maxrows rows top first count pagesize perpage size n max take maxitems numresults'.split(' '),
);

/** Whether the arguments say themselves that at most so many rows come: by a limit among them, or in the statement that selects. */
export function rowsAtMost(node: JsonNode | undefined, limit: number, selects: readonly JudgedSelect[]): Verdict {
  const leaves = leavesOf(node);
  if (leaves.length > mostLeaves) return 'unknown';
  const given = leaves.filter(({ path }) => rowLimits.has((path.at(-1) ?? '').toLowerCase().replaceAll(/[_-]/g, '')));
  const stated = selects.map(({ rows }) => rows);
  if (given.length === 0 && stated.length === 0) return false;
  let verdict: Verdict = true;
  for (const { value } of given) {
    const amount = amountOf(value);
    if (amount === undefined || amount < 0) verdict = 'unknown';
    else if (amount > limit) return false;
  }
  // With a statement, its own limit counts: a parameter beside it may mean anything.
  if (stated.some((rows) => rows !== undefined && rows > limit)) return false;
  if (stated.length > 0 && stated.some((rows) => rows === undefined) && given.length === 0) return false;
  return verdict;
}

const statementNames: ReadonlySet<string> = new Set('sql query statement'.split(' '));

/** What the arguments hold as statements: in the member that the rule names, else in `sql`, `query` or `statement`. */
export function selectsOf(
  node: JsonNode | undefined,
  rule: SelectOnly & { readonly in?: string | undefined },
): readonly JudgedSelect[] {
  const leaves = leavesOf(node);
  const wanted = (name: string): boolean =>
    rule.in === undefined ? statementNames.has(name.toLowerCase()) : name === rule.in;
  const texts = leaves.filter(({ path, value }) => typeof value === 'string' && wanted(path.at(-1) ?? ''));
  if (leaves.length > mostLeaves || texts.length > 20) return [{ verdict: 'unknown' }];
  return texts.map(({ value }) => judgeSelect(String(value), rule));
}
