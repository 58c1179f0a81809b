import type { ToolAccess, ToolClass } from '../../shared/call.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json-tree.ts';
import type { ToolView } from '../../shared/views.ts';
import type { Classified } from './class-subject.ts';
import { definitionText } from './definition-text.ts';
import { plainName, skeleton } from './look-alike.ts';
import type { ApprovedTool, PinStore, StoredPins } from './pin-store.ts';
import { type Listing, listingOf, pinOf } from './pins.ts';
import { natureOf, type ToolNature, undeclaredNature } from './tool-nature.ts';

/** One tool of a server: what was approved of it, and what the server lists now. */
export interface KnownTool {
  readonly name: string;
  readonly state: 'approved' | 'new' | 'changed' | 'gone';
  /** What an agent may do with it now: `off` whatever was approved, unless the state is `approved`. */
  readonly access: ToolAccess;
  /** Pin of the approved definition, if there is one. */
  readonly approvedPin: string | undefined;
  /** Class of the definition that would run, or the one that the person gave the tool. */
  readonly classified: Classified;
  /** What else its definition tells. */
  readonly nature: ToolNature;
  /** Name of an earlier tool, of any server, that this one's name can be taken for. */
  readonly resembles?: string | undefined;
}

interface Current {
  readonly definition: JsonObject;
  readonly pin: string;
  readonly nature: ToolNature;
}

interface ServerTools {
  approved: ReadonlyMap<string, ApprovedTool & { readonly nature: ToolNature }>;
  /** Undefined until the server was asked once in this run: what was approved then counts as listed. */
  current: ReadonlyMap<string, Current> | undefined;
  twice: ReadonlySet<string>;
  unreadable: string | undefined;
}

/** What is known of every server's tools: approvals from the store, listings as the servers give them. */
export interface ToolRegistry {
  approveAll(server: string, definitions: readonly JsonObject[]): void;
  observe(server: string, definitions: readonly JsonObject[]): void;
  setAccess(server: string, tool: string, access: ToolAccess, pin: string | undefined): ToolView;
  /** The tool of exactly that name; any other spelling is another tool. */
  find(server: string, tool: string): KnownTool | undefined;
  views(server: string): readonly ToolView[];
  /** The view of one tool. */
  view(server: string, tool: string): ToolView | undefined;
  /** Why nothing of the server can be judged, if its record is lost. */
  unreadable(server: string): string | undefined;
  forget(server: string): void;
}

/** Access that a tool of a class gets where the person chose none. */
export type DefaultAccess = Readonly<Record<ToolClass, ToolAccess>>;
/** What sharing gives. */
export const sharedAccess: DefaultAccess = { read: 'allow', effect: 'ask', dangerous: 'off' };

/** Options of {@link createToolRegistry}. */
export interface ToolRegistryOptions {
  readonly store: PinStore;
  /** Called after each change, with the server's slug. */
  readonly changed: (server: string) => void;
  /** Class that the person gave a tool in the rules file. */
  readonly classOf: (server: string, tool: string) => ToolClass | undefined;
  readonly access: DefaultAccess;
  /** Whether a tool of a server that listed nothing yet counts as an effect to ask about (replay), not as unknown. */
  readonly takesUndeclared: boolean;
}

