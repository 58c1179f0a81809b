import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { JWK } from 'oidc-provider';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { AgentView } from '../../shared/views.ts';
import { createArtefactStore } from './artefact-store.ts';
import { isAuthorizationPath } from './authorization-routes.ts';
import { type AuthorizationServer, createAuthorizationServer, type ProtectedServer } from './authorization-server.ts';
import { bearerOf, insufficientScope, invalidToken } from './bearer-challenge.ts';
import { createBlockedAgents } from './blocked-agents.ts';
import { createClients } from './clients.ts';
import { type Consents, type ConsentTool, createConsents } from './consents.ts';
import { createResourceServer } from './create-resource-server.ts';
import { type AccessGrant, createGrantStore } from './grant-store.ts';
import { createGuardedFetch, type GuardedFetchDeps } from './guarded-fetch.ts';
import { openOauthDatabase } from './oauth-database.ts';
import type { ResourceServer } from './resource-server.ts';
import { authorityOf, narrowed, toolScope, toolsOf } from './scopes.ts';

/** What {@link createOauth} needs. */
export interface OauthDeps {
  /** `<data>/oauth.db`. */
  readonly path: string;
  readonly clock: Clock;
  readonly signingKey: JWK;
  /** `https://<domain>[:port]` of the way in use now; each gets an authorization server of its own. */
  readonly issuer: () => string;
  /** Origin of the pages for browsers where that is not the issuer; see {@link AuthorizationServerDeps.pageOrigin}. */
  readonly pageOrigin?: () => string | undefined;
  readonly servers: () => readonly ProtectedServer[];
  /** The exposed tools of a shared server. */
  readonly tools: (slug: string) => readonly ConsentTool[];
  readonly paused: () => boolean;
  readonly onTrouble?: (error: SallyportError) => void;
  /** Something that people should find in the log; `by` names the front for what a person did. */
  readonly onNote: (message: string, server?: string, by?: string) => void;
  /** How documents of unknown clients are fetched. */
  readonly documents?: GuardedFetchDeps;
  readonly newCode?: () => string;
}

/** An HTTP/1.1 or HTTP/2 request, through Node's compatibility API. */
export type OauthRequest = IncomingMessage | Http2ServerRequest;
/** See {@link OauthRequest}. */
export type OauthResponse = ServerResponse | Http2ServerResponse;

/** Authorization server and resource server for what is shared: OAuth grants and minted tokens alike. */
export interface Oauth extends ResourceServer {
  readonly consents: Consents;
  /** Narrows a grant. @throws SallyportError `grant_not_found`, `scope_wider` at hop `oauth` */
  narrow(grantId: string, choice: 'reads' | readonly string[]): { id: string; scope: string };
  /** Notes that a request was refused for its token; each reason and server at most once a minute. */
  noteRefusal(why: string, server: string): void;
  /** Whether the authorization server answers at that path. */
  serves(path: string): boolean;
  /** Answers for the authorization server. Requests under another name than the issuer's get 421. Never throws. */
  handle(request: OauthRequest, response: OauthResponse): void;
  /** Answers for its pages at their own origin, where they have one; the caller has checked Host and method. */
  handlePage(request: IncomingMessage, response: ServerResponse): void;
}

const keepEndedMs = 7 * 86_400_000;
const unusedGrantMs = 600_000;
const useNoteMs = 60_000;
const sweepMs = 600_000;
/** Strangers' mistakes are noted at most this often, each kind apart. */
const refusalNoteMs = 60_000;
const maxRefusalKinds = 200;

/**
 * Opens the station.
 * @throws SallyportError at hop `app`: `oauth_newer` (the file is left alone), `oauth_unwritable`
 */
