import type { AgentRef, Decision } from '../../shared/call.ts';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';

/** One agent that is paused: its tokens stay valid, and every call is answered "paused" until a person resumes it. */
export interface PausedAgent {
  readonly id: string;
  readonly name: string;
  /** RFC 3339 UTC. */
  readonly at: string;
  readonly why: string;
}

/** The agents that are paused (`design.md` §4: a budget or a planted value did it, or the person). */
export interface PausedAgents {
  get(id: string): PausedAgent | undefined;
  list(): readonly PausedAgent[];
  /** Pauses one; kept before it counts. One that is paused stays paused for its first reason. @returns whether it was new */
  pause(agent: AgentRef, why: string): boolean;
  /** @throws SallyportError `agent_not_paused` at hop `policy` */
  resume(id: string): PausedAgent;
  onChange(listener: () => void): () => void;
}

/** Paused agents kept at most; the newest counts, an older one would come back only after a person asked for it. */
const most = 1_000;

/** Whether a decision pauses the agent that made the call, and not only stops the call. */
export function pausesAgent(decision: Decision): boolean {
  return decision.rule === 'budget:pause' || decision.rule === 'canary:leaves';
}

/** @param kept where they are between runs; without it they are forgotten at the end (replay, tests) */
export function createPausedAgents(deps: {
  readonly clock: Pick<Clock, 'now'>;
  readonly kept?: { read(): readonly PausedAgent[]; write(agents: readonly PausedAgent[]): void };
}): PausedAgents {
  const { kept } = deps;
  let agents = new Map((kept?.read() ?? []).map((one) => [one.id, one]));
  const listeners = new Set<() => void>();
  const replace = (next: Map<string, PausedAgent>): void => {
    kept?.write([...next.values()]);
    agents = next;
    for (const listener of [...listeners]) listener();
  };
  return {
    get: (id) => agents.get(id),
    list: () => [...agents.values()],
    pause(agent, why) {
      if (agents.has(agent.id)) return false;
      const paused = { id: agent.id, name: agent.name, at: timestamp(deps.clock), why };
      replace(new Map([...[...agents].slice(-most + 1), [agent.id, paused]]));
      return true;
    },
    resume(id) {
      const found = agents.get(id) ?? [...agents.values()].find((one) => one.name === id);
      if (!found) {
        throw new SallyportError('agent_not_paused', 'policy', 'No agent of that id is paused.', {
          hint: 'See sallyport agents list',
        });
      }
      replace(new Map([...agents].filter(([one]) => one !== found.id)));
      return found;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
