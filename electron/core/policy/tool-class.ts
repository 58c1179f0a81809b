import { toolClasses } from '../../shared/call.ts';
import { type JsonObject, memberAt } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';
import { type Classified, effect, effectWord, last, type Rule, read, readWord, type Subject } from './class-subject.ts';
import * as lists from './class-words.ts';
import { dangerousRules } from './dangerous-rules.ts';
import { judgedLength, sentencesOf, statedChange, statedRead } from './sentences.ts';
import { type ToolParameters, toolParameters } from './tool-parameters.ts';

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
    firstOf(dangerousRules, subject) ??
    firstOf(thinkingRules, subject) ??
    firstOf(effectRules, subject) ??
    firstOf(readRules, subject) ??
    unknown;
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

/** A place where a model writes down its thoughts and nothing else: its description speaks of many changes and makes none. */
const thinkingRules: readonly Rule[] = [
  function onlyThinks({ name, words, parameters }) {
    const plain = [...name].every((character) => character > ' ' && character <= '~');
    const thinks = words.length <= 2 && words.some((word) => lists.thinkingWords.has(word));
    const told = parameters.list.some((one) =>
      ['path', 'file', 'url', 'uri', 'command', 'code', 'to', 'recipient'].includes(last(one)),
    );
    return plain && thinks && !told && !effectWord(words)
      ? read('Its name says that it only notes thoughts.')
      : undefined;
  },
];

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
  function saysThatItChanges({ sentences, readsByName }) {
    const verb = statedChange(sentences);
    // "find: Run a find query": the name reads, and the description only says how.
    if (verb && readsByName && lists.runningLightly.has(verb)) return undefined;
    return verb ? effect(`Its description says that it may ${verb}.`) : undefined;
  },
  function writesByParameter({ parameters, readsByName }) {
    for (const parameter of parameters.list) {
      const snake = parameter.words.join('_');
      // A way that begins somewhere ends somewhere: no place that is written to.
      const journey = ['dest', 'destination'].includes(snake) && parameters.list.some((one) => last(one) === 'origin');
      if (lists.writeParameters.has(snake) && !journey)
        return effect(`It takes "${parameter.name}": it writes somewhere.`);
      const verb = parameter.words[0] ?? '';
      const ofOutput = parameter.words.slice(1).some((word) => lists.outputNouns.has(word));
      if (parameter.boolean && lists.effectVerbs.has(verb) && !(readsByName && ofOutput)) {
        return effect(`It takes the switch "${parameter.name}".`);
      }
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

/** Whether a parameter names something that is stored somewhere: a file, or a thing by its id. */
function namesWhatIsStored(parameters: ToolParameters): boolean {
  return parameters.list.some((one) => lists.storedParameters.has(last(one)));
}

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
    return verb && !namesWhatIsStored(parameters)
      ? read(`Its name says "${verb}": it works something out from what it is given.`)
      : undefined;
  },
  function saysThatItWorksSomethingOut({ sentences, parameters }) {
    const first = sentences[0]?.find((word) => !lists.fillers.has(word)) ?? '';
    const verb = ['calculate', 'calculates', 'compute', 'computes'].includes(first);
    return verb && !namesWhatIsStored(parameters)
      ? read('Its description says that it calculates something from what it is given.')
      : undefined;
  },
  function saysThatItReads({ sentences }) {
    const verb = statedRead(sentences);
    return verb ? read(`Its description begins with "${verb}", and nothing says that it changes anything.`) : undefined;
  },
];
