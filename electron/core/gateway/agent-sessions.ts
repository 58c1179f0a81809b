import { randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';

const idleMs = 30 * 60_000;
const longestMs = 12 * 60 * 60_000;
const maxSessions = 10_000;

/**
 * Agent sessions: an agent's activity, in either era and over all servers, from its first call to 30 min without one, 12 h
 * at most (`design.md` §4). MCP session ids neither begin nor end one.
 */
export interface AgentSessions {
  /** The agent's session now; begins one where the last is over. */
  of(agent: string): string;
  /** Ends it: revoked, screen locked. */
  end(agent: string): void;
}

interface AgentSession {
  readonly id: string;
  readonly began: Moment;
  last: Moment;
}

interface Moment {
  readonly wall: number;
  readonly mono: number;
}

/** Makes the table. Bounded: the agent that was silent longest is forgotten first. */
export function createAgentSessions(clock: Clock): AgentSessions {
  const sessions = new Map<string, AgentSession>();
  const since = (moment: Moment): number =>
    // Monotonic time may stand still while the machine sleeps, wall time may be set back: the longer one counts.
    Math.max(clock.now() - moment.wall, clock.monotonic() - moment.mono);
  return {
    of(agent) {
      const now: Moment = { wall: clock.now(), mono: clock.monotonic() };
      const known = sessions.get(agent);
      const alive = known !== undefined && since(known.last) < idleMs && since(known.began) < longestMs;
      const session = alive ? known : { id: randomBytes(12).toString('base64url'), began: now, last: now };
      session.last = now;
      sessions.delete(agent);
      sessions.set(agent, session);
      if (sessions.size > maxSessions) for (const oldest of sessions.keys()) if (sessions.delete(oldest)) break;
      return session.id;
    },
    end(agent) {
      sessions.delete(agent);
    },
  };
}