/** The registry: approvals from the store, listings from the servers. */
export function createToolRegistry(options: ToolRegistryOptions): ToolRegistry {
  const { store, changed, access: classAccess } = options;
  const servers = new Map<string, ServerTools>();

  const toolsOf = (server: string): ServerTools => {
    let known = servers.get(server);
    if (!known) {
      known = fromStore(store.load(server));
      servers.set(server, known);
      looks = undefined;
    }
    return known;
  };

  const keep = (server: string, known: ServerTools, approved: readonly ApprovedTool[]): void => {
    const sorted = approved.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    store.save(
      server,
      sorted.map(({ name, definition, pin, access, chosen }) => ({ name, definition, pin, access, chosen })),
    );
    known.approved = classify(sorted);
    known.unreadable = undefined;
    looks = undefined;
  };

  /** Names by what they look like, in the order in which they became known; made anew after each change of a list. */
  let looks: Map<string, { server: string; name: string }[]> | undefined;
  const resembled = (server: string, name: string): string | undefined => {
    looks ??= looksOf(servers);
    const own = plainName(name);
    const same = looks.get(skeleton(name)) ?? [];
    if (same.length < 2) return undefined;
    // Two servers may well have a tool of one name; within one, nothing but case or a dash must tell two apart.
    const beside = same.find((other) => other.server === server && other.name !== name);
    if (beside) return beside.name;
    const first = same.findIndex((other) => other.server === server);
    const earlier = same.slice(0, first);
    // Whoever bears the first name of a look is not the one that copies it.
    return earlier.some((other) => plainName(other.name) === own) ? undefined : earlier[0]?.name;
  };

  const know = (server: string, known: ServerTools, name: string): KnownTool | undefined => {
    const approved = known.approved.get(name);
    const current = known.current?.get(name);
    const nature = (current ?? approved)?.nature;
    if (!nature) return undefined;
    const state = stateOf(known, name, approved, current);
    const given = options.classOf(server, name);
    const classified = given === undefined ? nature.classified : { class: given, why: 'You gave it this class.' };
    // What the person chose for the tool itself stays; else the class that they gave it has its own default.
    const ofClass = given === undefined || approved?.chosen === true ? approved?.access : classAccess[given];
    const access = state === 'approved' && ofClass !== undefined ? ofClass : 'off';
    return { name, state, access, approvedPin: approved?.pin, classified, nature, resembles: resembled(server, name) };
  };

  /** A tool of which only the name is known; each name is judged once. */
  const undeclared = new Map<string, ToolNature>();
  const undeclaredTool = (server: string, name: string): KnownTool => {
    const nature = undeclared.get(name) ?? undeclaredNature(name);
    if (undeclared.size < 10_000) undeclared.set(name, nature);
    const given = options.classOf(server, name);
    const classified = given === undefined ? nature.classified : { class: given, why: 'You gave it this class.' };
    const access = classAccess[classified.class];
    return { name, state: 'approved', access, approvedPin: undefined, classified, nature };
  };

  const view = (server: string, known: ServerTools, name: string): ToolView | undefined => {
    const tool = know(server, known, name);
    const shown = known.current?.get(name) ?? known.approved.get(name);
    if (!tool || !shown) return undefined;
    const title = shown.definition.get('title');
    const description = shown.definition.get('description');
    const approved = known.approved.get(name);
    const change =
      tool.state === 'changed' && approved
        ? { change: { approved: definitionText(approved.definition), now: definitionText(shown.definition) } }
        : {};
    return {
      name,
      ...(typeof title === 'string' ? { title } : {}),
      ...(typeof description === 'string' ? { description } : {}),
      class: tool.classified.class,
      why: known.twice.has(name) ? 'The server lists two tools of this name.' : tool.classified.why,
      access: tool.access,
      pin: shown.pin,
      state: tool.state,
      ...change,
    };
  };

  return {
    approveAll(server, definitions) {
      const known = toolsOf(server);
      const listing = listingOf(definitions);
      const approved: ApprovedTool[] = [];
      for (const [name, definition] of listing.tools) {
        if (listing.twice.has(name)) continue;
        const pin = pinOf(definition);
        const before = known.approved.get(name);
        const kept = before?.pin === pin && before.chosen;
        const access = kept ? before.access : classAccess[natureOf(definition).classified.class];
        approved.push({ name, definition, pin, access, chosen: kept });
      }
      keep(server, known, approved);
      list(known, listing);
      looks = undefined;
      changed(server);
    },
    observe(server, definitions) {
      const known = toolsOf(server);
      const before = fingerprint(known);
      list(known, listingOf(definitions));
      if (fingerprint(known) === before) return;
      looks = undefined;
      changed(server);
    },
    setAccess(server, tool, access, pin) {
      const known = toolsOf(server);
      const found = know(server, known, tool);
      const shown = known.current?.get(tool) ?? known.approved.get(tool);
      if (!found || !shown) {
        throw new SallyportError('tool_not_found', 'policy', `This server has no tool of that name.`, {
          hint: 'See `sallyport tools list SERVER` for its tools.',
        });
      }
      if (pin !== undefined && pin !== shown.pin) {
        throw new SallyportError('pin_stale', 'policy', 'The tool has changed since it was shown.', {
          hint: 'Look at it again, then decide.',
        });
      }
      const stays = [...known.approved.values()].filter((one) => one.name !== tool);
      const approved = known.approved.get(tool);
      if (access === 'off') {
        // Switching off must always work and approves nothing: the approved definition, if any, stays the approved one.
        if (approved) keep(server, known, [...stays, { ...approved, access, chosen: true }]);
      } else {
        if (known.twice.has(tool)) {
          throw new SallyportError(
            'tool_not_found',
            'policy',
            'The server lists two tools of this name, so neither can be used.',
          );
        }
        if (found.state === 'gone') {
          throw new SallyportError('tool_not_found', 'policy', 'The server no longer has this tool.');
        }
        keep(server, known, [
          ...stays,
          { name: tool, definition: shown.definition, pin: shown.pin, access, chosen: true },
        ]);
      }
      changed(server);
      const after = view(server, known, tool);
      if (!after) throw new SallyportError('tool_not_found', 'policy', 'This server has no tool of that name.');
      return after;
    },
    find(server, tool) {
      const known = toolsOf(server);
      const found = know(server, known, tool);
      if (found || !options.takesUndeclared || known.current !== undefined || known.approved.size > 0) return found;
      return undeclaredTool(server, tool);
    },
    views(server) {
      const known = toolsOf(server);
      const names = new Set([...known.approved.keys(), ...(known.current?.keys() ?? [])]);
      return [...names].sort().flatMap((name) => view(server, known, name) ?? []);
    },
    view: (server, tool) => view(server, toolsOf(server), tool),
    unreadable: (server) => toolsOf(server).unreadable,
    forget(server) {
      store.remove(server);
      servers.delete(server);
      looks = undefined;
      changed(server);
    },
  };
}

