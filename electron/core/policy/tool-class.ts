import { type ToolClass, toolClasses } from '../../shared/call.ts';
import { type JsonObject, memberAt } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';
import * as lists from './class-words.ts';
import {
  judgedLength,
  namedQueryLanguage,
  type Sentences,
  sentencesOf,
  statedChange,
  statedRead,
  statedRun,
  statesFetch,
} from './sentences.ts';
import { type ToolParameter, type ToolParameters, toolParameters } from './tool-parameters.ts';

/** A class with the rule that gave it. */
export interface Classified {
  readonly class: ToolClass;
  /** The rule in words, one sentence; it quotes at most words of our own lists and names of parameters. */
  readonly why: string;
}

/** What the rules look at. */
interface Subject {
  readonly name: string;
  readonly words: readonly string[];
  readonly sentences: Sentences;
  readonly parameters: ToolParameters;
  /** A reading verb is in the name, and no verb that changes or runs. */
  readonly readsByName: string | undefined;
  readonly effectByName: string | undefined;
}

type Rule = (subject: Subject) => Classified | undefined;

/**
 * The class of a tool by rules over its name, schema and description (`docs/policy.md`). The first rule that speaks
 * decides; rules for dangerous tools come first, so that a harmless-looking verb beside them does not help. What no rule
 * knows is an effect. Annotations of the server can raise the result and never lower it.
 */
export function classifyTool(definition: JsonObject): Classified {
  const nameNode = definition.get('name');
  const description = definition.get('description');
  const name = typeof nameNode === 'string' ? nameNode : '';
  const text = typeof description === 'string' ? description : '';
  const words = toolWords(name);
  const effectByName = effectWord(words);
  const subject: Subject = {
    name,
    words,
    sentences: sentencesOf(text),
    parameters: toolParameters(definition.get('inputSchema')),
    effectByName,
    readsByName: effectByName === undefined ? readWord(words) : undefined,
  };
  const ruled =
    firstOf(dangerousRules, subject) ?? firstOf(effectRules, subject) ?? firstOf(readRules, subject) ?? unknown;
  return raised(text.length > judgedLength ? stricter(ruled, tooLong) : ruled, definition);
}

const unknown: Classified = { class: 'effect', why: 'No rule knows this tool, so it counts as changing something.' };
const tooLong: Classified = {
  class: 'effect',
  why: `Its description is longer than ${judgedLength} characters, too long to judge.`,
};

function firstOf(rules: readonly Rule[], subject: Subject): Classified | undefined {
  for (const rule of rules) {
    const found = rule(subject);
    if (found) return found;
  }
  return undefined;
}

function stricter(one: Classified, other: Classified): Classified {
  return toolClasses.indexOf(other.class) > toolClasses.indexOf(one.class) ? other : one;
}

function raised(ruled: Classified, definition: JsonObject): Classified {
  const annotations = definition.get('annotations');
  if (memberAt(annotations, 'destructiveHint') === true && memberAt(annotations, 'readOnlyHint') !== true) {
    return stricter(ruled, { class: 'effect', why: 'The server itself says that it may destroy something.' });
  }
  if (memberAt(annotations, 'readOnlyHint') === false) {
    return stricter(ruled, { class: 'effect', why: 'The server itself says that it does not only read.' });
  }
  return ruled;
}

const dangerous = (why: string): Classified => ({ class: 'dangerous', why });
const effect = (why: string): Classified => ({ class: 'effect', why });
const read = (why: string): Classified => ({ class: 'read', why });

/** Whether the caller can write anything at all: without a free text, nothing arbitrary gets in. */
const takesText = (parameters: ToolParameters): boolean =>
  !parameters.declared || parameters.list.some((one) => one.freeText);
const inspects = (subject: Subject): boolean => subject.words.some((word) => lists.inspectVerbs.has(word));
const last = (parameter: ToolParameter): string => parameter.words.at(-1) ?? '';
const aboutParameter = (parameter: ToolParameter): Sentences => sentencesOf(parameter.description);

