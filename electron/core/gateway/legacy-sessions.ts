import { randomBytes } from 'node:crypto';
import type { ProtocolVersion } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import type { EventStream } from './event-stream.ts';
import { type EndFilter, matches } from './live.ts';
import type { EndReason, RequestLife } from './request-life.ts';

/** One session of the legacy era (MCP 2025-11-25, Session management). */
export interface LegacySession extends Required<EndFilter> {
  readonly id: string;
  readonly version: ProtocolVersion;
  /** Stands for messages that name no session; its callers do not know of each other. */
  readonly nameless: boolean;
  /** Requests not answered yet, by id key: what `notifications/cancelled` names. */
  readonly inFlight: Map<string, RequestLife>;
  /** The client's GET stream, if it has one open. */
  stream: EventStream | undefined;
  /** The tools changed while no stream was open to say so. */
  toolsChanged: boolean;
  /** Monotonic milliseconds. */
  usedAt: number;
  /** Called when the session ends. */
  onEnd: () => void;
}

/** Sessions by id. An id is no credential: it counts only together with the agent and server it was made for. */
export interface LegacySessions {
  /** @returns `undefined` if the agent has as many busy sessions as it may */
  create(owner: Required<EndFilter>, version: ProtocolVersion): LegacySession | undefined;
  /** The one session of an owner and version for messages that name none, made where it is not there. */
  nameless(owner: Required<EndFilter>, version: ProtocolVersion): LegacySession | undefined;
  /** The session of that id, if it belongs to that agent and server. */
  find(id: string, agent: string, server: string): LegacySession | undefined;
  end(session: LegacySession, why: EndReason): void;
  endAll(filter: EndFilter, why: EndReason): void;
}

const perAgent = 64;
const inAll = 2_048;
const idleMs = 24 * 60 * 60_000;

/** Makes the table. Where it is full, the session that was silent longest makes room. */
export function createLegacySessions(clock: Clock): LegacySessions {
  const sessions = new Map<string, LegacySession>();
  const idle = (session: LegacySession): boolean => session.inFlight.size === 0 && session.stream === undefined;
  const end = (session: LegacySession, why: EndReason): void => {
    if (!sessions.delete(session.id)) return;
    for (const life of session.inFlight.values()) life.end(why);
    session.stream?.end();
    session.onEnd();
  };
  const makeRoom = (among: readonly LegacySession[], limit: number): boolean => {
    if (among.length < limit) return true;
    const oldest = among.filter(idle).sort((a, b) => a.usedAt - b.usedAt)[0];
    if (oldest) end(oldest, 'closed');
    return oldest !== undefined;
  };
  const create = (
    owner: Required<EndFilter>,
    version: ProtocolVersion,
    nameless: boolean,
  ): LegacySession | undefined => {
    const now = clock.monotonic();
    for (const session of sessions.values()) if (idle(session) && now - session.usedAt > idleMs) end(session, 'closed');
    const own = [...sessions.values()].filter((session) => session.agent === owner.agent);
    if (!makeRoom(own, perAgent) || !makeRoom([...sessions.values()], inAll)) return undefined;
    const session: LegacySession = {
      ...owner,
      id: randomBytes(24).toString('base64url'),
      version,
      nameless,
      inFlight: new Map(),
      stream: undefined,
      toolsChanged: false,
      usedAt: now,
      onEnd: () => {},
    };
    sessions.set(session.id, session);
    return session;
  };
  return {
    create: (owner, version) => create(owner, version, false),
    nameless(owner, version) {
      const found = [...sessions.values()].find(
        (one) => one.nameless && one.version === version && matches(owner, one),
      );
      if (found) found.usedAt = clock.monotonic();
      return found ?? create(owner, version, true);
    },
    find(id, agent, server) {
      const session = sessions.get(id);
      if (session?.agent !== agent || session.server !== server) return undefined;
      session.usedAt = clock.monotonic();
      return session;
    },
    end,
    endAll(filter, why) {
      for (const session of [...sessions.values()]) if (matches(filter, session)) end(session, why);
    },
  };
}
