import type { Call, Decision, ToolAccess } from '../../shared/call.ts';
import type { JsonObject } from '../../shared/json-tree.ts';
import type { ToolView } from '../../shared/views.ts';
import { createGuardedPlaces, type Reached } from './guarded-places.ts';
import { judges } from './judges.ts';
import type { PinStore } from './pin-store.ts';
import { pinOf } from './pins.ts';
import { createToolRegistry } from './tool-registry.ts';

/** Decides what a call may do. Pure over what it was told: no sockets, no prompts. */
export interface Policy {
  /**
   * Pins every tool as approved with its class's default access (read: allow, effect: ask, dangerous: off): what
   * sharing does. Tools that were set by the person before keep their access where the pin is unchanged.
   */
  approveAll(server: string, definitions: readonly JsonObject[]): void;
  /** Takes note of the tools that a server lists now: an unknown one is `new` (off), a different one `changed` (blocked). */
  observe(server: string, definitions: readonly JsonObject[]): void;
  /** Every tool known of a server, also those gone; sorted by name. */
  tools(server: string): readonly ToolView[];
  /**
   * Sets a tool's access. Anything but `off` on a new or changed tool approves the definition whose pin is given.
   * @throws SallyportError at hop `policy`: `tool_not_found`, `pin_stale`
   */
  setAccess(server: string, tool: string, access: ToolAccess, pin?: string): ToolView;
  /** Whether agents may see this definition: the tool is on, and the definition is the approved one. */
  exposes(server: string, definition: JsonObject): boolean;
  /** Pin of the approved definition of a tool; undefined if there is none. */
  pinOf(server: string, tool: string): string | undefined;
  /** Forgets a server altogether. */
  forget(server: string): void;
  /** The decision on a call, by the order of `design.md` §4. Never throws: what it cannot judge, it denies. */
  decide(call: Call): Decision;
  /** After each change of tools or access; the function returned ends that. */
  onChange(listener: (server: string) => void): () => void;
}

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
}

/** The policy station. Its store is read when a server is first named; nothing is written but by the person's changes. */
export function createPolicy(deps: PolicyDeps): Policy {
  const listeners = new Set<(server: string) => void>();
  const registry = createToolRegistry(deps.store, (server) => {
    for (const listener of [...listeners]) listener(server);
  });
  const places = createGuardedPlaces({
    dataFolder: deps.dataFolder,
    ownPaths: deps.ownPaths ?? [],
    home: deps.home,
    platform: deps.platform ?? process.platform,
    foldersOf: deps.foldersOf ?? (() => []),
  });

  const judge = (call: Call): Decision => {
    let reached: Reached | undefined;
    const isTool = call.method === 'tools/call' && call.name !== undefined;
    const subject = {
      call,
      tool: isTool && call.name !== undefined ? registry.find(call.server, call.name) : undefined,
      unreadable: isTool ? registry.unreadable(call.server) : undefined,
      reached: () => {
        reached ??= places.reached(call);
        return reached;
      },
    };
    for (const one of judges) {
      const decision = one(subject);
      if (decision) return decision;
    }
    return unjudged;
  };

  return {
    approveAll: registry.approveAll,
    observe: registry.observe,
    tools: registry.views,
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
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What cannot be judged is denied. */
const unjudged: Decision = {
  effect: 'deny',
  rule: 'built-in:unjudged',
  reasons: ['This call could not be judged, so it does not run.'],
  risk: 100,
  class: 'effect',
};
