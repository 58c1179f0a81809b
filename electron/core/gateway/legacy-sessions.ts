import { randomBytes } from 'node:crypto';
import type { ProtocolVersion } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';
import type { UpstreamAnswer } from '../servers/upstream-session.ts';
import { type AnswerStreams, createAnswerStreams } from './answer-streams.ts';
import { type EndFilter, matches } from './live.ts';
import type { Reply } from './reply.ts';
import type { EndReason, RequestLife } from './request-life.ts';
import { createResumableStream, type ResumableStream } from './resumable-stream.ts';

/** One session of the legacy era (MCP 2025-11-25, Session management). */
export interface LegacySession extends Required<EndFilter> {
  readonly id: string;
  readonly version: ProtocolVersion;
  /** Stands for messages that name no session; its callers do not know of each other. */
  readonly nameless: boolean;
  /** Requests not answered yet, by id key: what `notifications/cancelled` names. */
  readonly inFlight: Map<string, RequestLife>;
  /** What the client declared that it can be asked for, as received. */
  readonly declared: JsonObject;
  /** Questions put to the client and not answered yet, by id key. */
  readonly open: Map<string, OpenQuestion>;
  /** Questions put so far: their ids never repeat. */
  asked: number;
  /** Ways back of requests that are not answered yet, oldest first. */
  readonly replies: Set<Reply>;
  /** The level set with `logging/setLevel`. */
  logLevel: string | undefined;
  /** The client's GET stream, if it has one open. */
  readonly stream: ResumableStream;
  /** Answers to the client's requests, each on a stream of its own. */
  readonly answers: AnswerStreams;
  /** The tools changed while no stream was open to say so. */
  toolsChanged: boolean;
  /** Monotonic milliseconds. */
  usedAt: number;
  /** Called when the session ends. */
  onEnd: () => void;
}

/** A question that the client has not answered. */
export interface OpenQuestion {
  /** The server's progress token, if it gave one. */
  readonly token: JsonNode | undefined;
  take(answer: UpstreamAnswer): void;
  end(): void;
}

/** Sessions by id. An id is no credential: it counts only together with the agent and server it was made for. */
export interface LegacySessions {
  /** @returns `undefined` if the agent has as many busy sessions as it may */
  create(owner: Required<EndFilter>, version: ProtocolVersion, declared: JsonObject): LegacySession | undefined;
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
  const room = { characters: 0 };
  const idle = (session: LegacySession): boolean => session.inFlight.size === 0 && !session.stream.open;
  const end = (session: LegacySession, why: EndReason): void => {
    if (!sessions.delete(session.id)) return;
    for (const life of session.inFlight.values()) life.end(why);
    for (const question of [...session.open.values()]) question.end();
    session.stream.end();
    session.answers.end();
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
    declared: JsonObject,
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
      declared,
      open: new Map(),
      asked: 0,
      replies: new Set(),
      logLevel: undefined,
      stream: createResumableStream(),
      answers: createAnswerStreams(clock, version === '2025-11-25', room),
      toolsChanged: false,
      usedAt: now,
      onEnd: () => {},
    };
    sessions.set(session.id, session);
    return session;
  };
  return {
    create: (owner, version, declared) => create(owner, version, false, declared),
    nameless(owner, version) {
      const found = [...sessions.values()].find(
        (one) => one.nameless && one.version === version && matches(owner, one),
      );
      if (found) found.usedAt = clock.monotonic();
      return found ?? create(owner, version, true, new JsonObject());
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
