import { createHash } from 'node:crypto';
import type { RequestInput } from '../../shared/contract.ts';
import type { DecidedBody, EventBody } from './chain.ts';

/** What of an entry is searched for words, as people type it: JSON's escapes are undone as far as they hide words. */
export function searchedText(body: EventBody): string {
  const texts =
    body.kind === 'decided'
      ? [body.argumentsText, body.tool, body.server, body.agentName, body.agent]
      : 'message' in body
        ? [body.message, body.server]
        : [];
  return texts
    .join('\n')
    .replaceAll(/\\(?:(["\\/])|[bfnrt]|u[0-9a-fA-F]{4})/g, (_all, plain: string | undefined) => plain ?? ' ');
}

/** The words of a query, in small letters. */
export function wordsOf(text: string | undefined): string[] {
  return (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
}

/** Whether all words are in an entry. */
export function hasWords(body: EventBody, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const haystack = searchedText(body).toLowerCase();
  return words.every((word) => haystack.includes(word));
}

/** A word of the index for a property of an entry; nothing that people type is one. */
function tag(property: string, value: string): string {
  return `sptag${createHash('sha256').update(`${property}\n${value.toLowerCase()}`).digest('hex').slice(0, 16)}`;
}

/** The properties of a call by which it is found. */
export function callTags(body: DecidedBody, outcome: string): string {
  return [
    tag('agent', body.agent),
    tag('agent', body.agentName),
    tag('server', body.server),
    ...(body.tool === undefined ? [] : [tag('tool', body.tool)]),
    tag('decision', body.decision),
    tag('outcome', outcome),
    tag('call', body.call),
  ].join(' ');
}

/** The properties of what is no call. */
export function noteTags(body: { readonly server?: string | undefined }): string {
  return body.server === undefined ? '' : tag('server', body.server);
}

/** How the index is asked for one call. */
export function callQuery(id: string): string {
  return `"${tag('call', id)}"`;
}

/**
 * A query in FTS5's language: every property, and every word of letters and digits, the last of each from its beginning on.
 * @returns undefined where the index is of no use: no property and no such word
 */
export function indexQuery(query: RequestInput<'log.list'>): string | undefined {
  const tags = (['agent', 'server', 'tool', 'decision', 'outcome'] as const).flatMap((property) => {
    const value = query[property];
    return value === undefined ? [] : [`"${tag(property, value)}"`];
  });
  const words = wordsOf(query.text).flatMap((word) => {
    const parts = word.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? [];
    const open = parts.at(-1) !== undefined && word.endsWith(parts.at(-1) ?? '');
    // Beginnings of one or two letters fit too much: those are looked for as whole words.
    return parts.map((part, index) => `"${part}"${open && index === parts.length - 1 && part.length > 2 ? '*' : ''}`);
  });
  const all = [...tags, ...words];
  return all.length === 0 ? undefined : all.join(' AND ');
}
