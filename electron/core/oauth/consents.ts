import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { ConsentView, DoorView } from '../../shared/views.ts';
import type { BlockedAgents } from './blocked-agents.ts';
import type { ClientIdentity } from './client-identity.ts';
import { narrowed, type ScopedTool, toolsOf } from './scopes.ts';

/** A tool as the consent prompt shows it. */
export type ConsentTool = ConsentView['tools'][number];

/** An authorization request that was found in order and needs a person. */
export interface ConsentRequest {
  /** Identifier of the interaction, bound to one browser by a signed cookie. */
  readonly id: string;
  readonly clientId: string;
  readonly client: ClientIdentity;
  readonly redirectHost: string;
  readonly server: string;
  readonly resource: string;
  readonly scope: string;
  readonly known: boolean;
}

/** How a request stands, as the waiting page needs it. */
export type ConsentState =
  | {
      readonly phase: 'asked' | 'allowed';
      readonly codeTyped: boolean;
      readonly triesLeft: number;
      readonly csrf: string;
    }
  | { readonly phase: 'granted'; readonly request: ConsentRequest; readonly scope: string; readonly until: number }
  | { readonly phase: 'denied'; readonly why: 'person' | 'code' | 'time' };

/** Why a stranger is not heard. */
export type Admission = 'heard' | 'closed' | 'blocked';

/** What {@link createConsents} needs. */
export interface ConsentsDeps {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly blocked: BlockedAgents;
  /** The exposed tools of a shared server. */
  readonly tools: (server: string) => readonly ConsentTool[];
  readonly hasGrant: (clientId: string) => boolean;
  /** Something that people should find in the log. */
  readonly onNote: (message: string, server?: string, by?: string) => void;
  /** Somebody asked for access and got none, at a server where that is known. */
  readonly onTurnedAway?: (why: string, server?: string) => void;
  /** Six digits; for tests. */
  readonly newCode?: () => string;
}

/** OAuth requests that wait for a person, and the door that new agents come through (`security.md` S8). */
export interface Consents {
  /** Whether a client is heard now; who is not is counted, nothing else. */
  admit(clientId: string, agent: string | undefined): Admission;
  /** @returns `busy` if this client asks already, `full` if five wait */
  open(request: ConsentRequest): 'opened' | 'busy' | 'full';
  state(id: string): ConsentState | undefined;
  /** Takes a granted request, once. */
  take(id: string): boolean;
  /** Takes what was typed into the waiting page. */
  typed(id: string, code: string): void;
  /** @throws SallyportError `consent_not_found`, `consent_empty` at hop `oauth` */
  answer(
    id: string,
    answer: 'allow' | 'deny' | 'block',
    choice: 'all' | 'reads' | readonly string[],
    by: string,
  ): { code?: string };
  list(): readonly ConsentView[];
  door(): DoorView;
  letIn(forMs: number): DoorView;
  unblock(agent: string): DoorView;
  doorOpen(): boolean;
  /** Denies what waits: a server was removed or everything paused. */
  withdraw(server?: string): void;
  onChange(listener: () => void): () => void;
  close(): void;
}

/** For how long a grant is good (`ui.md`, OAuth consent). */
export const grantMs = 90 * 86_400_000;
const askedMs = 120_000;
const codeMs = 120_000;
const keepEndedMs = 600_000;
const maxPending = 5;
const maxTries = 3;
const maxEnded = 200;

interface Entry {
  readonly id: string;
  readonly request: ConsentRequest;
  readonly code: string;
  readonly csrf: string;
  readonly at: number;
  readonly tools: readonly ConsentTool[];
  phase: 'asked' | 'allowed' | 'granted' | 'denied';
  why: 'person' | 'code' | 'time';
  scope: string;
  until: number;
  expiresAt: number;
  tries: number;
  codeTyped: boolean;
  taken: boolean;
  stopTimer: () => void;
}