export function createOauth(deps: OauthDeps): Oauth {
  const { clock, onNote } = deps;
  const minted = createResourceServer({
    path: deps.path,
    clock,
    ...(deps.onTrouble ? { onTrouble: deps.onTrouble } : {}),
  });
  const { database } = openOauthDatabase(deps.path, clock);
  const grantStore = createGrantStore(database);
  const artefacts = createArtefactStore(database, clock);
  const grants = new Map<string, AccessGrant>(grantStore.all().map((grant) => [grant.id, grant]));
  const revoked = new Set<(grantId: string) => void>();
  const changed = new Set<() => void>();
  const servers = new Map<string, AuthorizationServer>();
  const refusals = new Map<string, number>();

  const tellChanged = (): void => {
    for (const listener of [...changed]) listener();
  };
  const isLive = (grant: AccessGrant): boolean => grant.revokedAt === undefined && grant.expiresAt > clock.now();
  const live = (): AccessGrant[] =>
    [...grants.values()].filter((grant) => isLive(grant) && grant.activatedAt !== undefined);
  const hasGrant = (clientId: string): boolean => live().some((grant) => grant.clientId === clientId);
  const note = (what: string): void => {
    const now = clock.monotonic();
    const before = refusals.get(what);
    if (before !== undefined && now - before < refusalNoteMs) return;
    if (refusals.size >= maxRefusalKinds) refusals.clear();
    refusals.set(what, now);
    onNote(`Refused: ${what}.`);
  };

  const consents = createConsents({
    clock,
    newId: randomUUID,
    blocked: createBlockedAgents(database),
    tools: deps.tools,
    hasGrant,
    onNote,
    ...(deps.newCode ? { newCode: deps.newCode } : {}),
  });
  const stopConsents = consents.onChange(tellChanged);
  const clients = createClients({
    database,
    clock,
    fetchDocument: createGuardedFetch(deps.documents),
    hasGrant,
    doorOpen: consents.doorOpen,
  });

  /** From the first line on the grant opens nothing, also if the disk refuses. */
  const end = (ending: readonly AccessGrant[]): void => {
    const now = clock.now();
    for (const grant of ending) grants.set(grant.id, { ...grant, revokedAt: now });
    try {
      for (const grant of ending) {
        grantStore.revoke(grant.id, now);
        artefacts.revokeByGrantId(grant.id);
      }
    } finally {
      for (const grant of ending) for (const listener of [...revoked]) listener(grant.id);
      if (ending.length > 0) tellChanged();
    }
  };
  const noteUse = (grant: AccessGrant, token: string): void => {
    const now = clock.now();
    if (grant.lastUsedAt !== undefined && Math.abs(now - grant.lastUsedAt) < useNoteMs) {
      // The successor of a rotated token counts as used from its first use on.
      if (!usedTokens.has(token)) markUsed(token);
      return;
    }
    grants.set(grant.id, { ...grant, lastUsedAt: now });
    markUsed(token);
    try {
      grantStore.used(grant.id, now);
    } catch (error) {
      deps.onTrouble?.(
        new SallyportError('oauth_unwritable', 'app', 'The last use of a grant was not noted.', { cause: error }),
      );
    }
    tellChanged();
  };
  const usedTokens = new Set<string>();
  const markUsed = (token: string): void => {
    if (usedTokens.size >= 1_000) usedTokens.clear();
    usedTokens.add(token);
    try {
      artefacts.accessTokenUsed(token);
    } catch (error) {
      deps.onTrouble?.(
        new SallyportError('oauth_unwritable', 'app', 'The use of a token was not noted.', { cause: error }),
      );
    }
  };

  const server = (): AuthorizationServer => {
    const issuer = deps.issuer();
    const pageOrigin = deps.pageOrigin?.();
    let found = servers.get(`${issuer} ${pageOrigin}`);
    if (!found) {
      found = createAuthorizationServer({
        issuer,
        pageOrigin,
        clock,
        signingKey: deps.signingKey,
        artefacts,
        clients,
        consents,
        servers: deps.servers,
        tools: deps.tools,
        paused: deps.paused,
        known: hasGrant,
        onGranted: (grant) => {
          grantStore.insert(grant);
          grants.set(grant.id, grant);
        },
        onToken: (grantId) => {
          const grant = grants.get(grantId);
          if (!grant || grant.activatedAt !== undefined) return;
          grants.set(grantId, { ...grant, activatedAt: clock.now() });
          grantStore.activate(grantId, clock.now());
          tellChanged();
        },
        onEnded: (grantId, why) => {
          const grant = grants.get(grantId);
          if (!grant || grant.revokedAt !== undefined) return;
          onNote(`The access of ${grant.name} ended: ${why}.`, grant.server);
          end([grant]);
        },
        onRefused: note,
      });
      // Only the newest is used: an old name is never served again.
      servers.clear();
      servers.set(`${issuer} ${pageOrigin}`, found);
    }
    return found;
  };

  const failed = (error: unknown, response: ServerResponse): void => {
    note(`server_error: ${error instanceof Error ? error.name : 'unknown'}`);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  };

  const sweep = (): void => {
    const now = clock.now();
    grantStore.sweep(now - keepEndedMs);
    artefacts.sweep();
    for (const grant of grants.values()) {
      const ended = Math.min(grant.expiresAt, grant.revokedAt ?? grant.expiresAt) < now - keepEndedMs;
      const unused = grant.activatedAt === undefined && grant.createdAt < now - unusedGrantMs;
      if (ended || unused) grants.delete(grant.id);
    }
    stopSweep = clock.schedule(sweepMs, sweep);
  };
  let stopSweep = (): void => {};
  sweep();

  const agentsOf = (): Omit<AgentView, 'callsToday'>[] => {
    const views = new Map<string, Omit<AgentView, 'callsToday'>>();
    for (const grant of live()) {
      const view = views.get(grant.agent);
      const shown = {
        id: grant.id,
        server: grant.server,
        scope: grant.scope,
        expiresAt: new Date(grant.expiresAt).toISOString(),
        ...(grant.lastUsedAt === undefined ? {} : { lastUsedAt: new Date(grant.lastUsedAt).toISOString() }),
      };
      const base = {
        id: grant.agent,
        name: grant.name,
        kind: 'oauth' as const,
        client: grant.clientId,
        verified: grant.verified,
      };
      views.set(grant.agent, view ? { ...view, grants: [...view.grants, shown] } : { ...base, grants: [shown] });
    }
    return [...views.values()];
  };

  return {
    consents,
    authenticate(header, resource) {
      const token = bearerOf(header);
      const found = token === undefined ? undefined : artefacts.accessToken(token);
      if (token === undefined || !found) return minted.authenticate(header, resource);
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
    widen(grantId, tool) {
      const grant = grants.get(grantId);
      if (!grant || !isLive(grant)) return false;
      const scope = [...new Set([...authorityOf(grant.scope), toolScope(tool)])].join(' ');
      grantStore.setScope(grantId, scope);
      grants.set(grantId, { ...grant, scope });
      onNote(`${grant.name} may now use ${tool} too.`, grant.server);
      tellChanged();
      return true;
    },
    narrow(grantId, choice) {
      const grant = grants.get(grantId);
      if (!grant || !isLive(grant)) throw grantNotFound(grantId);
      const scope = narrowed(grant.scope, choice, deps.tools(grant.server));
      if (scope === '') {
        throw new SallyportError(
          'scope_wider',
          'oauth',
          'The grant holds none of this, and narrowing does not widen.',
          {
            hint: 'To take everything, revoke it: sallyport agents revoke ID',
          },
        );
      }
      grantStore.setScope(grantId, scope);
      grants.set(grantId, { ...grant, scope });
      // Streams that were opened with more end; the agent lists its tools anew.
      for (const listener of [...revoked]) listener(grantId);
      tellChanged();
      return { id: grantId, scope };
    },
    mint: (options) => minted.mint(options),
    revoke(id) {
      const ending = live().filter((grant) => grant.id === id || grant.agent === id);
      if (ending.length === 0) return minted.revoke(id);
      end(ending);
    },
    revokeAll(slug) {
      consents.withdraw(slug);
      end([...grants.values()].filter((grant) => isLive(grant) && (slug === undefined || grant.server === slug)));
      minted.revokeAll(slug);
    },
    agents: () => [...agentsOf(), ...minted.agents()],
    metadata: (resource) => ({ ...minted.metadata(resource), authorization_servers: [deps.issuer()] }),
    noteRefusal: (why, slug) => note(`a token for ${slug} (${why})`),
    serves: isAuthorizationPath,
    handle(request, response) {
      const issuer = server();
      const asked = String(request.headers[':authority'] ?? request.headers.host ?? '').toLowerCase();
      const plain = response as ServerResponse;
      // The library builds its addresses from Host: any other name gets nothing made for it.
      if (URL.parse(`https://${asked}`)?.host !== new URL(issuer.issuer).host) {
        plain.writeHead(421, { 'content-type': 'application/json', 'cache-control': 'no-store' });
        response.end('{"error":"not_served_here"}');
        return;
      }
      issuer.handle(request as IncomingMessage, plain).catch((error: unknown) => failed(error, plain));
    },
    handlePage(request, response) {
      const page = server().handlePage;
      if (!page) {
        response.writeHead(404, { connection: 'close' });
        response.end();
        return;
      }
      page(request, response).catch((error: unknown) => failed(error, response));
    },
    onRevoked(listener) {
      const stopMinted = minted.onRevoked(listener);
      revoked.add(listener);
      return () => {
        stopMinted();
        revoked.delete(listener);
      };
    },
    onChange(listener) {
      const stopMinted = minted.onChange(listener);
      changed.add(listener);
      return () => {
        stopMinted();
        changed.delete(listener);
      };
    },
    close() {
      stopSweep();
      stopConsents();
      consents.close();
      revoked.clear();
      changed.clear();
      database.close();
      minted.close();
    },
  };
}

function grantNotFound(id: string): SallyportError {
  return new SallyportError('grant_not_found', 'oauth', `Nothing is granted under ${JSON.stringify(id)}.`, {
    hint: 'List what is granted: sallyport agents list',
  });
}
