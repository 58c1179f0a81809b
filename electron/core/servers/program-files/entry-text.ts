import { isDeepStrictEqual } from 'node:util';
import {
  applyEdits,
  type FormattingOptions,
  findNodeAtLocation,
  modify,
  type ParseError,
  parse,
  parseTree,
} from 'jsonc-parser';
import { parse as parseToml, stringify } from 'smol-toml';
import { SallyportError } from '../../../shared/errors.ts';
import type { WritableProgram } from '../../../shared/programs.ts';

/** How a program writes a server down that speaks HTTP. */
export interface EntryForm {
  readonly syntax: 'json' | 'toml';
  /** The member of the document that holds its servers. */
  readonly holder: string;
  entry(url: string, headers?: Readonly<Record<string, string>>): Record<string, unknown>;
}

const withHeaders =
  (named: (url: string) => Record<string, unknown>, member = 'headers'): EntryForm['entry'] =>
  (url, headers) => ({ ...named(url), ...(headers ? { [member]: headers } : {}) });

/** See {@link EntryForm}, by program. */
export const entryForms: Readonly<Record<WritableProgram, EntryForm>> = {
  'claude-code': { syntax: 'json', holder: 'mcpServers', entry: withHeaders((url) => ({ type: 'http', url })) },
  cursor: { syntax: 'json', holder: 'mcpServers', entry: withHeaders((url) => ({ url })) },
  vscode: { syntax: 'json', holder: 'servers', entry: withHeaders((url) => ({ type: 'http', url })) },
  codex: { syntax: 'toml', holder: 'mcp_servers', entry: withHeaders((url) => ({ url }), 'http_headers') },
  gemini: { syntax: 'json', holder: 'mcpServers', entry: withHeaders((httpUrl) => ({ httpUrl })) },
  zed: { syntax: 'json', holder: 'context_servers', entry: withHeaders((url) => ({ url })) },
  windsurf: { syntax: 'json', holder: 'mcpServers', entry: withHeaders((serverUrl) => ({ serverUrl })) },
  'lm-studio': { syntax: 'json', holder: 'mcpServers', entry: withHeaders((url) => ({ url })) },
};

/**
 * The text of a file with one entry added, replaced (JSON) or taken out (`entry` undefined); comments and everything else
 * stay as they are. What comes out is read again: the entry must be there, and nothing else may differ.
 * @throws SallyportError at hop `app`: `program_file_unreadable`, `program_entry_exists`, `program_file_unchangeable`
 */
export function withEntry(
  form: EntryForm,
  text: string,
  name: string,
  entry: Record<string, unknown> | undefined,
): string {
  const before = read(form, text);
  const changed = form.syntax === 'json' ? editJson(form, text, name, entry) : editToml(form, text, name, entry);
  const wanted = expected(structuredClone(before), form.holder, name, entry);
  // Cloned: the TOML reader makes objects without a prototype.
  const after = structuredClone(read(form, changed));
  // An emptied holder may stay or go: it says nothing.
  const same = isDeepStrictEqual(after, wanted) || isDeepStrictEqual({ [form.holder]: {}, ...after }, wanted);
  if (!same) {
    throw new SallyportError('program_file_unchangeable', 'app', 'The file cannot be changed without changing more.', {
      hint: 'Change it by hand: the entry to add is shown under “Connect it”.',
    });
  }
  return changed;
}

/** The entry of that name as the file says it now. @throws SallyportError `program_file_unreadable` */
export function entryIn(form: EntryForm, text: string, name: string): unknown {
  const holder = read(form, text)[form.holder];
  return isRecord(holder) ? holder[name] : undefined;
}

function read(form: EntryForm, text: string): Record<string, unknown> {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (source.trim() === '') return {};
  let document: unknown;
  let why = '';
  if (form.syntax === 'json') {
    const errors: ParseError[] = [];
    document = parse(source, errors, { allowTrailingComma: true });
    if (errors[0]) why = ` at line ${source.slice(0, errors[0].offset).split('\n').length}`;
  } else {
    try {
      document = parseToml(source);
    } catch (error) {
      why = error instanceof Error ? `: ${error.message.split('\n')[0]}` : ' it is no TOML';
    }
  }
  if (why === '' && isRecord(document)) return document;
  throw new SallyportError('program_file_unreadable', 'app', `The file cannot be read${why}.`, {
    hint: 'Mend it in its program or an editor. Nothing was changed.',
  });
}

function editJson(form: EntryForm, text: string, name: string, entry: Record<string, unknown> | undefined): string {
  if (!entry) return withoutProperty(text, [form.holder, name]);
  const source = text.trim() === '' ? '{}\n' : text;
  // A new one comes first: so no line of the others gets a comma, and no comment another neighbour.
  const options = { formattingOptions: formattingOf(source), getInsertionIndex: () => 0 };
  return applyEdits(source, modify(source, [form.holder, name], entry, options));
}

/** Takes out a property with its line and one comma; the library would take the comments up to the next one along. */
function withoutProperty(text: string, path: readonly string[]): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const property = tree && findNodeAtLocation(tree, [...path])?.parent;
  if (!property) return text;
  let start = property.offset;
  let end = property.offset + property.length;
  const comma = /^\s*,/.exec(text.slice(end));
  if (comma) end += comma[0].length;
  else start -= /,\s*$/.exec(text.slice(0, start))?.[0].length ?? 0;
  start -= /(?:\r?\n)?[ \t]*$/.exec(text.slice(0, start))?.[0].length ?? 0;
  return text.slice(0, start) + text.slice(end);
}

/** A table at the end: TOML's own editors reorder or lose comments, and a table may stand anywhere. */
function editToml(form: EntryForm, text: string, name: string, entry: Record<string, unknown> | undefined): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  if (entry) {
    if (entryIn(form, text, name) !== undefined) {
      throw new SallyportError('program_entry_exists', 'app', `The file has an entry ${name} already.`, {
        hint: 'Take it out by hand, or leave it as it is.',
      });
    }
    const table = block(form, name, entry).join(eol);
    const gap = text.trim() === '' ? '' : `${text.endsWith('\n') ? '' : eol}${eol}`;
    return `${text}${gap}${table}${eol}`;
  }
  const present = entryIn(form, text, name);
  if (!isRecord(present)) return text;
  const lines = block(form, name, present).join(eol);
  const at = text.indexOf(lines);
  if (at < 0) return text;
  const rest = text.slice(at + lines.length + eol.length);
  return `${text.slice(0, at).replace(/(\r?\n){2}$/, eol)}${rest}`;
}

function block(form: EntryForm, name: string, entry: Record<string, unknown>): string[] {
  return stringify({ [form.holder]: { [name]: entry } })
    .trim()
    .split('\n');
}

function expected(
  before: Record<string, unknown>,
  holder: string,
  name: string,
  entry: Record<string, unknown> | undefined,
): Record<string, unknown> {
  const { [name]: _old, ...others } = isRecord(before[holder]) ? before[holder] : {};
  return { ...before, [holder]: { ...others, ...(entry ? { [name]: entry } : {}) } };
}

/** Indents and ends lines as the file does. */
function formattingOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  return {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 4 : Math.min(8, indent.length),
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
