import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { AgentView } from '../../shared/views.ts';
import type { ArtefactStore } from './artefact-store.ts';
import { bearerOf, insufficientScope, invalidToken } from './bearer-challenge.ts';
import { type AccessGrant, createGrantStore } from './grant-store.ts';
import type { Authorization, Refusal } from './resource-server.ts';
import { authorityOf, narrowed, type ScopedTool, toolScope, toolsOf } from './scopes.ts';

/** What {@link createGrants} needs. */
export interface GrantsDeps {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  readonly artefacts: ArtefactStore;
  /** The exposed tools of a shared server. */
  readonly tools: (slug: string) => readonly ScopedTool[];
  /** Something of a grant could not be noted on the disk; never a reason to refuse a valid token. */
  readonly onTrouble?: (error: SallyportError) => void;
  /** A grant ended, or opens less than before: what was opened by it is cut. */
  readonly onCut: (grantId: string) => void;
  readonly onChange: () => void;
}

/** What persons allowed clients, judged from here and not from a token, so that every change counts at once. */
export interface Grants {
  /** @returns undefined where the header holds no access token of a grant */
  authenticate(header: string | undefined, resource: string): Authorization | Refusal | undefined;
  has(clientId: string): boolean;
  find(grantId: string): AccessGrant | undefined;
  /** Stores what a person allowed, before any token exists. */
  add(grant: AccessGrant): void;
  /** The first token was made. */
  activate(grantId: string): void;
  /** Adds one tool. @returns what it is then; undefined if the grant is over */
  widen(grantId: string, tool: string): AccessGrant | undefined;
  /** Narrows it. @returns undefined if there is no such grant. @throws SallyportError `scope_wider` at hop `oauth` */
  narrow(grantId: string, choice: 'reads' | readonly string[]): string | undefined;
  /** Ends a grant, or all grants of an agent. @returns whether there was one */
  revoke(id: string): boolean;
  /** Ends all, or those for one server. */
  revokeAll(slug?: string): void;
  agents(): Omit<AgentView, 'callsToday'>[];
  /** Forgets what ended before that time, and what never led to a token. */
  sweep(endedBefore: number): void;
}

const unusedGrantMs = 600_000;
const useNoteMs = 60_000;
const maxUsedTokens = 1_000;

