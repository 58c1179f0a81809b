import type { Call, Decision } from '../../shared/call.ts';
import type { Canaries } from './canaries.ts';
import { createGuardedPlaces, type Reached } from './guarded-places.ts';
import { type Case, judges } from './judges.ts';
import { asUsual, maskResult, type ResultHandling } from './mask-result.ts';
import { createNamedPlaces, type NamedPlaces } from './named-places.ts';
import type { PausedAgents } from './paused-agents.ts';
import type { PinStore } from './pin-store.ts';
import { pinOf } from './pins.ts';
import type { Policy } from './policy.ts';
import { prepareDefinitions } from './prepare-definitions.ts';
import { createRuleBook, type RuleBook, type RuleMatches } from './rule-book.ts';
import { noRules, type RulesDocument } from './rules-document.ts';
import { createSessionMemory } from './session-memory.ts';
import { type ToolNature, undeclaredNature } from './tool-nature.ts';
import { createToolRegistry, type DefaultAccess, sharedAccess } from './tool-registry.ts';

/** What {@link createPolicy} needs. */
export interface PolicyDeps {
  /** Where approved definitions are kept: `createPinFiles({ dataFolder, clock })`. */
  readonly store: PinStore;
  /** The data folder, absolute: no call whose arguments lead there is ever let through (`security.md` S7). */
  readonly dataFolder: string;
  /** Other paths of ours that are guarded alike: the control socket where it lies elsewhere, an edge's configuration. */
  readonly ownPaths?: readonly string[];
  /** The person's home folder, absolute. */
  readonly home: string;
  /** Folders against which a server resolves relative paths (working directory, folders in its command); none = unknown. */
  readonly foldersOf?: (server: string) => readonly string[];
  /** Default: this machine's. */
  readonly platform?: NodeJS.Platform;
  /** Agents of which nothing runs. Default: none. */
  readonly agents?: Pick<PausedAgents, 'get'>;
  /** Planted values. Default: none. */
  readonly canaries?: Pick<Canaries, 'foundIn'>;
  /** What the person chose for results of a server. Default: {@link asUsual}. */
  readonly resultsOf?: (server: string) => ResultHandling | undefined;
  /** The rules in force at the start. Default: none. */
  readonly rules?: RulesDocument;
  /** Access that a tool gets where the person chose none. Default: what sharing gives. */
  readonly access?: DefaultAccess;
  /** Whether a call without a definition is judged by its name, as an effect, instead of denied: for replay. */
  readonly takesUndeclared?: boolean;
}

