import type { Call } from '../../shared/call.ts';
import { argumentsText } from './remembered-answers.ts';
import { summarize } from './summary.ts';

/** An earlier call of the same agent to the same tool, to compare with. */
export interface LastCall {
  /** When it was made, RFC 3339 UTC. */
  readonly at: string;
  /** Its arguments as the exact JSON text that ran. */
  readonly argumentsText: string;
}

/** Calls that were allowed, to show what is new in the next one like them (`ui.md`, The prompt). In memory only. */
export interface LastCalls {
  /** The newest call of this agent to this tool, one on the same target before others. */
  like(call: Call): LastCall | undefined;
  /** A call was allowed. */
  allowed(call: Call): void;
  /** Forgets what an agent, or a server's agents, did. */
  forget(matches: (call: Call) => boolean): void;
}

/** Agents times tools that are known; those silent longest are forgotten first. */
const mostTools = 200;
const mostOfTool = 5;
/** Longer arguments are not kept: nobody reads such a comparison. */
const mostCharacters = 32_768;

interface Kept extends LastCall {
  readonly call: Call;
  readonly target: string | undefined;
}

/** Makes it. */
export function createLastCalls(): LastCalls {
  const kept = new Map<string, readonly Kept[]>();
  const keyOf = (call: Call): string => JSON.stringify([call.agent.id, call.server, call.method, call.name ?? null]);
  return {
    like(call) {
      const known = kept.get(keyOf(call));
      const { target } = summarize(call);
      const found = known?.find((one) => one.target === target) ?? known?.[0];
      return found && { at: found.at, argumentsText: found.argumentsText };
    },
    allowed(call) {
      const text = argumentsText(call);
      if (text.length > mostCharacters) return;
      const key = keyOf(call);
      const { target } = summarize(call);
      const others = (kept.get(key) ?? []).filter((one) => one.target !== target);
      kept.delete(key);
      kept.set(key, [{ call, target, at: call.at, argumentsText: text }, ...others].slice(0, mostOfTool));
      for (const oldest of kept.keys()) {
        if (kept.size <= mostTools) break;
        kept.delete(oldest);
      }
    },
    forget(matches) {
      for (const [key, [one]] of kept) if (one && matches(one.call)) kept.delete(key);
    },
  };
}
