import { aboutParameter, dangerous, inspects, last, type Rule, takesText } from './class-subject.ts';
import * as lists from './class-words.ts';
import { namedQueryLanguage, statedChange, statedRead, statedRun, statesFetch } from './sentences.ts';
import type { ToolParameter } from './tool-parameters.ts';

/** Rules for tools that run arbitrary commands, code or queries, or fetch arbitrary addresses. */
export const dangerousRules: readonly Rule[] = [
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
  function isAnInterpreter({ words, sentences, parameters, readsByName, effectByName }) {
    if (readsByName || !takesText(parameters)) return undefined;
    const noun = words.find((word) => lists.interpreterNouns.has(word));
    // "browser_console_messages: Returns all console messages": a name of several words whose description only reads.
    if (words.length > 1 && statedRead(sentences) && !statedRun(sentences) && !statedChange(sentences))
      return undefined;
    const told = parameters.list.some(
      (one) => one.freeText && (lists.commandParameters.has(last(one)) || ['args', 'flags'].includes(last(one))),
    );
    if (noun && lists.commandFamilies.has(noun) && words.length > 1 && !told) return undefined;
    const other = effectByName && !lists.interpreterNouns.has(effectByName) && !lists.runVerbs.has(effectByName);
    return noun && !other ? dangerous(`It is named after "${noun}", which runs whatever it is given.`) : undefined;
  },
  function queriesADatabase({ words, sentences, parameters, effectByName }) {
    if (!words.includes('query') && !words.includes('queries')) return undefined;
    if (effectByName && effectByName !== 'run') return undefined;
    const base = words.find((word) => lists.databaseWords.has(word) || lists.queryLanguages.has(word));
    const language = namedQueryLanguage(sentences);
    const told = sentences.flat().some((word) => lists.databaseWords.has(word));
    if (!takesText(parameters) || !(base || language || told)) return undefined;
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
      // "get_project_url" gives an address and takes none.
      if (subject.words.at(-1) === 'url' && subject.words.length > 2 && subject.words.includes('get')) return undefined;
      const byName = subject.words.some((word) => ['curl', 'wget', 'http', 'url', 'webpage', 'website'].includes(word));
      return byName &&
        verb &&
        subject.words.some((word) => ['fetch', 'curl', 'wget', 'request', 'post', 'get', 'open'].includes(word))
        ? dangerous('Its name says that it fetches any address.')
        : undefined;
    }
    const address = addresses[0];
    const says = statesFetch(subject.sentences) || addresses.some((one) => loads(one));
    const { effectByName } = subject;
    const onlyNamed =
      verb !== undefined && subject.words.every((word) => !lists.fetchWords.has(word) || lists.fetchNouns.has(word));
    const writesIt =
      effectByName !== undefined &&
      (lists.effectVerbs.has(effectByName) || (onlyNamed && !lists.fetchWords.has(effectByName)));
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
