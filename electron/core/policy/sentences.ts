import {
  determiners,
  effectOrNounWords,
  effectVerbs,
  fetchingWords,
  fetchObjects,
  fillers,
  linkWords,
  negations,
  queryLanguages,
  readVerbs,
  runningWords,
  runObjects,
} from './class-words.ts';

/** A text as sentences of lower-case words; linear in its length, whatever a stranger wrote. */
export type Sentences = readonly (readonly string[])[];

/** Characters of a description that are judged; a longer one counts as changing something. */
export const judgedLength = 20_000;

/** Splits a description. Tool names in it (`write_file`) stay one word, so that naming another tool is no statement. */
export function sentencesOf(text: string): Sentences {
  return text
    .slice(0, judgedLength)
    .toLowerCase()
    .replaceAll('’', "'")
    .split(/[.!?;:\n\r•()]+/)
    .map((sentence) => sentence.split(/[^\p{L}\p{N}_'&-]+/u).filter((word) => word !== '' && word !== '-'))
    .filter((sentence) => sentence.length > 0);
}

/** The word as a verb's base form where a list may hold it: creates → create, modifies → modify, pushes → push. */
function inList(list: ReadonlySet<string>, word: string | undefined): string | undefined {
  if (word === undefined) return undefined;
  if (list.has(word)) return word;
  if (word.endsWith('ies') && list.has(`${word.slice(0, -3)}y`)) return `${word.slice(0, -3)}y`;
  if (word.endsWith('es') && list.has(word.slice(0, -2))) return word.slice(0, -2);
  if (word.endsWith('s') && list.has(word.slice(0, -1))) return word.slice(0, -1);
  return undefined;
}

function negated(sentence: readonly string[], at: number): boolean {
  return sentence.slice(Math.max(0, at - 4), at).some((word) => negations.has(word));
}

/** Whether the clause before `at` speaks of what the reader does ("before you include or reject it"), not the tool. */
function tellsTheReader(sentence: readonly string[], at: number): boolean {
  const before = sentence.slice(Math.max(0, at - 6), at);
  return before.some((word, index) => readersClause.has(word) && before[index + 1] === 'you');
}

const readersClause = new Set(['before', 'after', 'if', 'when', 'whether', 'until']);

function leadAt(sentence: readonly string[]): number {
  let at = 0;
  while (at < sentence.length && fillers.has(sentence[at] ?? '')) at += 1;
  return at;
}

const states = new Set([
  'are',
  'is',
  'was',
  'were',
  'may',
  'can',
  'must',
  'should',
  'no',
  'nothing',
  'none',
  'of',
  'in',
]);

/**
 * The verb with which a description says that the tool changes something, if it does: at the beginning of a sentence, or
 * after "and", "then", "also", "will" with an object. Negated statements do not count.
 */
export function statedChange(sentences: Sentences): string | undefined {
  for (const [index, sentence] of sentences.entries()) {
    const lead = leadAt(sentence);
    const spoken = sentence[lead];
    const next = sentence[lead + 1];
    const verb = inList(effectVerbs, spoken);
    // Later sentences often tell the reader what to do ("Add quotes for …"): only a statement about the tool counts.
    const states3rd = verb !== undefined && spoken !== verb;
    const subject = sentence
      .slice(0, lead)
      .some((word) => word === 'tool' || word === 'it' || word === 'this' || word === 'also');
    if (verb && (index === 0 || states3rd || subject) && !states.has(next ?? '') && !negated(sentence, lead))
      return verb;
    const noun = inList(effectOrNounWords, spoken);
    if (noun && noun !== 'resolve' && index === 0 && (determiners.has(next ?? '') || linkWords.has(next ?? '')))
      return noun;
    if (index === 0 && linkWords.has(next ?? '')) {
      const second = inList(effectVerbs, sentence[lead + 2]);
      if (second) return second;
    }
    for (let at = lead + 1; at + 1 < sentence.length; at += 1) {
      if (!linkWords.has(sentence[at] ?? '')) continue;
      const word = sentence[at + 1];
      const linked = inList(effectVerbs, word) ?? inList(effectOrNounWords, word);
      const object = determiners.has(sentence[at + 2] ?? '');
      if (linked && object && !negated(sentence, at + 1) && !tellsTheReader(sentence, at)) return linked;
    }
    for (const [at, word] of sentence.entries()) {
      if (word === 'destructive' && !negated(sentence, at)) return 'destroy';
      if (word === 'side' && inList(new Set(['effect', 'side-effect']), sentence[at + 1]) && !negated(sentence, at)) {
        return 'have side effects';
      }
    }
  }
  return undefined;
}

/** The reading verb that a description begins with, if it does ("Returns the …", "This tool lists …"). */
export function statedRead(sentences: Sentences): string | undefined {
  const first = sentences[0] ?? [];
  return inList(readVerbs, first[leadAt(first)]);
}

/** What a text says is run ("Execute arbitrary Python code" → `code`), if it says so. */
export function statedRun(sentences: Sentences): string | undefined {
  for (const sentence of sentences) {
    for (const [at, word] of sentence.entries()) {
      if (!runningWords.has(word) || negated(sentence, at)) continue;
      for (const later of sentence.slice(at + 1, at + 7)) {
        if (['on', 'over', 'against', 'for', 'when', 'if'].includes(later)) break;
        if (runObjects.has(later)) return later;
      }
    }
  }
  return undefined;
}

/** Whether a text speaks of fetching an address or a page. */
export function statesFetch(sentences: Sentences): boolean {
  return sentences.some((sentence) =>
    sentence.some(
      (word, at) =>
        fetchingWords.has(word) &&
        !negated(sentence, at) &&
        sentence.slice(at + 1, at + 9).some((later) => fetchObjects.has(later)),
    ),
  );
}

/** The query language that a text names, if it names one. */
export function namedQueryLanguage(sentences: Sentences): string | undefined {
  return sentences.flat().find((word) => queryLanguages.has(word));
}
