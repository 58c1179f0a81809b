import type { ToolClass } from '../../shared/call.ts';
import * as lists from './class-words.ts';
import { type Sentences, sentencesOf } from './sentences.ts';
import type { ToolParameter, ToolParameters } from './tool-parameters.ts';

/** A class with the rule that gave it. */
export interface Classified {
  readonly class: ToolClass;
  /** The rule in words, one sentence; it quotes at most words of our own lists and names of parameters. */
  readonly why: string;
}

/** What the rules look at. */
export interface Subject {
  readonly name: string;
  readonly words: readonly string[];
  readonly sentences: Sentences;
  readonly parameters: ToolParameters;
  /** A reading verb is in the name, and no verb that changes or runs. */
  readonly readsByName: string | undefined;
  readonly effectByName: string | undefined;
}

/** Speaks if it knows the tool, else leaves it to the next. */
export type Rule = (subject: Subject) => Classified | undefined;

/** Runs what it is told. */
export const dangerous = (why: string): Classified => ({ class: 'dangerous', why });
/** Changes something. */
export const effect = (why: string): Classified => ({ class: 'effect', why });
/** Only looks. */
export const read = (why: string): Classified => ({ class: 'read', why });

/** Whether the caller can write anything at all: without a free text, nothing arbitrary gets in. */
export const takesText = (parameters: ToolParameters): boolean =>
  !parameters.declared || parameters.list.some((one) => one.freeText);
/** Whether the name says that code or a query is only looked at. */
export const inspects = (subject: Subject): boolean => subject.words.some((word) => lists.inspectVerbs.has(word));
/** The last word of a parameter's name, which says what it is. */
export const last = (parameter: ToolParameter): string => parameter.words.at(-1) ?? '';
/** What is said about a parameter. */
export const aboutParameter = (parameter: ToolParameter): Sentences => sentencesOf(parameter.description);

/** The word of a name that changes something, if there is one. */
export function effectWord(words: readonly string[]): string | undefined {
  const pure = words.find((word, at) => lists.effectVerbs.has(word) && !isReading(words, at));
  if (pure) return pure;
  if (words.some((word, at) => word === 'check' && ['in', 'out'].includes(words[at + 1] ?? '')))
    return 'check in or out';
  if (words.includes('git') && words.includes('fetch')) return 'fetch';
  const reading = words.findIndex((word) => lists.readVerbs.has(word));
  return words.find((word, at) => {
    if (!lists.effectOrNounWords.has(word) || isReading(words, at)) return false;
    if (['and', 'or', 'then'].includes(words[at - 1] ?? '') || ['and', 'or', 'then'].includes(words[at + 1] ?? ''))
      return true;
    // After a reading verb it names a thing (get_post), and so it does before one that ends the name (issue_comment_list).
    return !(reading >= 0 && (reading < at || reading === words.length - 1));
  });
}

/** Words that look like verbs that change, but are part of a name for reading. */
function isReading(words: readonly string[], at: number): boolean {
  const next = words[at + 1] ?? '';
  const before = words[at - 1] ?? '';
  if (words[at] === 'pull') return next === 'request' || next === 'requests';
  if (words[at] === 'request' || words[at] === 'requests') return before === 'pull' || before === 'merge';
  if (words[at] === 'open') return next === 'node' || next === 'nodes';
  if (words[at] === 'merge') return next === 'request' || next === 'requests';
  if (words[at] === 'resolve') return ['id', 'ids', 'name', 'path', 'dns', 'hostname'].includes(words.at(-1) ?? '');
  if (words[at] === 'set') return ['data', 'result', 'change', 'record'].includes(before) && at > 1;
  return false;
}

/** The word of a name that looks at something, if there is one. */
export function readWord(words: readonly string[]): string | undefined {
  const verb = words.find((word) => lists.readVerbs.has(word));
  if (verb) return verb;
  if (words[0] === 'look' && words[1] === 'up') return 'look up';
  if (words.includes('resolve')) return 'resolve';
  if (words.includes('open') && words.some((word) => word === 'node' || word === 'nodes')) return 'open nodes';
  if (words[0] === 'echo') return 'echo';
  const end = words.at(-1);
  return words.find((word) => lists.readNouns.has(word) && (word === end || word === words[0] || words[0] === 'git'));
}
