import { type Clock, timestamp } from '../../shared/clock.ts';
import type { AppState } from '../../shared/contract.ts';
import type { Updates } from '../../shared/updates.ts';
import type { ServerView } from '../../shared/views.ts';
import { viewAgents } from '../handlers/agent-handlers.ts';
import { viewServer } from '../servers/server-view.ts';
import type { ServerRecord } from '../servers/servers.ts';
import { preferencesOf } from '../settings/settings.ts';
import { deriveStatus } from '../state/status.ts';
import type { Stations } from './stations.ts';

/** What {@link createFrontState} needs. */
export interface FrontStateDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly stations: Omit<
    Stations,
    'secrets' | 'rulesFile' | 'canaries' | 'programFiles' | 'setbacks' | 'gateway' | 'wayOut' | 'state'
  >;
  /** Updates of the desktop app, where there is one. */
  readonly updates: Updates | undefined;
}

/** What every front shows, read from the stations. */
export interface FrontState {
  viewOf(record: ServerRecord): ServerView;
  /** @param previous what was shown last: a state that ended says since when the new one is */
  collect(previous: AppState | undefined): AppState;
}

/** Makes it; nothing is kept here. */
export function createFrontState({ clock, version, stations, updates }: FrontStateDeps): FrontState {
  const { settings, servers, policy, tunnel, origins, signIns, offers, registry, approvals, oauth, log } = stations;
  const { agents, presence, unverified } = stations;
  const viewOf = (record: ServerRecord) =>
    viewServer(
      record,
      servers.health(record.slug),
      policy.tools(record.slug),
      tunnel.urlOf(record.slug),
      origins.view(record),
      signIns.view(record.slug),
      [...offers.waiting(record.slug)],
    );
  const collect = (previous: AppState | undefined): AppState => {
    const { paused } = settings.get();
    const serverViews = registry.all().map(viewOf);
    const pending = [...approvals.list()];
    const consents = [...oauth.consents.list()];
    const tunnelView = tunnel.view();
    const facts = {
      now: timestamp(clock),
      paused: paused !== undefined,
      pending: pending.length + consents.length,
      servers: serverViews,
      tunnel: tunnelView,
      probe: tunnel.lastProbe(),
      lastCallAt: log.lastCallAt(),
    };
    return {
      version,
      status: {
        ...deriveStatus(facts, previous?.status),
        ...(agents.list().length > 0 ? { agentsPaused: agents.list().length } : {}),
      },
      ...(paused ? { paused } : {}),
      tunnel: tunnelView,
      servers: serverViews,
      approvals: pending,
      remembered: [...approvals.remembered()],
      agents: viewAgents({ clock, resourceServer: oauth, log, agents, unverified }),
      consents,
      door: oauth.consents.door(),
      settings: preferencesOf(settings.get()),
      presence: presence.view(),
      ...(updates ? { updates: updates.view() } : {}),
    };
  };
  return { viewOf, collect };
}
