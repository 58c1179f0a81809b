import type { AppState } from '../../../electron/shared/contract.ts';
import type { Hop } from '../../../electron/shared/hop.ts';
import type { Page } from '../../navigation.ts';
import { texts } from '../../texts.ts';

/** One station of the line: how it stands, in words and in shape. */
export interface Station {
  readonly id: 'outside' | 'edge' | 'machine' | 'servers';
  readonly label: string;
  readonly state: 'ok' | 'broken' | 'unknown' | 'paused';
  readonly detail: string | undefined;
  /** The page that mends it. */
  readonly page: Page;
}

const hopsOf: Readonly<Record<Station['id'], readonly Hop[]>> = {
  outside: ['agent'],
  edge: ['edge'],
  machine: ['tunnel', 'inner-tls', 'gateway', 'oauth', 'policy', 'approval', 'app'],
  servers: ['server'],
};

/**
 * The road in one line. The first station reads `this machine only` while the embedded edge is the only way, and
 * `outside` is claimed to work only when a probe from a public door was answered (`ui.md`, Window). While the core does
 * not answer, nothing is claimed.
 */
export function roadStations(state: AppState, online: boolean): readonly Station[] {
  const embedded = state.status.way === 'embedded';
  const shared = state.servers.filter((server) => server.shared).length;
  const labels: Readonly<Record<Station['id'], string>> = {
    outside: embedded ? texts.road.machineOnly : texts.road.outside,
    edge: embedded ? texts.road.embedded : texts.road.edge,
    machine: texts.road.machine,
    servers: texts.road.servers(shared),
  };
  const ids = ['outside', 'edge', 'machine', 'servers'] as const;
  return ids.map((id) => {
    const reported = state.status.road.filter((station) => hopsOf[id].includes(station.hop));
    const broken = reported.find((station) => !station.ok);
    return {
      id,
      label: labels[id],
      state: online ? stationState(state, id, reported.length > 0, broken !== undefined) : 'unknown',
      detail: online ? (broken ?? reported[0])?.detail : undefined,
      page: id === 'servers' ? 'servers' : 'tunnel',
    };
  });
}

function stationState(state: AppState, id: Station['id'], reported: boolean, broken: boolean): Station['state'] {
  if (state.paused) return 'paused';
  if (broken) return 'broken';
  if (id === 'outside' && state.status.way !== 'embedded')
    return state.status.probe?.ok && state.status.probe.from !== 'here' ? 'ok' : 'unknown';
  if (id === 'servers' && state.status.servers === 0) return 'unknown';
  if (reported) return 'ok';
  return state.tunnel.state === 'connected' ? 'ok' : 'unknown';
}
