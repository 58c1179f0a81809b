import type { Clock } from '../../shared/clock.ts';
import type { RequestOutput } from '../../shared/contract.ts';
import type { Hop } from '../../shared/hop.ts';
import type { LogRow, StatusView } from '../../shared/views.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Setbacks } from '../state/setbacks.ts';

/** What the wait for an agent's first call needs of the stations. */
export interface AwaitCallDeps {
  readonly clock: Clock;
  readonly log: Pick<RequestLog, 'list' | 'onRow'>;
  readonly setbacks: Setbacks;
  readonly status: () => StatusView;
  /** Something of the status may have changed. */
  readonly onState: (listener: () => void) => () => void;
}

type Progress = RequestOutput<'connect.wait'>;

/**
 * How far agents got at one server since a moment; answers as soon as that differs from what the front has seen, or when its
 * patience ends (`ui.md`, Servers: "or the hop where it stopped").
 */
export async function awaitCall(
  deps: AwaitCallDeps,
  wait: {
    readonly server: string;
    readonly since: string;
    readonly seen?: string | undefined;
    readonly waitMs: number;
  },
): Promise<Progress> {
  const look = (): Progress => progress(deps, wait.server, wait.since);
  const first = look();
  if (wait.seen === undefined || first.key !== wait.seen) return first;
  return await new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const end = (found: Progress): void => {
      for (const stop of stops.splice(0)) stop();
      resolve(found);
    };
    const check = (): void => {
      const now = look();
      if (now.key !== wait.seen) end(now);
    };
    stops.push(deps.log.onRow(check), deps.setbacks.onChange(check), deps.onState(check));
    stops.push(deps.clock.schedule(wait.waitMs, () => end(look())));
  });
}

function progress(deps: AwaitCallDeps, server: string, since: string): Progress {
  const rows = deps.log.list({ limit: 20, server, since }).rows.filter((row) => row.kind === 'call');
  const call = rows.find((row) => row.agent !== undefined);
  const setback = deps.setbacks.newest(server, since);
  if (call && (!setback || call.outcome === 'ran' || call.at >= setback.at)) return ofCall(call);
  if (setback) {
    const { hop, why, hint, at } = setback;
    return stopped(hop, why, at, hint);
  }
  return ofRoad(deps.status());
}

function ofCall(row: LogRow): Progress {
  const { agent, tool, method, at, decision, answer, outcome, error } = row;
  const what = tool ?? method ?? '';
  if (outcome === undefined) {
    // Under way, or it waits for a person: nothing has stopped yet.
    return { state: 'waiting', key: `waiting ${row.id}` };
  }
  if (outcome === 'ran') return { state: 'called', key: `called ${row.id}`, agent: agent?.name ?? '', what, at };
  if (decision?.effect === 'deny')
    return stopped('policy', `${what}: ${decision.reasons[0] ?? 'a rule denies it'}`, at);
  const unanswered = outcome === 'expired' || outcome === 'pending';
  if (unanswered) return stopped('approval', `${what} waited for your answer, and nobody answered in time.`, at);
  if (outcome === 'denied') return stopped('approval', `${what}: ${answer?.reason ?? 'you denied it'}`, at);
  if (outcome === 'paused') return stopped('app', 'Sallyport is paused: nothing gets through.', at);
  return stopped('server', `${what}: ${error ?? 'the server did not answer it'}`, at);
}

/** Nobody came yet: whether anybody could. */
function ofRoad(status: StatusView): Progress {
  if (status.state === 'paused') return stopped('app', 'Sallyport is paused: nothing gets through.', status.since);
  const open = status.state === 'connecting' ? [] : status.road.filter(({ hop }) => hop !== 'server');
  const broken = open.find((hop) => !hop.ok && hop.detail !== 'not proven yet');
  if (!broken) return { state: 'waiting', key: 'waiting' };
  return stopped(broken.hop, broken.detail ?? 'it does not answer', broken.at);
}

function stopped(hop: Hop, why: string, at: string, hint?: string): Progress {
  return { state: 'stopped', key: `${hop} ${why}`, hop, why, at, ...(hint === undefined ? {} : { hint }) };
}
