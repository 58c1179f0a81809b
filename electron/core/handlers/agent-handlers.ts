import { type Clock, timestamp } from '../../shared/clock.ts';
import type { AgentView } from '../../shared/views.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { ResourceServer } from '../oauth/resource-server.ts';
import type { PausedAgents } from '../policy/paused-agents.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { UnverifiedAgents } from '../tunnel/unverified-agents.ts';
import { sharedServer } from './shared-server.ts';

/** What the requests on agents and approvals need of the stations. */
export interface AgentHandlerDeps {
  readonly clock: Clock;
  readonly registry: ServerRegistry;
  readonly agents: Pick<PausedAgents, 'get'>;
  readonly resourceServer: ResourceServer;
  readonly approvals: Approvals;
  readonly log: RequestLog;
  readonly tunnel: Tunnel;
  readonly unverified: Pick<UnverifiedAgents, 'list'>;
  /** Labels and remembered `session` answers of an agent end with what it held. */
  readonly endAgentSession: (agent: string) => void;
}

const defaultTtlMs = 30 * 86_400_000;

/** Every agent with what it holds and how often it called since midnight UTC; last, those of whom nothing was verified. */
export function viewAgents(
  deps: Pick<AgentHandlerDeps, 'clock' | 'resourceServer' | 'log' | 'agents' | 'unverified'>,
): AgentView[] {
  const midnight = `${timestamp(deps.clock).slice(0, 10)}T00:00:00.000Z`;
  const unverified = deps.unverified.list().map(({ id, name, servers, lastSeenAt }) => ({
    id,
    name,
    kind: 'tunnel' as const,
    verified: false,
    grants: [],
    seen: { servers: [...servers], at: lastSeenAt },
  }));
  return [...deps.resourceServer.agents(), ...unverified].map((agent) => {
    const paused = deps.agents.get(agent.id);
    return {
      ...agent,
      callsToday: deps.log.countSince(agent.id, midnight),
      ...(paused ? { paused: { at: paused.at, why: paused.why } } : {}),
    };
  });
}

/** Requests on agents and prompts. */
export function createAgentHandlers(
  deps: AgentHandlerDeps,
): Pick<
  Handlers,
  'agents.list' | 'agents.token' | 'agents.revoke' | 'approvals.list' | 'approvals.answer' | 'approvals.forget'
> {
  const { registry, resourceServer, approvals, log } = deps;
  return {
    'agents.list': async () => ({ agents: viewAgents(deps) }),

    'agents.token': async ({ server, name, ttlMs, tools }, { front }) => {
      const record = sharedServer(registry, server);
      const resource = deps.tunnel.urlOf(record.slug);
      const minted = resourceServer.mint({
        server: record.slug,
        resource,
        name: name ?? 'API token',
        ttlMs: ttlMs ?? defaultTtlMs,
        ...(tools ? { tools } : {}),
      });
      log.note({
        kind: 'authority',
        message: `Token ${minted.id} made for ${name ?? 'API token'}, good until ${minted.expiresAt}.`,
        server: record.slug,
        by: front,
      });
      return { ...minted, resource, server: record.slug };
    },

    'agents.revoke': async ({ id }, { front }) => {
      const agent = resourceServer.agents().find((one) => one.id === id || one.grants.some((grant) => grant.id === id));
      resourceServer.revoke(id);
      if (agent) {
        deps.endAgentSession(agent.id);
        approvals.withdraw({ agent: agent.id }, 'denied');
      }
      log.note({ kind: 'authority', message: `${id} revoked.`, by: front });
      return { id };
    },

    'approvals.list': async () => ({ approvals: [...approvals.list()], remembered: [...approvals.remembered()] }),

    'approvals.answer': async (input, { front }) => {
      const answered = approvals.answer(input, front);
      if (answered.for !== 'once') {
        log.note({
          kind: 'authority',
          message: `Answer remembered: ${answered.answer} ${answered.scope} for ${answered.for}.`,
          by: front,
        });
      }
      return answered;
    },

    'approvals.forget': async ({ id }, { front }) => {
      approvals.forget(id);
      log.note({ kind: 'authority', message: `Remembered answer ${id} forgotten.`, by: front });
      return { id };
    },
  };
}
