import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { JWK } from 'oidc-provider';
import type { Clock } from '../../shared/clock.ts';
import type { SallyportError } from '../../shared/errors.ts';
import type { AgentView } from '../../shared/views.ts';
import { createAgentNames } from './agent-names.ts';
import { createArtefactStore } from './artefact-store.ts';
import { isAuthorizationPath } from './authorization-routes.ts';
import { type AuthorizationServer, createAuthorizationServer, type ProtectedServer } from './authorization-server.ts';
import { createBlockedAgents } from './blocked-agents.ts';
import { createClients } from './clients.ts';
import { type Consents, type ConsentTool, createConsents } from './consents.ts';
import { createResourceServer } from './create-resource-server.ts';
import { createGrants, grantNotFound } from './grants.ts';
import { createGuardedFetch, type GuardedFetchDeps } from './guarded-fetch.ts';
import { openOauthDatabase } from './oauth-database.ts';
import type { ResourceServer } from './resource-server.ts';

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
  /** Narrows a grant or a minted token. @throws SallyportError `grant_not_found`, `scope_wider` at hop `oauth` */
  narrow(id: string, choice: 'reads' | readonly string[]): { id: string; scope: string };
  /** Gives an agent the person's own name for it; by its id, or that of a grant. @throws SallyportError `grant_not_found` */
  rename(id: string, name: string): { id: string; name: string; before: string };
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
  const trouble = deps.onTrouble ? { onTrouble: deps.onTrouble } : {};
  const minted = createResourceServer({ path: deps.path, clock, tools: deps.tools, ...trouble });
  const { database } = openOauthDatabase(deps.path, clock);
  const artefacts = createArtefactStore(database, clock);
  const names = createAgentNames(database);
  const cut = new Set<(grantId: string) => void>();
  const changed = new Set<() => void>();
  const servers = new Map<string, AuthorizationServer>();
  const refusals = new Map<string, number>();

  const tellChanged = (): void => {
    for (const listener of [...changed]) listener();
  };
  const grants = createGrants({
    database,
    clock,
    artefacts,
    tools: deps.tools,
    ...trouble,
    onCut: (grantId) => {
      for (const listener of [...cut]) listener(grantId);
    },
    onChange: tellChanged,
  });
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
    hasGrant: grants.has,
    onNote,
    ...(deps.newCode ? { newCode: deps.newCode } : {}),
  });
  const stopConsents = consents.onChange(tellChanged);
  const clients = createClients({
    database,
    clock,
    fetchDocument: createGuardedFetch(deps.documents),
    hasGrant: grants.has,
    doorOpen: consents.doorOpen,
  });

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
        known: grants.has,
        onGranted: grants.add,
        onToken: grants.activate,
        onEnded: (grantId, why) => {
          const grant = grants.find(grantId);
          if (!grant || grant.revokedAt !== undefined) return;
          onNote(`The access of ${nameOf(grant.agent, grant.name)} ended: ${why}.`, grant.server);
          grants.revoke(grantId);
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
    grants.sweep(clock.now() - keepEndedMs);
    artefacts.sweep();
    names.sweep();
    stopSweep = clock.schedule(sweepMs, sweep);
  };
  let stopSweep = (): void => {};
  sweep();

  const nameOf = (agent: string, otherwise: string): string => names.of(agent) ?? otherwise;
  const agents = (): Omit<AgentView, 'callsToday'>[] =>
    [...grants.agents(), ...minted.agents()].map((agent) => ({ ...agent, name: nameOf(agent.id, agent.name) }));

  return {
    consents,
    authenticate(header, resource) {
      const found = grants.authenticate(header, resource) ?? minted.authenticate(header, resource);
      if (!('agent' in found)) return found;
      const { id, name } = found.agent;
      return { ...found, agent: { id, name: nameOf(id, name) } };
    },
    widen(grantId, tool) {
      const grant = grants.widen(grantId, tool);
      if (grant) onNote(`${nameOf(grant.agent, grant.name)} may now use ${tool} too.`, grant.server);
      return grant !== undefined;
    },
    narrow(id, choice) {
      const scope = grants.narrow(id, choice) ?? minted.narrow(id, choice);
      if (scope === undefined) throw grantNotFound(id);
      return { id, scope };
    },
    rename(id, name) {
      const agent = agents().find((one) => one.id === id || one.grants.some((grant) => grant.id === id));
      if (!agent) throw grantNotFound(id);
      names.set(agent.id, name);
      tellChanged();
      return { id: agent.id, name, before: agent.name };
    },
    mint: (options) => minted.mint(options),
    revoke(id) {
      if (!grants.revoke(id)) minted.revoke(id);
    },
    revokeAll(slug) {
      consents.withdraw(slug);
      grants.revokeAll(slug);
      minted.revokeAll(slug);
    },
    agents,
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
      cut.add(listener);
      return () => {
        stopMinted();
        cut.delete(listener);
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
      cut.clear();
      changed.clear();
      database.close();
      minted.close();
    },
  };
}
