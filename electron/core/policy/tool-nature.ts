import type { ToolClass } from '../../shared/call.ts';
import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';
import type { Classified } from './class-subject.ts';
import { readVerbs } from './class-words.ts';
import { hiddenInstructions } from './hidden-instructions.ts';
import { sentencesOf } from './sentences.ts';
import { classifyTool } from './tool-class.ts';
import { type ToolParameters, toolParameters } from './tool-parameters.ts';

/** What is known of a tool from its definition alone. */
export interface ToolNature {
  readonly classified: Classified;
  /** What it does reaches others: it sends, posts, publishes, or names somebody who receives. */
  readonly outward: boolean;
  /** What it changes are files, notes or drafts of this machine: nobody else sees what is written there. */
  readonly kept: boolean;
  /** What it does cannot be taken back. */
  readonly irreversible: boolean;
  /** It looks at what everybody can see (a web search, the weather), so its results are not the person's own. */
  readonly public: boolean;
  /** It only looks, but asks a machine that the caller names. */
  readonly looksOutside: boolean;
  /** Parameters with which a tool that else only looks writes a file ("File name to save the picture to"). */
  readonly savesBy: readonly string[];
  /** Why its texts look as if they were written to direct the agent, if they do. */
  readonly directs: string | undefined;
}

const set = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Words of a name that say that something leaves, wherever they stand. */
export const outwardWords = set(`
  send post publish share reply forward tweet toot upload push invite submit notify dispatch webhook broadcast announce dm call pay
  transfer purchase buy donate refund withdraw deploy gist grant subscribe register respond rsvp fax alert remit wire reserve
`);
/** What a tool that changes something acts on where it stays with the person: files, notes, rows, marks. */
export const localWords = set(`
  file files directory directories folder folders note notes memory memories entity entities relation relations observation
  observations node nodes graph row rows table tables record records cell cells sheet index schema insight column view todo todos
  task tasks reminder bookmark bookmarks label labels unread read draft drafts filter reaction star favorite stage stash commit
  branch tag init config setting settings clipboard window tab tabs click type hover scroll fill press select drag key
  resize wait screenshot snapshot console document documents block blocks line lines text variable event events alarm timer
`);
/** Of {@link localWords}, what lies on this machine: a task or a row may well be shared with others. */
export const keptWords = set(`
  file files directory directories folder folders note notes memory memories entity entities relation relations observation
  observations node nodes graph draft drafts stage stash commit clipboard config setting settings screenshot snapshot
`);
/** Things that others see once they are made or changed. */
export const sharedNouns = set(
  'issue issues pull pr prs gist repository repo review discussion ticket wiki webhook invitation comment',
);

/** Parameters that say who receives. */
export const receiverWords = set(`
  to cc bcc recipient recipients email emails attendees attendee participants invitees channel channels webhook url urls uri
  endpoint host hostname domain phone iban payee beneficiary address receiver
`);
/** Words of a name that say that it cannot be taken back. */
export const irreversibleWords = set(`
  delete remove drop purge erase destroy wipe truncate pay transfer purchase buy order book reserve withdraw donate refund remit wire
  revoke cancel terminate kill reset force uninstall empty trash reboot shutdown
`);
/** Words that cannot be taken back beside one of their objects only: a sheet is formatted and cells are merged every day. */
const irreversibleWith: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['merge', set('pull pr request branch branches')],
  ['format', set('disk drive volume partition card')],
]);
/** Words that say that what is looked at is public. */
export const publicWords = set(`
  web internet google bing duckduckgo brave tavily exa wikipedia weather forecast arxiv pubmed stock stocks
  currency time timezone hackernews geocode map maps directions
`);
/** What may stand beside {@link publicWords}; any other word (`google_docs`, `time_entries`) and it may be the person's own. */
export const publicCompanions = set(`
  search fetch get current convert by for in of the to from at and local news images image videos places place nearby near city location
  details results headlines article articles paper papers abstract summary page pages query keyword topic alerts rate rates price
  prices symbol latest daily hourly distance matrix elevation geocode reverse research extract crawl map advanced summarizer
`);
const outsideParameters = set('host hostname domain ip nameserver');

/** Judges a definition once; nothing in it is run or matched with patterns of its own. */
export function natureOf(definition: JsonObject): ToolNature {
  const known = natures.get(definition);
  if (known) return known;
  const nature = judgedNature(definition);
  natures.set(definition, nature);
  return nature;
}

