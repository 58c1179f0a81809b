import { createHash } from 'node:crypto';
import { isAbsolute, resolve as resolvePath } from 'node:path';
import { canonicalJson, fromPlain } from '../../../shared/json-tree.ts';
import type { FoundServer } from '../../../shared/views.ts';
import { type BundleEntry, findBundles } from './bundles.ts';
import { type ConfigEntry, readConfig } from './config-entries.ts';
import { type ConfigLocation, type Machine, projectLocations, userLocations } from './config-locations.ts';
import { readSmallFile } from './read-file.ts';
import { type Expanded, expand, expandHome, resolverOf } from './variables.ts';

/** A server that another program on this machine is set up to use, with what must never be shown. */
export interface Discovered extends Omit<FoundServer, 'already'> {
  /** Values of environment variables and headers, for import alone: they go to secrets. */
  readonly values: {
    readonly env: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
  };
}

/** A file that is there and could not be read. */
export interface Unreadable {
  readonly source: string;
  readonly file: string;
  readonly why: string;
}

/** What a look around found. */
export interface Discoveries {
  readonly found: readonly Discovered[];
  readonly unreadable: readonly Unreadable[];
}

/** Finds servers that other programs are set up to use. It reads files, and starts and writes nothing. */
export interface Discovery {
  find(): Promise<Discoveries>;
}

/** Claude Code keeps its history in the file that names its servers. */
const maxUserFile = 32 * 1024 * 1024;
/** Files inside projects come from strangers, with the project. */
const maxProjectFile = 1024 * 1024;
const maxProjects = 200;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/** Makes it. @param machine where to look; nothing is read before {@link Discovery.find} */
export function createDiscovery(machine: Machine): Discovery {
  return {
    async find() {
      const found: Discovered[] = [];
      const unreadable: Unreadable[] = [];
      const projects = new Set<string>();
      const seen = new Set<string>();
      const look = async (location: ConfigLocation, maxBytes: number): Promise<void> => {
        // Two programs may share a file, and a project folder may be the home folder.
        const key = resolvePath(location.file);
        if (seen.has(key)) return;
        seen.add(key);
        try {
          const text = await readSmallFile(location.file, maxBytes);
          if (text === undefined) return;
          const content = readConfig(text, location.format);
          for (const entry of content.entries) found.push(describeEntry(machine, location, entry));
          if (location.project === undefined) for (const project of content.projects) projects.add(project);
        } catch (thrown) {
          const why = thrown instanceof Error ? firstLine(thrown.message) : String(thrown);
          unreadable.push({ source: location.source, file: location.file, why });
        }
      };
      for (const location of userLocations(machine)) await look(location, maxUserFile);
      for (const project of [...projects].filter((folder) => isAbsolute(folder)).slice(0, maxProjects)) {
        for (const location of projectLocations(project)) await look(location, maxProjectFile);
      }
      const bundles = await findBundles(machine);
      found.push(...bundles.entries.map(describeBundle));
      return { found, unreadable: [...unreadable, ...bundles.unreadable] };
    },
  };
}

/** Digest of what would run, by which an import names what was shown: SHA-256 over the canonical target, values left out. */
export function targetDigest(
  target: Pick<FoundServer, 'kind' | 'command' | 'args' | 'env' | 'cwd' | 'url' | 'headers'>,
): string {
  const { kind, command, args, env, cwd, url, headers } = target;
  const tree = fromPlain({
    kind,
    command,
    args,
    env: [...env].sort(),
    cwd,
    url,
    headers: headers && [...headers].sort(),
  });
  return `sha256:${createHash('sha256').update(canonicalJson(tree)).digest('hex')}`;
}

interface Filled {
  readonly values: Record<string, string>;
  readonly asks: string[];
}