/** Makes them over an open database. */
export function createGrants(deps: GrantsDeps): Grants {
  const { clock, artefacts } = deps;
  const store = createGrantStore(deps.database);
  const grants = new Map<string, AccessGrant>(store.all().map((grant) => [grant.id, grant]));
  const usedTokens = new Set<string>();

  const isLive = (grant: AccessGrant): boolean => grant.revokedAt === undefined && grant.expiresAt > clock.now();
  const held = (): AccessGrant[] =>
    [...grants.values()].filter((grant) => isLive(grant) && grant.activatedAt !== undefined);
  const live = (grantId: string): AccessGrant | undefined => {
    const grant = grants.get(grantId);
    return grant && isLive(grant) ? grant : undefined;
  };
  /** From the first line on they open nothing, also if the disk refuses. */
  const end = (ending: readonly AccessGrant[]): void => {
    const now = clock.now();
    for (const grant of ending) grants.set(grant.id, { ...grant, revokedAt: now });
    try {
      for (const grant of ending) {
        store.revoke(grant.id, now);
        artefacts.revokeByGrantId(grant.id);
      }
    } finally {
      for (const grant of ending) deps.onCut(grant.id);
      if (ending.length > 0) deps.onChange();
    }
  };
  const setScope = (grant: AccessGrant, scope: string): AccessGrant => {
    const changed = { ...grant, scope };
    store.setScope(grant.id, scope);
    grants.set(grant.id, changed);
    return changed;
  };
  const noted = (what: string, write: () => void): void => {
    try {
      write();
    } catch (error) {
      deps.onTrouble?.(new SallyportError('oauth_unwritable', 'app', `${what} was not noted.`, { cause: error }));
    }
  };
  const markUsed = (token: string): void => {
    if (usedTokens.has(token)) return;
    if (usedTokens.size >= maxUsedTokens) usedTokens.clear();
    usedTokens.add(token);
    noted('The use of a token', () => artefacts.accessTokenUsed(token));
  };
  const noteUse = (grant: AccessGrant, token: string): void => {
    // The successor of a rotated token counts as used from its first use on.
    markUsed(token);
    const now = clock.now();
    if (grant.lastUsedAt !== undefined && Math.abs(now - grant.lastUsedAt) < useNoteMs) return;
    grants.set(grant.id, { ...grant, lastUsedAt: now });
    noted('The last use of a grant', () => store.used(grant.id, now));
    deps.onChange();
  };

  return {
    authenticate(header, resource) {
      const token = bearerOf(header);
      const found = token === undefined ? undefined : artefacts.accessToken(token);
      if (token === undefined || !found) return undefined;
      const grant = grants.get(found.grantId);
      if (!grant || grant.revokedAt !== undefined) return invalidToken(resource, 'revoked');
      if (found.expiresAt <= clock.now() || grant.expiresAt <= clock.now()) return invalidToken(resource, 'expired');
      if (found.audience !== resource || grant.resource !== resource) return invalidToken(resource, 'wrong_audience');
      noteUse(grant, token);
      const tools = toolsOf(grant.scope, deps.tools(grant.server));
      return {
        agent: { id: grant.agent, name: grant.name },
        grantId: grant.id,
        expiresAt: found.expiresAt,
        ...(tools === undefined ? {} : { tools, stepUp: (tool) => insufficientScope(resource, grant.scope, tool) }),
      };
    },
    has: (clientId) => held().some((grant) => grant.clientId === clientId),
    find: (grantId) => grants.get(grantId),
    add(grant) {
      store.insert(grant);
      grants.set(grant.id, grant);
    },
    activate(grantId) {
      const grant = grants.get(grantId);
      if (!grant || grant.activatedAt !== undefined) return;
      grants.set(grantId, { ...grant, activatedAt: clock.now() });
      store.activate(grantId, clock.now());
      deps.onChange();
    },
    widen(grantId, tool) {
      const grant = live(grantId);
      if (!grant) return undefined;
      const changed = setScope(grant, [...new Set([...authorityOf(grant.scope), toolScope(tool)])].join(' '));
      deps.onChange();
      return changed;
    },
    narrow(grantId, choice) {
      const grant = live(grantId);
      if (!grant) return undefined;
      const scope = narrowed(grant.scope, choice, deps.tools(grant.server));
      if (scope === '') throw nothingLeft();
      setScope(grant, scope);
      // Streams that were opened with more end; the agent lists its tools anew.
      deps.onCut(grantId);
      deps.onChange();
      return scope;
    },
    revoke(id) {
      const ending = held().filter((grant) => grant.id === id || grant.agent === id);
      end(ending);
      return ending.length > 0;
    },
    revokeAll(slug) {
      end([...grants.values()].filter((grant) => isLive(grant) && (slug === undefined || grant.server === slug)));
    },
    agents() {
      const views = new Map<string, Omit<AgentView, 'callsToday'>>();
      for (const grant of held()) {
        const { agent: id, name, clientId: client, verified } = grant;
        const view = views.get(id) ?? { id, name, kind: 'oauth' as const, client, verified, grants: [] };
        views.set(id, { ...view, grants: [...view.grants, viewOf(grant)] });
      }
      return [...views.values()];
    },
    sweep(endedBefore) {
      store.sweep(endedBefore);
      for (const grant of grants.values()) {
        const ended = Math.min(grant.expiresAt, grant.revokedAt ?? grant.expiresAt) < endedBefore;
        const unused = grant.activatedAt === undefined && grant.createdAt < clock.now() - unusedGrantMs;
        if (ended || unused) grants.delete(grant.id);
      }
    },
  };
}

/** A choice that leaves nothing: narrowing neither widens nor revokes. */
export function nothingLeft(): SallyportError {
  return new SallyportError('scope_wider', 'oauth', 'The grant holds none of this, and narrowing does not widen.', {
    hint: 'To take everything, revoke it: sallyport agents revoke ID',
  });
}

/** Nothing is held under that name. */
export function grantNotFound(id: string): SallyportError {
  return new SallyportError('grant_not_found', 'oauth', `Nothing is granted under ${JSON.stringify(id)}.`, {
    hint: 'List what is granted: sallyport agents list',
  });
}

function viewOf(grant: AccessGrant): AgentView['grants'][number] {
  return {
    id: grant.id,
    server: grant.server,
    scope: grant.scope,
    expiresAt: new Date(grant.expiresAt).toISOString(),
    ...(grant.lastUsedAt === undefined ? {} : { lastUsedAt: new Date(grant.lastUsedAt).toISOString() }),
  };
}
