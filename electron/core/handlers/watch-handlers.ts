import type { AgentRef } from '../../shared/call.ts';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { ResourceServer } from '../oauth/resource-server.ts';
import type { Canaries } from '../policy/canaries.ts';
import type { PausedAgents } from '../policy/paused-agents.ts';
import type { Policy } from '../policy/policy.ts';
import type { RequestLog } from '../request-log/request-log.ts';

/** What the requests on paused agents and planted values need. */
export interface WatchHandlerDeps {
  readonly clock: Clock;
  readonly policy: Pick<Policy, 'resumed'>;
  readonly agents: PausedAgents;
  readonly canaries: Canaries;
  readonly log: Pick<RequestLog, 'note'>;
  readonly resourceServer: Pick<ResourceServer, 'agents'>;
  readonly pauseAgent: (agent: AgentRef, why: string, by?: string) => void;
}

/** Requests on paused agents and on planted values. */
export function createWatchHandlers(
  deps: WatchHandlerDeps,
): Pick<Handlers, 'agents.pause' | 'agents.resume' | 'canaries.list' | 'canaries.add' | 'canaries.remove'> {
  const { policy, agents, canaries, log } = deps;
  return {
    'agents.pause': async ({ id, reason }, { front }) => {
      const known = deps.resourceServer.agents().find((one) => one.id === id || one.name === id);
      if (!known) {
        throw new SallyportError('agent_not_found', 'policy', 'There is no agent of that id.', {
          hint: 'See sallyport agents list',
        });
      }
      deps.pauseAgent({ id: known.id, name: known.name }, reason ?? 'You paused it.', front);
      return { id: known.id, at: agents.get(known.id)?.at ?? timestamp(deps.clock) };
    },
    'agents.resume': async ({ id }, { front }) => {
      const resumed = agents.resume(id);
      policy.resumed(resumed.id);
      log.note({ kind: 'authority', message: `${resumed.name} may go on; its budgets count anew.`, by: front });
      return { id: resumed.id };
    },
    'canaries.list': async () => ({
      canaries: canaries.list().map(({ id, note, value, at }) => ({ id, note, at, begins: value.slice(0, 6) })),
    }),
    'canaries.add': async ({ note, value }, { front }) => {
      const planted = await canaries.add(note, value);
      log.note({ kind: 'authority', message: `A value was planted: ${note}.`, by: front });
      return { id: planted.id, value: planted.value };
    },
    'canaries.remove': async ({ id }, { front }) => {
      await canaries.remove(id);
      log.note({ kind: 'authority', message: `The planted value ${id} is watched no more.`, by: front });
      return { id };
    },
  };
}