function describeEntry(machine: Machine, location: ConfigLocation, entry: ConfigEntry): Discovered {
  const project = entry.project ?? location.project;
  const { home, environment } = machine;
  const style = location.variables;
  const resolve = resolverOf(style, { home, environment, project });
  const problems: string[] = entry.problem === undefined ? [] : [entry.problem];
  const filled = (text: string): string => noteMissing(expand(text, style, resolve), problems);
  const env = fillValues(entry.env, (text) => expand(text, style, resolve));
  for (const name of entry.inherited) takeOver(env, name, name, machine);
  const headers = fillValues(entry.headers, (text) => expand(text, style, resolve));
  for (const [header, name] of Object.entries(entry.inheritedHeaders)) takeOver(headers, header, name, machine);
  if (entry.bearer !== undefined) {
    takeOver(headers, 'authorization', entry.bearer, machine);
    const token = headers.values.authorization;
    if (token !== undefined) headers.values.authorization = `Bearer ${token}`;
  }
  // Claude Code writes the servers of a project into its own file: they are told apart by the project.
  const source = entry.project === undefined ? location.source : `${location.source} (${entry.project})`;
  const cwd = entry.cwd === undefined ? project : expandHome(filled(entry.cwd), home);
  return discovered(
    { name: entry.name, source, file: location.file },
    entry.command === undefined
      ? { url: entry.url === undefined ? '' : filled(entry.url), headers }
      : { command: expandHome(filled(entry.command), home), args: entry.args.map(filled), env, cwd },
    problems,
  );
}

function describeBundle(bundle: BundleEntry): Discovered {
  const problems: string[] = bundle.problem === undefined ? [] : [bundle.problem];
  const fill = (text: string): Expanded => expand(text, 'claude-code', bundle.resolve);
  const args = bundle.args.flatMap((text) => bundle.lists.get(text) ?? [noteMissing(fill(text), problems)]);
  return discovered(
    bundle,
    { command: noteMissing(fill(bundle.command), problems), args, env: fillValues(bundle.env, fill), cwd: undefined },
    problems,
  );
}

function discovered(
  where: { readonly name: string; readonly source: string; readonly file: string },
  what:
    | {
        readonly command: string;
        readonly args: readonly string[];
        readonly env: Filled;
        readonly cwd: string | undefined;
      }
    | { readonly url: string; readonly headers: Filled },
  problems: readonly string[],
): Discovered {
  const { name, source, file } = where;
  const filled = 'command' in what ? what.env : what.headers;
  const names = [...Object.keys(filled.values), ...filled.asks];
  const legal = 'command' in what ? variableName : headerName;
  const odd = names.find((each) => !legal.test(each));
  const all = odd === undefined ? problems : [...problems, `${JSON.stringify(odd)} is no name that can be used`];
  const target =
    'command' in what
      ? {
          kind: 'stdio' as const,
          command: what.command,
          args: [...what.args],
          env: names,
          ...(what.cwd === undefined ? {} : { cwd: what.cwd }),
        }
      : {
          kind: 'http' as const,
          url: what.url,
          env: [],
          ...(names.length > 0 ? { headers: names } : {}),
        };
  return {
    name,
    source,
    file,
    ...target,
    digest: targetDigest(target),
    ...(filled.asks.length > 0 ? { asks: filled.asks } : {}),
    ...(all.length > 0 ? { problem: [...new Set(all)].join('; ') } : {}),
    values: 'command' in what ? { env: filled.values, headers: {} } : { env: {}, headers: filled.values },
  };
}

function noteMissing(expanded: Expanded, problems: string[]): string {
  for (const what of expanded.missing) problems.push(`it needs ${what}, which has no value here`);
  return expanded.text;
}

/** Values with their variables filled in; those that lack one are asked for at import. */
function fillValues(given: Readonly<Record<string, string>>, fill: (text: string) => Expanded): Filled {
  const values: Record<string, string> = {};
  const asks: string[] = [];
  for (const [name, text] of Object.entries(given)) {
    const { text: value, missing } = fill(text);
    if (missing.length > 0) asks.push(name);
    else values[name] = value;
  }
  return { values, asks };
}

function takeOver(into: Filled, name: string, variable: string, machine: Machine): void {
  const value = machine.environment[variable];
  if (value === undefined) into.asks.push(name);
  else into.values[name] = value;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