/** What was judged already: a definition never changes once it is parsed. */
const natures = new WeakMap<JsonObject, ToolNature>();

function judgedNature(definition: JsonObject): ToolNature {
  const classified = classifyTool(definition);
  const name = definition.get('name');
  const words = toolWords(typeof name === 'string' ? name : '');
  const parameters = toolParameters(definition.get('inputSchema'));
  const lastWords = parameters.list.map((one) => one.words.at(-1) ?? '');
  const paths = lastWords.some((word) =>
    ['path', 'file', 'filename', 'filepath', 'directory', 'folder'].includes(word),
  );
  const shared = words.some((word) => sharedNouns.has(word));
  const stays = words.some((word) => localWords.has(word)) || paths;
  const outward =
    classified.class === 'dangerous' ||
    (classified.class === 'effect' &&
      (words.some((word) => outwardWords.has(word)) ||
        shared ||
        lastWords.some((word) => receiverWords.has(word)) ||
        !stays));
  return {
    classified,
    outward,
    kept: classified.class === 'effect' && !outward && (paths || words.some((word) => keptWords.has(word))),
    irreversible: classified.class !== 'read' && cannotBeTakenBack(words),
    public: isPublic(words) || fetches(classified, words),
    savesBy: classified.class === 'read' ? savingParameters(parameters) : [],
    looksOutside:
      classified.class === 'read' &&
      parameters.list.some((one) => one.freeText && outsideParameters.has(one.words.at(-1) ?? '')),
    directs: hiddenInstructions(textsOf(definition)),
  };
}

/** The nature of a tool that nobody defined: by its name, an effect. */
export function undeclaredNature(name: string): ToolNature {
  const nature = natureOf(new JsonObject([['name', name]]));
  const kind: ToolClass = 'effect';
  const words = toolWords(name);
  return {
    ...nature,
    classified: { class: kind, why: 'Nothing is known of this tool but its name.' },
    outward:
      words.some((word) => outwardWords.has(word) || sharedNouns.has(word)) ||
      !words.some((word) => localWords.has(word)),
    irreversible: cannotBeTakenBack(words),
    looksOutside: false,
  };
}

/** Whether words of a name say that what it does cannot be taken back. */
function cannotBeTakenBack(words: readonly string[]): boolean {
  if (words.some((word) => irreversibleWords.has(word))) return true;
  const creates = words.some((word) => word === 'create' || word === 'get' || word === 'list');
  return !creates && words.some((word) => words.some((other) => irreversibleWith.get(word)?.has(other)));
}

/** Whether a name speaks of what everybody can see, and of nothing else. */
function isPublic(words: readonly string[]): boolean {
  return (
    words.some((word) => publicWords.has(word)) &&
    words.every((word) => publicWords.has(word) || publicCompanions.has(word) || readVerbs.has(word))
  );
}

const savingWords = set('save saves saved saving write writes written store stores stored');

/** Free texts that name a file and whose own description says that it is written. */
function savingParameters(parameters: ToolParameters): readonly string[] {
  return parameters.list.flatMap((one) => {
    const names = ['path', 'file', 'filename', 'filepath'].includes(one.words.at(-1) ?? '');
    const saves = sentencesOf(one.description).some((sentence) => sentence.some((word) => savingWords.has(word)));
    return one.freeText && names && saves ? [one.name] : [];
  });
}

function fetches(classified: Classified, words: readonly string[]): boolean {
  return classified.class === 'dangerous' && classified.why.includes('fetches any address') && !words.includes('api');
}

/** Every text of a definition that an agent reads. */
function textsOf(definition: JsonObject): string {
  const found: string[] = [];
  let length = 0;
  const walk = (node: JsonNode | undefined, depth: number): void => {
    if (depth > 12 || length > 40_000) return;
    if (typeof node === 'string') {
      found.push(node);
      length += node.length;
    } else if (Array.isArray(node)) for (const item of node as readonly JsonNode[]) walk(item, depth + 1);
    else if (node instanceof JsonObject) for (const [, value] of node.members) walk(value, depth + 1);
  };
  for (const name of ['title', 'description', 'inputSchema', 'outputSchema', 'annotations'])
    walk(definition.get(name), 0);
  return found.join('\n');
}