/** Rules for tools that run arbitrary commands, code or queries, or fetch arbitrary addresses. */
const dangerousRules: readonly Rule[] = [
  function executesByName({ words }) {
    const verb = words.find((word) => lists.executeVerbs.has(word));
    return verb ? dangerous(`Its name says "${verb}": it runs what it is told.`) : undefined;
  },
  function runsCodeByName({ words }) {
    const verbAt = words.findIndex((word) => lists.runVerbs.has(word));
    if (verbAt < 0) return undefined;
    const noun = words.slice(verbAt + 1).find((word) => lists.codeNouns.has(word));
    const before = words.slice(0, verbAt).some((word) => lists.readVerbs.has(word));
    return noun && !before
      ? dangerous(`Its name says "${words[verbAt]} ${noun}": it runs what it is told.`)
      : undefined;
  },
  function isAnInterpreter({ words, parameters, readsByName, effectByName }) {
    if (readsByName || !takesText(parameters)) return undefined;
    const noun = words.find((word) => lists.interpreterNouns.has(word));
    const other = effectByName && !lists.interpreterNouns.has(effectByName) && !lists.runVerbs.has(effectByName);
    return noun && !other ? dangerous(`It is named after "${noun}", which runs whatever it is given.`) : undefined;
  },
  function queriesADatabase({ words, sentences, parameters, effectByName }) {
    if (!words.includes('query') && !words.includes('queries')) return undefined;
    if (effectByName && effectByName !== 'run') return undefined;
    const base = words.find((word) => lists.databaseWords.has(word) || lists.queryLanguages.has(word));
    const language = namedQueryLanguage(sentences);
    if (!takesText(parameters) || !(base || language)) return undefined;
    return dangerous(`It runs any ${language?.toUpperCase() ?? 'database'} query that it is given.`);
  },
  function takesACommand(subject) {
    if (inspects(subject)) return undefined;
    for (const parameter of subject.parameters.list) {
      if (!parameter.freeText || !lists.commandParameters.has(last(parameter))) continue;
      const isCommand = !lists.queryLanguages.has(last(parameter));
      const said = statedRun(subject.sentences) ?? statedRun(aboutParameter(parameter));
      // A reader may take the *name* of a command ("help for a command"); a query language is never only a name.
      if (isCommand && subject.readsByName && !said) continue;
      return dangerous(`It takes a ${isCommand ? 'command' : 'query'} to run ("${parameter.name}").`);
    }
    return undefined;
  },
  function takesAQueryLanguage(subject) {
    if (inspects(subject)) return undefined;
    const language = namedQueryLanguage(subject.sentences);
    for (const parameter of subject.parameters.list) {
      if (!parameter.freeText || !['query', 'queries', 'statement', 'statements'].includes(last(parameter))) continue;
      const spoken = namedQueryLanguage(aboutParameter(parameter)) ?? language;
      if (spoken) return dangerous(`It takes any ${spoken.toUpperCase()} to run ("${parameter.name}").`);
    }
    return undefined;
  },
  function takesCode(subject) {
    if (inspects(subject)) return undefined;
    for (const parameter of subject.parameters.list) {
      if (!parameter.freeText || !lists.codeParameters.has(last(parameter)) || last(parameter) === 'query') continue;
      const said = statedRun(subject.sentences) ?? statedRun(aboutParameter(parameter));
      if (said) return dangerous(`It takes code to run ("${parameter.name}").`);
    }
    return undefined;
  },
  function saysThatItRuns(subject) {
    if (subject.readsByName || inspects(subject)) return undefined;
    const said = statedRun(subject.sentences.slice(0, 1));
    return said && subject.parameters.list.some((one) => one.freeText)
      ? dangerous(`Its description says that it runs ${said}.`)
      : undefined;
  },
  function passesCallsOn({ words, parameters }) {
    const verb = words.findIndex((word) => lists.relayVerbs.has(word));
    const noun = words.slice(verb + 1).find((word) => lists.relayNouns.has(word));
    if (verb >= 0 && noun && parameters.list.some((one) => one.freeText)) {
      const before = words.slice(0, verb).some((word) => lists.readVerbs.has(word));
      if (!before) return dangerous(`It passes calls on to any ${noun} that it is told.`);
    }
    const named = (...names: string[]) =>
      parameters.list.some((one) => one.freeText && names.includes(one.name.toLowerCase()));
    const method = parameters.list.some((one) => one.name.toLowerCase() === 'method');
    return method &&
      named('path', 'endpoint', 'url') &&
      words.some((word) => ['request', 'api', 'http', 'call'].includes(word))
      ? dangerous('It makes any request that it is told, method and address included.')
      : undefined;
  },
  function fetchesAnyAddress(subject) {
    const addresses = subject.parameters.list.filter(
      (one) => one.freeText && (lists.addressParameters.has(last(one)) || one.format === 'uri' || one.format === 'url'),
    );
    const verb = subject.words.find((word) => lists.fetchWords.has(word));
    if (addresses.length === 0) {
      const byName = subject.words.some((word) => ['curl', 'wget', 'http', 'url', 'webpage', 'website'].includes(word));
      return byName &&
        verb &&
        subject.words.some((word) => ['fetch', 'curl', 'wget', 'request', 'post', 'get', 'open'].includes(word))
        ? dangerous('Its name says that it fetches any address.')
        : undefined;
    }
    const address = addresses[0];
    const says = statesFetch(subject.sentences) || addresses.some((one) => loads(one));
    const writesIt = subject.effectByName !== undefined && lists.effectVerbs.has(subject.effectByName);
    return address && ((verb && !writesIt) || (verb && says) || (says && !writesIt))
      ? dangerous(`It fetches any address that it is given ("${address.name}").`)
      : undefined;
  },
];

