import { homedir } from 'node:os';
import { stringify } from 'yaml';
import type { LogRow } from '../../shared/views.ts';
import { visibleText } from '../../shared/visible-text.ts';

/** A rule that would have answered what the person answered by hand, with what all those calls had in common. */
export interface ProposedRule {
  readonly id: string;
  /** For people: `These 14 calls of write_file all stayed under ~/notes.` */
  readonly sentence: string;
  /** As it would stand in the rules file. */
  readonly rule: Readonly<Record<string, unknown>>;
  /** The same as YAML. */
  readonly text: string;
  readonly agent: { readonly id: string; readonly name: string };
  readonly server: string;
  readonly tool: string;
  readonly calls: number;
  /** When the first of them was made. */
  readonly since: string;
}

/** Fewer calls are no habit. */
const fewest = 5;
const mostProposed = 50;
const pathName = /(?:^|_|[a-z])(?:path|file|filename|filepath|folder|directory|dir|cwd)$/i;
const mailName = /^(?:to|cc|bcc|recipients?|attendees?|emails?)$/i;
const urlName = /(?:^|_)(?:url|uri|link|href)$/i;
/** What stands for a secret in the log: nothing can be said about it. */
const marker = /⟨|\[secret/;

/**
 * Proposes rules from recorded calls: where a person allowed one tool for one agent again and again, never denied it, and the
 * arguments had something in common (a folder, a mail domain, a host, fixed values). A tool as a whole is never proposed, nor one
 * that runs what it is told.
 * @param taken ids of rules that exist
 */
export function proposeRules(
  rows: readonly LogRow[],
  taken: ReadonlySet<string>,
  home = homedir(),
): readonly ProposedRule[] {
  const groups = new Map<string, LogRow[]>();
  for (const row of rows) {
    if (row.kind !== 'call' || row.method !== 'tools/call' || !row.agent || row.decision?.effect !== 'ask') continue;
    const key = JSON.stringify([row.agent.id, row.server, row.tool]);
    const group = groups.get(key) ?? [];
    group.push(row);
    groups.set(key, group);
  }
  const proposals = [...groups.values()].flatMap((group) => proposalOf(group, taken, home) ?? []);
  return proposals.sort((one, other) => other.calls - one.calls).slice(0, mostProposed);
}

function proposalOf(group: readonly LogRow[], taken: ReadonlySet<string>, home: string): ProposedRule | undefined {
  const [newest] = group;
  const { agent, server, tool } = newest ?? {};
  if (!newest || !agent || server === undefined || tool === undefined) return undefined;
  if (group.some((row) => row.outcome === 'denied' || row.decision?.class === 'dangerous')) return undefined;
  const ran = group.filter((row) => row.answer !== undefined && (row.outcome === 'ran' || row.outcome === 'failed'));
  const given: readonly (Arguments | undefined)[] = ran.map((row) => plainArguments(row.arguments));
  if (ran.length < fewest || given.some((one) => one === undefined)) return undefined;
  const all = given.filter((one) => one !== undefined);
  const common = inCommon(all, home);
  if (!common) return undefined;
  const id = `${server}-${tool}-${agent.id}`.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  if (taken.has(id)) return undefined;
  const rule = {
    id,
    when: { agent: agent.id, server, tool, ...common.when },
    // biome-ignore lint/suspicious/noThenProperty: the file's own word, never awaited
    then: 'allow',
    reason: `Proposed from ${ran.length} calls that you allowed.`,
  };
  const sentence = `These ${ran.length} calls of ${visibleText(tool, { max: 60 })} by ${visibleText(agent.name, { max: 60 })} all ${common.said}.`;
  const since = ran.reduce((first, row) => (row.at < first ? row.at : first), newest.at);
  return { id, sentence, rule, text: stringify([rule]), agent, server, tool, calls: ran.length, since };
}

type Arguments = Readonly<Record<string, unknown>>;

function plainArguments(value: unknown): Arguments | undefined {
  const fine =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !marker.test(JSON.stringify(value));
  return fine ? (value as Arguments) : undefined;
}

interface Common {
  readonly when: Readonly<Record<string, unknown>>;
  /** After "all". */
  readonly said: string;
}

function inCommon(calls: readonly Arguments[], home: string): Common | undefined {
  const [first] = calls;
  if (!first) return undefined;
  const when: Record<string, unknown> = {};
  const said: string[] = [];
  const names = Object.keys(first).filter((name) => calls.every((call) => call[name] !== undefined));
  const textsOf = (name: string): readonly string[] | undefined => {
    const values = calls.flatMap((call) => (Array.isArray(call[name]) ? (call[name] as unknown[]) : [call[name]]));
    return values.every((one) => typeof one === 'string') ? (values as string[]) : undefined;
  };
  const paths = names.filter((name) => pathName.test(name)).map(textsOf);
  if (paths.length > 0) {
    const folder = commonFolder(
      paths.flatMap((one) => one ?? ['']),
      home,
    );
    if (folder === undefined) return undefined;
    when['paths-under'] = [folder];
    said.push(`stayed under ${folder}`);
  }
  const mails = names.filter((name) => mailName.test(name)).flatMap((name) => textsOf(name) ?? []);
  const domains = new Set(
    mails.map((one) => /^[^\s@<>,;"]+@([A-Za-z0-9.-]+\.[A-Za-z]{2,})$/.exec(one.trim())?.[1]?.toLowerCase() ?? ''),
  );
  if (domains.size > 0) {
    if (domains.size > 3 || domains.has('')) return undefined;
    when['mail-domains'] = [...domains].sort();
    said.push(`went to ${[...domains].sort().join(', ')}`);
  }
  const urls = names.filter((name) => urlName.test(name)).flatMap((name) => textsOf(name) ?? []);
  const hosts = new Set(urls.map((one) => (URL.canParse(one) ? new URL(one).hostname : '')));
  if (hosts.size > 0) {
    if (hosts.size > 3 || hosts.has('')) return undefined;
    when.hosts = [...hosts].sort();
    said.push(`named ${[...hosts].sort().join(', ')}`);
  }
  const fixed = names.filter((name) => {
    const value = first[name];
    const short = (typeof value === 'string' && value.length <= 80) || typeof value === 'boolean';
    return (
      short &&
      !pathName.test(name) &&
      !mailName.test(name) &&
      !urlName.test(name) &&
      calls.every((call) => call[name] === value)
    );
  });
  if (fixed.length > 0) {
    when.arguments = {
      required: fixed,
      properties: Object.fromEntries(fixed.map((name) => [name, { const: first[name] }])),
    };
    said.push(
      `had ${fixed.map((name) => `${visibleText(name, { max: 40 })} “${visibleText(String(first[name]), { max: 60 })}”`).join(' and ')}`,
    );
  }
  return said.length === 0 ? undefined : { when, said: said.join(', ') };
}

/** The deepest folder that holds all of them; none that is a root, a home or right below a root. */
function commonFolder(paths: readonly string[], home: string): string | undefined {
  const split = paths.map((path) => {
    const full = path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
    return full.startsWith('/') && !/(?:^|\/)\.\.?(?:\/|$)/.test(full) ? full.split('/').slice(1, -1) : undefined;
  });
  const [first] = split;
  if (!first || split.some((one) => one === undefined)) return undefined;
  let depth = first.length;
  for (const one of split) {
    let same = 0;
    while (same < depth && one?.[same] === first[same]) same += 1;
    depth = same;
  }
  const folder = `/${first.slice(0, depth).join('/')}`;
  const tooWide = depth < 2 || folder === home || home.startsWith(`${folder}/`);
  if (tooWide) return undefined;
  return folder.startsWith(`${home}/`) ? `~${folder.slice(home.length)}` : folder;
}