/** The policy station. Its store is read when a server is first named; nothing is written but by the person's changes. */
export function createPolicy(deps: PolicyDeps): Policy {
  const listeners = new Set<(server: string) => void>();
  let book: RuleBook = createRuleBook(deps.rules ?? noRules);
  const registry = createToolRegistry({
    store: deps.store,
    changed: (server) => {
      for (const listener of [...listeners]) listener(server);
    },
    classOf: (server, tool) => book.classOf(server, tool),
    access: deps.access ?? sharedAccess,
    takesUndeclared: deps.takesUndeclared ?? false,
  });
  const platform = deps.platform ?? process.platform;
  const foldersOf = deps.foldersOf ?? (() => []);
  const places = createGuardedPlaces({
    dataFolder: deps.dataFolder,
    ownPaths: deps.ownPaths ?? [],
    home: deps.home,
    platform,
    foldersOf,
  });
  const namedPlaces = createNamedPlaces({ home: deps.home, platform, foldersOf });
  const memory = createSessionMemory();
  const natureFor = (call: Call): ToolNature => {
    if (call.method !== 'tools/call') return sharedFeatureNature;
    return registry.find(call.server, call.name ?? '')?.nature ?? undeclaredNature(call.name ?? '');
  };

  const judge = (call: Call): Decision => {
    let reached: Reached | undefined;
    let named: NamedPlaces | undefined;
    let matched: RuleMatches | undefined;
    const isTool = call.method === 'tools/call' && call.name !== undefined;
    const tool = isTool && call.name !== undefined ? registry.find(call.server, call.name) : undefined;
    const subject: Case = {
      call,
      tool,
      unreadable: isTool ? registry.unreadable(call.server) : undefined,
      paused: deps.agents?.get(call.agent.id),
      canary: () => deps.canaries?.foundIn(call.name, call.arguments, call.inputResponses),
      memory,
      book,
      reached: () => {
        reached ??= places.reached(call);
        return reached;
      },
      matched: () => {
        matched ??= book.match(
          call,
          tool?.classified.class ?? 'effect',
          () => {
            named ??= namedPlaces(call);
            return named;
          },
          new Set(memory.labels(call).keys()),
        );
        return matched;
      },
    };
    for (const one of judges) {
      const decision = one(subject);
      if (decision) return explained(subject, decision);
    }
    return unjudged;
  };

  return {
    approveAll: registry.approveAll,
    prepare: prepareDefinitions,
    observe: registry.observe,
    tools: registry.views,
    tool: registry.view,
    setAccess: (server, tool, access, pin) => registry.setAccess(server, tool, access, pin),
    exposes(server, definition) {
      const name = definition.get('name');
      if (typeof name !== 'string') return false;
      const tool = registry.find(server, name);
      return tool !== undefined && tool.access !== 'off' && tool.approvedPin === pinOf(definition);
    },
    pinOf: (server, tool) => registry.find(server, tool)?.approvedPin,
    forget: registry.forget,
    decide(call) {
      try {
        return judge(call);
      } catch {
        return unjudged;
      }
    },
    ran: (call) => memory.ran(call, natureFor(call), book),
    saw: (call, result, at) => memory.saw(call, natureFor(call), result, at, book),
    async masked(call, result, definition) {
      const kind = registry.find(call.server, call.name ?? '')?.classified.class ?? 'effect';
      const labels = new Set([...memory.labels(call).keys(), 'secret']);
      const { allow } = book.match(call, kind, () => namedPlaces(call), labels);
      const chosen = deps.resultsOf?.(call.server) ?? asUsual;
      const passes = allow?.when.labels?.includes('secret') === true;
      const handling = passes ? { ...chosen, secrets: 'pass' as const } : chosen;
      return await maskResult(result, definition.get('outputSchema'), handling);
    },
    resumed: (agent) => memory.forgive(agent),
    rules: () => book.document,
    setRules(document) {
      book = createRuleBook(document);
      for (const listener of [...listeners]) listener('');
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Adds to a question where its values came from: what a person needs most to answer it. */
function explained(subject: Case, decision: Decision): Decision {
  if (decision.effect !== 'ask') return decision;
  const { memory, call } = subject;
  const more = memory.provenance(call).filter((one) => !decision.reasons.includes(one));
  const often = memory.unusual(call);
  if (more.length === 0 && !often) return decision;
  const odd = [...more, ...(often ? ['This agent has called unusually often just now.'] : [])];
  return {
    ...decision,
    reasons: [...decision.reasons, ...odd],
    unusual: [...(decision.unusual ?? []), ...odd],
    risk: Math.min(100, decision.risk + (more.length > 0 ? 5 : 0) + (often ? 15 : 0)),
  };
}

/** A resource or a prompt is read, and it is the person's own. */
const sharedFeatureNature: ToolNature = {
  classified: { class: 'read', why: 'It is read.' },
  outward: false,
  kept: false,
  irreversible: false,
  public: false,
  looksOutside: false,
  savesBy: [],
  directs: undefined,
};

/** What cannot be judged is denied. */
const unjudged: Decision = {
  effect: 'deny',
  rule: 'built-in:unjudged',
  reasons: ['This call could not be judged, so it does not run.'],
  risk: 100,
  class: 'effect',
};