/** Whether a parameter's own text says that what lies at the address is loaded. */
function loads(parameter: ToolParameter): boolean {
  const sentences = aboutParameter(parameter);
  return statesFetch(sentences) || sentences.some((words) => words.includes('data') && words.includes('uri'));
}

/** Rules for tools that change something. */
const effectRules: readonly Rule[] = [
  function hasAStrangeName({ name, words }) {
    const plain = name.length > 0 && [...name].every((character) => character > ' ' && character <= '~');
    return plain && words.length > 0 ? undefined : effect('Its name has characters that can pass for others.');
  },
  function changesByName({ words, effectByName, sentences }) {
    if (!effectByName) return undefined;
    const noun = lists.effectOrNounWords.has(effectByName) && !lists.effectVerbs.has(effectByName);
    // "git_branch: List Git branches": a word that is also a noun does not outweigh a description that only reads.
    const linked = words.some((word) => ['and', 'or', 'then'].includes(word));
    if (noun && !linked && statedRead(sentences) && !statedChange(sentences)) return undefined;
    return effect(`Its name says "${effectByName}".`);
  },
  function saysThatItChanges({ sentences }) {
    const verb = statedChange(sentences);
    return verb ? effect(`Its description says that it may ${verb}.`) : undefined;
  },
  function writesByParameter({ parameters }) {
    for (const parameter of parameters.list) {
      const snake = parameter.words.join('_');
      if (lists.writeParameters.has(snake)) return effect(`It takes "${parameter.name}": it writes somewhere.`);
      const verb = parameter.words[0] ?? '';
      if (parameter.boolean && lists.effectVerbs.has(verb)) return effect(`It takes the switch "${parameter.name}".`);
      if (!lists.operationParameters.has(last(parameter))) continue;
      const choice = parameter.choices?.find((one) => effectWord(toolWords(one)) !== undefined);
      if (choice !== undefined) return effect(`It can be told to change something ("${parameter.name}").`);
    }
    return undefined;
  },
  function takesAnAddress({ parameters }) {
    const address = parameters.list.find((one) => one.freeText && ['url', 'urls', 'href'].includes(last(one)));
    return address
      ? effect(`It is told an address ("${address.name}"), and no rule says what it does there.`)
      : undefined;
  },
  function hidesItsParameters({ parameters }) {
    return parameters.complete ? undefined : effect('Its schema is too large or too deep to judge.');
  },
];

/** Rules for tools that only look. */
const readRules: readonly Rule[] = [
  function looksByName({ words, readsByName, sentences }) {
    if (!readsByName) return undefined;
    // At the end of a name it may be a noun beside a verb that no list knows (materialize_view): the text must agree.
    const noun = words.length > 1 && readsByName === words.at(-1) && lists.readVerbsOrNouns.has(readsByName);
    if (noun && !statedRead(sentences)) return undefined;
    return read(`Its name says "${readsByName}", and nothing says that it changes anything.`);
  },
  function worksSomethingOut({ words, parameters }) {
    const verb = words.find((word) => lists.computeVerbs.has(word));
    const places = parameters.list.some((one) =>
      ['path', 'file', 'filename', 'filepath', 'paths', 'files', 'folder', 'directory', 'uri', 'destination'].includes(
        last(one),
      ),
    );
    return verb && !places ? read(`Its name says "${verb}": it works something out from what it is given.`) : undefined;
  },
  function saysThatItReads({ sentences }) {
    const verb = statedRead(sentences);
    return verb ? read(`Its description begins with "${verb}", and nothing says that it changes anything.`) : undefined;
  },
];

/** The word of a name that changes something, if there is one. */
function effectWord(words: readonly string[]): string | undefined {
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
  if (words[at] === 'merge') return next === 'request' || next === 'requests';
  if (words[at] === 'resolve') return ['id', 'ids', 'name', 'path', 'dns', 'hostname'].includes(words.at(-1) ?? '');
  if (words[at] === 'set') return ['data', 'result', 'change', 'record'].includes(before) && at > 1;
  return false;
}

function readWord(words: readonly string[]): string | undefined {
  const verb = words.find((word) => lists.readVerbs.has(word));
  if (verb) return verb;
  if (words[0] === 'look' && words[1] === 'up') return 'look up';
  if (words.includes('resolve')) return 'resolve';
  if (words[0] === 'echo') return 'echo';
  const end = words.at(-1);
  return words.find((word) => lists.readNouns.has(word) && (word === end || word === words[0] || words[0] === 'git'));
}
