import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import Provider, {
  type Configuration,
  errors,
  interactionPolicy,
  type JWK,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import type { Clock } from '../../shared/clock.ts';
import type { ArtefactStore } from './artefact-store.ts';
import { createAuthorizationRoutes } from './authorization-routes.ts';
import type { Clients } from './clients.ts';
import { pageHeaders, plainPage } from './consent-page.ts';
import { type Consents, grantMs } from './consents.ts';
import type { AccessGrant } from './grant-store.ts';
import { createProviderAdapters } from './provider-adapter.ts';
import { allShared, readScope, type ScopedTool, toolScope } from './scopes.ts';

/** A shared server as the authorization server knows it. */
export interface ProtectedServer {
  readonly slug: string;
  readonly name: string;
  /** Its URL byte for byte: the audience. */
  readonly resource: string;
}

/** What {@link createAuthorizationServer} needs. */
export interface AuthorizationServerDeps {
  /** `https://<domain>[:port]`. */
  readonly issuer: string;
  /**
   * Origin at which the browser meets `/authorize` and the page that waits, where that is not the issuer: on loopback, by
   * plain HTTP, for a tunnel that only the agent's own servers can reach. `iss`, metadata and tokens stay the issuer's.
   */
  readonly pageOrigin?: string | undefined;
  readonly clock: Clock;
  /** The first signs ID tokens for clients that insist on OpenID; access tokens are opaque. */
  readonly signingKeys: readonly JWK[];
  readonly artefacts: ArtefactStore;
  readonly clients: Clients;
  readonly consents: Consents;
  /** Shared servers, asked anew for each request. */
  readonly servers: () => readonly ProtectedServer[];
  readonly tools: (slug: string) => readonly ScopedTool[];
  readonly paused: () => boolean;
  /** Whether a client holds a live grant already. */
  readonly known: (clientId: string) => boolean;
  /** Stores what a person allowed, before any token exists. */
  readonly onGranted: (grant: AccessGrant) => void;
  readonly onToken: (grantId: string) => void;
  /** The library ended a grant: a refresh token was reused or revoked, or a code replayed. */
  readonly onEnded: (grantId: string, why: string) => void;
  /** Something was refused, for the log: an error code and a sentence, never a value. */
  readonly onRefused: (what: string) => void;
}

/** One authorization server: one issuer, one tunnel domain (`design.md` §2). */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly pageOrigin?: string | undefined;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Answers at {@link AuthorizationServerDeps.pageOrigin}. */
  handlePage?(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Seconds for which an access token is good. */
export const accessTokenSeconds = 3_600;
const grantSeconds = grantMs / 1_000;

/** Makes one over the library. What of its defaults is changed, and why, is said beside each setting. */
export function createAuthorizationServer(deps: AuthorizationServerDeps): AuthorizationServer {
  const { issuer, pageOrigin, clock, artefacts, clients } = deps;
  const adapters = createProviderAdapters({
    clock,
    artefacts,
    onToken: deps.onToken,
    client: async (id) => {
      try {
        return await clients.find(id);
      } catch (error) {
        throw new errors.InvalidClientMetadata(error instanceof Error ? error.message : 'the client cannot be used');
      }
    },
  });
  if (pageOrigin === undefined) return { issuer, handle: answerer(deps, 'whole', adapters) };
  // Two faces of one server: codes, grants and requests lie in the same store.
  const made = new Map<string, ReturnType<typeof adapters>>();
  const shared: Adapters = (model) => {
    const found = made.get(model) ?? adapters(model);
    made.set(model, found);
    return found;
  };
  return {
    issuer,
    pageOrigin,
    handle: answerer(deps, 'tunnel', shared),
    handlePage: answerer(deps, 'page', shared),
  };
}

/** What of an authorization server stands at one place. */
export type Part = 'whole' | 'tunnel' | 'page';

type Adapters = ReturnType<typeof createProviderAdapters>;

function answerer(deps: AuthorizationServerDeps, part: Part, adapters: Adapters): AuthorizationServer['handle'] {
  const { issuer, onEnded, onRefused } = deps;
  const provider = new Provider(issuer, configuration(deps, part, adapters));
  // What strangers send must not be printed, and an unhandled `error` event would end the process.
  provider.on('server_error', (_ctx, error) => onRefused(`server_error: ${error.name}`));
  provider.on('authorization.error', (_ctx, error) => onRefused(`authorization: ${reasonOf(error)}`));
  provider.on('grant.error', (_ctx, error) => onRefused(`token: ${reasonOf(error)}`));
  provider.on('revocation.error', (_ctx, error) => onRefused(`revocation: ${reasonOf(error)}`));
  provider.on('grant.revoked', (ctx, grantId) => {
    onEnded(grantId, ctx.oidc?.route === 'revocation' ? 'its client gave it back' : 'a used token or code came again');
  });
  provider.use(createAuthorizationRoutes({ ...deps, provider, part }));
  const callback = provider.callback();
  return (request, response) => callback(request, response);
}

function configuration(deps: AuthorizationServerDeps, part: Part, adapter: Adapters): Configuration {
  const { servers, tools } = deps;
  const policy = interactionPolicy.base();
  // Without this, a second request of the same browser passes unasked.
  policy
    .get('consent')
    ?.checks.add(
      new interactionPolicy.Check('person_asked', 'the person has not answered', 'interaction_required', (ctx) =>
        typeof ctx.oidc.result?.consent?.grantId === 'string'
          ? interactionPolicy.Check.NO_NEED_TO_PROMPT
          : interactionPolicy.Check.REQUEST_PROMPT,
      ),
    );
  // On loopback there is no TLS: names that promise it would be refused by browsers.
  const secure = part !== 'page';
  const cookie = { signed: true, httpOnly: true, sameSite: 'lax', secure, overwrite: true } as const;
  return {
    adapter,
    clientAuthMethods: ['none'],
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
    clientBasedCORS: () => false,
    // Browser sessions end with the process, so keys of its own suffice.
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      names: {
        session: secure ? '__Host-sallyport' : 'sallyport',
        interaction: `${secure ? '__Secure-' : ''}sallyport-consent`,
        resume: `${secure ? '__Secure-' : ''}sallyport-resume`,
      },
      short: cookie,
      long: cookie,
    },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    // Its default ends tokens with the browser session: people would authenticate daily.
    expiresWithSession: () => false,
    features: {
      claimsParameter: { enabled: false },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: {
        enabled: true,
        // A request that names no server would get a token for none.
        defaultResource: (_ctx, _client, oneOf) => {
          if (typeof oneOf === 'string') return oneOf;
          throw new errors.InvalidTarget('name the server by the resource parameter');
        },
        getResourceServerInfo: (_ctx, resource) => {
          const server = servers().find((one) => one.resource === resource);
          if (!server) throw new errors.InvalidTarget('there is no such resource');
          return {
            scope: [allShared, readScope, ...tools(server.slug).map((tool) => toolScope(tool.name))].join(' '),
            audience: resource,
            accessTokenFormat: 'opaque',
            accessTokenTTL: accessTokenSeconds,
          };
        },
        // Clients refresh without `resource`.
        useGrantedResource: () => true,
      },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    // Nothing that a client says makes the library fetch; documents are fetched by our own guarded client.
    fetch: () => Promise.reject(new Error('The authorization server fetches nothing.')),
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    formats: { bitsOfOpaqueRandomness: 256 },
    interactions: { policy, url: (_ctx, interaction) => `/consent/${interaction.uid}` },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    jwks: { keys: [...deps.signingKeys] },
    // A grant is for the request it was given for; it never lets a later one pass.
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : await ctx.oidc.provider.Grant.find(grantId);
    },
    pkce: { required: () => true },
    renderError: (ctx, out) => renderError(ctx, out),
    responseTypes: ['code'],
    // Whatever a client gives back, it is done with all of it.
    revokeGrantPolicy: () => true,
    rotateRefreshToken: true,
    routes: { authorization: '/authorize', jwks: '/jwks', revocation: '/revoke', token: '/token' },
    // Scopes of tools belong to resources: named here, the library would ask for them without end.
    scopes: ['offline_access'],
    ttl: {
      AccessToken: accessTokenSeconds,
      AuthorizationCode: 60,
      Grant: grantSeconds,
      IdToken: accessTokenSeconds,
      Interaction: 600,
      RefreshToken: grantSeconds,
      Session: 900,
    },
  };
}

function renderError(
  ctx: KoaContextWithOIDC,
  out: errors.OIDCProviderError | { error: string; error_description?: string },
): void {
  const sentences = [
    'error_description' in out && out.error_description ? `It said: ${out.error_description}.` : 'It was not in order.',
    'Nothing was granted. Start again from the agent.',
  ];
  const nonce = randomBytes(12).toString('base64url');
  const page = plainPage({ status: ctx.status, nonce, title: 'This request cannot be used', sentences });
  ctx.set(pageHeaders(page));
  ctx.body = page.html;
}

/** Code and description, without the value that a stranger sent. */
function reasonOf(error: Error): string {
  return error instanceof errors.OIDCProviderError ? `${error.error} (${error.error_description ?? ''})` : error.name;
}
