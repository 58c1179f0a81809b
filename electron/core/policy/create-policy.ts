import type { Call, Decision } from '../../shared/call.ts';
import { createGuardedPlaces, type Reached } from './guarded-places.ts';
import { judges } from './judges.ts';
import type { PinStore } from './pin-store.ts';
import { pinOf } from './pins.ts';
import type { Policy } from './policy.ts';
import { createToolRegistry } from './tool-registry.ts';

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