/** Makes them. */
export function createConsents(deps: ConsentsDeps): Consents {
  const { clock, blocked, onNote } = deps;
  const newCode = deps.newCode ?? (() => String(randomInt(1_000_000)).padStart(6, '0'));
  const entries = new Map<string, Entry>();
  const listeners = new Set<() => void>();
  let openUntil: number | undefined;
  let stopDoor = (): void => {};
  let refused = 0;
  let lastRefusedAt: number | undefined;

  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const doorOpen = (): boolean => openUntil !== undefined && openUntil > clock.now();
  const pending = (): Entry[] => [...entries.values()].filter(({ phase }) => phase === 'asked' || phase === 'allowed');
  const shut = (): void => {
    stopDoor();
    openUntil = undefined;
  };
  const arm = (entry: Entry, milliseconds: number): void => {
    entry.stopTimer();
    entry.expiresAt = clock.now() + milliseconds;
    entry.stopTimer = clock.schedule(milliseconds, () => deny(entry, 'time'));
  };
  const over = (entry: Entry): void => {
    entry.stopTimer();
    entry.stopTimer = clock.schedule(keepEndedMs, () => void entries.delete(entry.request.id));
    for (const [id, one] of entries) {
      if (entries.size <= maxEnded) break;
      if (one.phase === 'denied' || one.phase === 'granted') {
        one.stopTimer();
        entries.delete(id);
      }
    }
    changed();
  };
  const deny = (entry: Entry, why: Entry['why']): void => {
    if (entry.phase !== 'asked' && entry.phase !== 'allowed') return;
    entry.phase = 'denied';
    entry.why = why;
    const words = {
      person: 'denied',
      code: 'denied: the code was wrong three times',
      time: 'denied: nobody answered in time',
    };
    const message = `${entry.request.client.name} asked for access: ${words[why]}.`;
    onNote(message, entry.request.server);
    deps.onTurnedAway?.(message, entry.request.server);
    over(entry);
  };
  const settle = (entry: Entry): void => {
    if (entry.phase !== 'allowed' || !entry.codeTyped) return;
    entry.phase = 'granted';
    entry.until = clock.now() + grantMs;
    // One agent: whoever comes next needs the door opened again.
    if (!entry.request.known) shut();
    onNote(`${entry.request.client.name} was let in: ${entry.scope}.`, entry.request.server);
    over(entry);
  };
  const viewOf = (entry: Entry): ConsentView => {
    const { request } = entry;
    const open = toolsOf(request.scope, entry.tools);
    return {
      id: entry.id,
      at: new Date(entry.at).toISOString(),
      expiresAt: new Date(entry.expiresAt).toISOString(),
      phase: entry.phase === 'allowed' ? 'allowed' : 'asked',
      client: {
        id: request.client.agent,
        name: request.client.name,
        verified: request.client.verified,
        known: request.known,
        ...(request.client.host === undefined ? {} : { host: request.client.host }),
      },
      redirectHost: request.redirectHost,
      server: request.server,
      scope: request.scope,
      tools: entry.tools.filter((tool) => open === undefined || open.includes(tool.name)),
      until: new Date(entry.at + grantMs).toISOString(),
      code: entry.code,
    };
  };
  const door = (): DoorView => ({
    ...(openUntil !== undefined && doorOpen() ? { openUntil: new Date(openUntil).toISOString() } : {}),
    refused,
    ...(lastRefusedAt === undefined ? {} : { lastRefusedAt: new Date(lastRefusedAt).toISOString() }),
    blocked: blocked.all(),
  });
  const find = (id: string): Entry => {
    const entry = pending().find((one) => one.id === id);
    if (entry) return entry;
    throw new SallyportError('consent_not_found', 'oauth', 'Nobody waits under that identifier any more.', {
      hint: 'It was answered, or its time ran out. The agent can ask again.',
    });
  };

  return {
    admit(clientId, agent) {
      const isBlocked = agent !== undefined && blocked.has(agent);
      if (!isBlocked && (doorOpen() || deps.hasGrant(clientId))) return 'heard';
      refused += 1;
      deps.onTurnedAway?.(
        isBlocked
          ? 'The agent that asked is blocked.'
          : 'It asked while nobody was being let in: choose “Let an agent in”.',
      );
      const first = lastRefusedAt === undefined || clock.now() - lastRefusedAt > 60_000;
      lastRefusedAt = clock.now();
      // Strangers may not fill the log: one row a minute, the counter knows the rest.
      if (first) {
        onNote(
          `An agent asked for access while ${isBlocked ? 'blocked' : 'nobody was being let in'} (${refused} so far).`,
        );
        changed();
      }
      return isBlocked ? 'blocked' : 'closed';
    },
    open(request) {
      const waiting = pending();
      if (waiting.some((one) => one.request.clientId === request.clientId)) return 'busy';
      if (waiting.length >= maxPending) return 'full';
      const tools = deps.tools(request.server);
      const entry: Entry = {
        id: deps.newId(),
        request,
        code: newCode(),
        csrf: deps.newId(),
        at: clock.now(),
        tools,
        phase: 'asked',
        why: 'time',
        scope: '',
        until: 0,
        expiresAt: 0,
        tries: maxTries,
        codeTyped: false,
        taken: false,
        stopTimer: () => {},
      };
      arm(entry, askedMs);
      entries.set(request.id, entry);
      onNote(`${request.client.name} asks for access to ${request.server}.`, request.server);
      changed();
      return 'opened';
    },
    state(id) {
      const entry = entries.get(id);
      if (!entry) return undefined;
      const { phase, why, request, scope, until, codeTyped, tries, csrf } = entry;
      if (phase === 'granted') return { phase, request, scope, until };
      if (phase === 'denied') return { phase, why };
      return { phase, codeTyped, triesLeft: tries, csrf };
    },
    take(id) {
      const entry = entries.get(id);
      if (entry?.phase !== 'granted' || entry.taken) return false;
      entry.taken = true;
      return true;
    },
    typed(id, code) {
      const entry = entries.get(id);
      if (!entry || entry.codeTyped || (entry.phase !== 'asked' && entry.phase !== 'allowed')) return;
      const given = Buffer.from(
        code
          .replace(/[^0-9]/g, '')
          .padEnd(6, 'x')
          .slice(0, 7),
      );
      const right = Buffer.from(entry.code);
      if (given.length === right.length && timingSafeEqual(given, right)) {
        entry.codeTyped = true;
        settle(entry);
        return;
      }
      entry.tries -= 1;
      if (entry.tries <= 0) deny(entry, 'code');
    },
    answer(id, answer, choice, by) {
      const entry = find(id);
      const { request } = entry;
      if (answer !== 'allow') {
        if (answer === 'block') {
          blocked.add(request.client.agent, request.client.name, clock.now());
          onNote(`${request.client.name} was blocked.`, request.server, by);
        }
        deny(entry, 'person');
        return {};
      }
      const scoped: readonly ScopedTool[] = entry.tools;
      const scope = narrowed(request.scope, choice, scoped);
      if (scope === '') {
        throw new SallyportError('consent_empty', 'oauth', 'Nothing of what was asked for is left by this choice.', {
          hint: 'Choose tools that the request names, or deny it.',
        });
      }
      if (entry.phase === 'asked') {
        entry.phase = 'allowed';
        entry.scope = scope;
        onNote(`${request.client.name} was allowed ${scope}, once its page has the code.`, request.server, by);
        arm(entry, codeMs);
        settle(entry);
        changed();
      }
      return { code: entry.code };
    },
    list: () => pending().map(viewOf),
    door,
    letIn(forMs) {
      shut();
      if (forMs > 0) {
        openUntil = clock.now() + forMs;
        stopDoor = clock.schedule(forMs, () => {
          shut();
          changed();
        });
      }
      changed();
      return door();
    },
    unblock(agent) {
      if (!blocked.remove(agent)) {
        throw new SallyportError('agent_not_blocked', 'oauth', `${JSON.stringify(agent)} is not blocked.`, {
          hint: 'See who is: sallyport agents requests',
        });
      }
      changed();
      return door();
    },
    doorOpen,
    withdraw(server) {
      for (const entry of pending()) if (server === undefined || entry.request.server === server) deny(entry, 'person');
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      shut();
      listeners.clear();
      for (const entry of entries.values()) entry.stopTimer();
      entries.clear();
    },
  };
}
