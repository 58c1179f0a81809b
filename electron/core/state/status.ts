import type { Hop } from '../../shared/hop.ts';
import type { ServerView, StatusView, TunnelView } from '../../shared/views.ts';

/** What the status is derived from; nothing of it is stored. */
export interface StatusFacts {
  /** RFC 3339 UTC. */
  readonly now: string;
  readonly paused: boolean;
  readonly pending: number;
  readonly servers: readonly ServerView[];
  readonly tunnel: TunnelView;
  readonly probe?: StatusView['probe'];
  readonly lastCallAt?: string;
}

/** States in which a shared server answers no call. */
const brokenStates: readonly ServerView['state'][] = ['crashed', 'wrong-output', 'needs-authorization'];

/** The hops that a probe passes, in order. */
const probed: readonly Hop[] = ['edge', 'tunnel', 'inner-tls', 'gateway'];

/**
 * The status that every front shows. "sharing" needs a probe that came back through the public door: an open socket
 * alone is "connecting" (`design.md` §2). Where the public door does not open to us, the road says "not proven from outside"
 * and no probe is reported.
 * @param since when the state of `previous` began; kept while the state stays
 */
export function deriveStatus(facts: StatusFacts, previous?: StatusView): StatusView {
  const state = stateOf(facts);
  return {
    state,
    since: previous?.state === state ? previous.since : facts.now,
    road: roadOf(facts),
    way: facts.tunnel.way,
    servers: facts.servers.filter((server) => server.shared).length,
    pending: facts.pending,
    ...(facts.lastCallAt ? { lastCallAt: facts.lastCallAt } : {}),
    // A probe that entered at our own end says nothing about outside.
    ...(facts.probe && facts.tunnel.proof !== 'own-end' ? { probe: facts.probe } : {}),
  };
}

function stateOf(facts: StatusFacts): StatusView['state'] {
  if (facts.paused) return 'paused';
  const shared = facts.servers.filter((server) => server.shared);
  if (shared.length === 0) return facts.tunnel.state === 'trouble' ? 'trouble' : 'nothing-shared';
  if (facts.pending > 0) return 'attention';
  const broken = shared.some((server) => brokenStates.includes(server.state));
  if (facts.tunnel.proof === 'own-end') {
    if (facts.tunnel.state === 'trouble' || broken) return 'trouble';
    return facts.tunnel.state === 'connected' ? 'sharing' : 'connecting';
  }
  if (facts.tunnel.state === 'trouble' || facts.probe?.ok === false) return 'trouble';
  if (broken) return 'trouble';
  if (facts.tunnel.state !== 'connected' || facts.probe === undefined) return 'connecting';
  return 'sharing';
}

function roadOf(facts: StatusFacts): StatusView['road'] {
  const probe = facts.probe;
  const at = probe?.at ?? facts.now;
  const failed = probe?.hop ? probed.indexOf(probe.hop) : -1;
  const road: StatusView['road'] =
    facts.tunnel.proof === 'own-end'
      ? ownEnd(facts)
      : probed.map((hop, index) => {
          if (!probe) return { hop, ok: false, at, detail: 'not proven yet' };
          if (probe.ok || index < failed) return { hop, ok: true, at };
          if (index === failed) return { hop, ok: false, at, ...(probe.detail ? { detail: probe.detail } : {}) };
          return { hop, ok: false, at, detail: 'not reached' };
        });
  const broken = facts.servers.filter((s) => s.shared && brokenStates.includes(s.state));
  road.push({
    hop: 'server',
    ok: broken.length === 0,
    at: facts.now,
    ...(broken.length > 0 ? { detail: `${broken.map((server) => server.name).join(', ')} not answering` } : {}),
  });
  return road;
}

/** The road where only our own end of it can be proven: what the way reports, never more. */
function ownEnd({ now, tunnel }: StatusFacts): StatusView['road'] {
  const ok = tunnel.state === 'connected';
  const unproven = 'connected, not proven from outside';
  return [
    { hop: 'edge', ok, at: now, detail: ok ? unproven : (tunnel.detail ?? 'not connected') },
    { hop: 'gateway', ok: true, at: now },
  ];
}