function looksOf(servers: ReadonlyMap<string, ServerTools>): Map<string, { server: string; name: string }[]> {
  const found = new Map<string, { server: string; name: string }[]>();
  for (const [server, known] of servers) {
    for (const name of new Set([...known.approved.keys(), ...(known.current?.keys() ?? [])])) {
      const look = skeleton(name);
      const same = found.get(look) ?? [];
      same.push({ server, name });
      found.set(look, same);
    }
  }
  return found;
}

function fromStore(stored: StoredPins): ServerTools {
  return {
    approved: classify(stored.kind === 'ok' ? stored.tools : []),
    current: undefined,
    twice: new Set(),
    unreadable: stored.kind === 'unreadable' ? stored.why : undefined,
  };
}

function classify(tools: readonly ApprovedTool[]): ServerTools['approved'] {
  return new Map(tools.map((tool) => [tool.name, { ...tool, nature: natureOf(tool.definition) }]));
}

function list(known: ServerTools, listing: Listing): void {
  const before = known.current;
  known.twice = listing.twice;
  known.current = new Map(
    [...listing.tools].map(([name, definition]) => {
      const pin = pinOf(definition);
      // The same definition has the same nature: a server that lists often must not have it judged as often.
      const same = [before?.get(name), known.approved.get(name)].find((tool) => tool?.pin === pin);
      return [name, { definition, pin, nature: same?.nature ?? natureOf(definition) }];
    }),
  );
}

function stateOf(
  known: ServerTools,
  name: string,
  approved: ApprovedTool | undefined,
  current: Current | undefined,
): KnownTool['state'] {
  if (!approved) return 'new';
  if (known.twice.has(name)) return 'changed';
  if (known.current === undefined) return 'approved';
  if (!current) return 'gone';
  return current.pin === approved.pin ? 'approved' : 'changed';
}

function fingerprint(known: ServerTools): string {
  const current = [...(known.current ?? [])].map(([name, tool]) => `${JSON.stringify(name)}:${tool.pin}`).sort();
  return JSON.stringify([known.current === undefined, current, [...known.twice].sort()]);
}
