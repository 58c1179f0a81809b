import { type JsonNode, JsonNumber, JsonObject, serializeJson } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';
import { visibleText } from '../../shared/visible-text.ts';

/** Whole phrases for tools that many servers have. */
const phrases: ReadonlyMap<string, string> = new Map([
  ['write file', 'write a file'],
  ['edit file', 'edit a file'],
  ['read file', 'read a file'],
  ['read text file', 'read a file'],
  ['read media file', 'read a file'],
  ['read multiple files', 'read files'],
  ['move file', 'move or rename a file'],
  ['delete file', 'delete a file'],
  ['create directory', 'make a folder'],
  ['list directory', 'list a folder'],
  ['search files', 'search for files'],
  ['run command', 'run a command'],
  ['execute command', 'run a command'],
  ['run shell', 'run a shell command'],
  ['bash', 'run a shell command'],
  ['execute sql', 'run a database query'],
  ['query', 'run a query'],
  ['fetch', 'fetch'],
  ['browser navigate', 'open a page'],
  ['add observations', 'note observations'],
]);

/** Names of the argument that says what is acted on, most telling first. */
const targets = [
  'path',
  'file_path',
  'filepath',
  'file',
  'filename',
  'paths',
  'files',
  'source',
  'directory',
  'folder',
  'to',
  'recipient',
  'recipients',
  'channel',
  'channel_id',
  'url',
  'urls',
  'uri',
  'command',
  'cmd',
  'sql',
  'script',
  'code',
  'query',
  'statement',
  'title',
  'subject',
  'name',
  'names',
  'issue_number',
  'pullnumber',
  'id',
  'ids',
  'table',
  'branch',
  'repo_path',
  'message',
  'text',
  'content',
] as const;
/** Names of the argument that says where to. */
const destinations = ['destination', 'dest', 'target', 'new_path', 'newpath'] as const;

const vowel = /^[aeiou]/;
const verbsFirst = new Set([
  'get',
  'list',
  'read',
  'search',
  'find',
  'create',
  'delete',
  'remove',
  'update',
  'send',
  'write',
  'add',
  'edit',
  'move',
  'copy',
  'close',
  'merge',
  'post',
  'run',
  'set',
  'upload',
  'make',
  'draft',
  'reply',
  'forward',
  'open',
  'start',
  'stop',
  'cancel',
  'archive',
  'publish',
]);

/** What of a call its summary is made from. */
export interface Summarized {
  readonly server: string;
  readonly name?: string;
  readonly method: string;
  readonly arguments?: JsonNode;
}

/** A call in plain words. */
export interface Summary {
  /** `write a file` */
  readonly verb: string;
  /** `~/notes/plan.md`; absent where no argument says what is acted on. */
  readonly target?: string;
  /** Both on one line, then what else it carries. */
  readonly line: string;
}

/**
 * What a call would do, in plain words for the prompt: verb and target, then what else it carries, folded with counts
 * (`write a file: ~/notes/plan.md · content, 1,204 characters`). Everything goes through {@link visibleText}.
 * @param home the person's home folder, shown as `~`
 */
export function summarize(call: Summarized, home?: string): Summary {
  const name = call.name ?? call.method;
  const verb = visibleText(phraseOf(name, call.server), { max: 80 });
  const members = call.arguments instanceof JsonObject ? [...call.arguments.members] : [];
  const find = (wanted: readonly string[]) =>
    wanted.flatMap((one) => members.filter(([key]) => key.toLowerCase() === one)).find(([, value]) => speaks(value));
  const target = find(targets);
  const destination = find(destinations);
  const owner = find(['owner']);
  const repository = find(['repo', 'repository', 'project']);
  const shown = new Set([target?.[0], destination?.[0], owner?.[0], repository?.[0]]);
  const place = [owner, repository].flatMap((one) => (one ? brief(one[1], home) : [])).join('/');
  const aim = [target ? brief(target[1], home) : '', destination ? `→ ${brief(destination[1], home)}` : ''];
  const what = [aim.filter((one) => one !== '').join(' '), place === '' ? '' : `in ${place}`]
    .filter((one) => one !== '')
    .join(' ');
  const others = members.filter(([key]) => !shown.has(key));
  const rest = others.slice(0, 4).map(([key, value]) => `${visibleText(key, { max: 40 })} ${brief(value, home, 60)}`);
  if (others.length > rest.length) rest.push(`and ${others.length - rest.length} more`);
  const line = [what === '' ? verb : `${verb}: ${what}`, ...rest].join(' · ');
  return { verb, ...(what === '' ? {} : { target: what }), line };
}

function phraseOf(name: string, server: string): string {
  const prefix = new Set(toolWords(server));
  const all = toolWords(name);
  // A name may repeat its server's (`github_create_issue` of `github`).
  const words = all.length > 1 && prefix.has(all[0] ?? '') ? all.slice(1) : all;
  const known = phrases.get(words.join(' ')) ?? phrases.get(all.join(' '));
  if (known) return known;
  const [verb, ...object] = words;
  if (verb === undefined || object.length === 0 || !verbsFirst.has(verb)) return words.join(' ') || name;
  const last = object.at(-1) ?? '';
  const first = object[0] ?? '';
  const plural = last.endsWith('s') && !last.endsWith('ss');
  const bare =
    plural ||
    verb === 'list' ||
    verb === 'search' ||
    ['or', 'and', 'to', 'in', 'for'].some((one) => object.includes(one));
  return `${verb} ${bare ? '' : vowel.test(first) ? 'an ' : 'a '}${object.join(' ')}`;
}

function speaks(value: JsonNode): boolean {
  if (typeof value === 'string') return value !== '';
  return value instanceof JsonNumber || (Array.isArray(value) && value.length > 0);
}

/** One value on one line; what is long becomes its size. */
function brief(value: JsonNode, home: string | undefined, max = 160): string {
  if (typeof value === 'string') {
    const text = home && (value === home || value.startsWith(`${home}/`)) ? `~${value.slice(home.length)}` : value;
    if (text.includes('\n') || [...text.slice(0, 2 * max + 2)].length > max) {
      const line = text.split('\n', 1)[0] ?? '';
      const count = `${text.length.toLocaleString('en-US')} characters`;
      return max < 100 ? count : `“${visibleText(line.slice(0, max), { max })}…” (${count})`;
    }
    return visibleText(text, { max });
  }
  if (Array.isArray(value)) {
    const first = value.slice(0, 3).map((one) => brief(one, home, 60));
    return value.length > 3 ? `${first.join(', ')} and ${value.length - 3} more` : first.join(', ');
  }
  if (value instanceof JsonObject) return `${value.members.size} ${value.members.size === 1 ? 'value' : 'values'}`;
  return visibleText(serializeJson(value), { max: 60 });
}
