import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import Provider, { errors, type KoaContextWithOIDC } from 'oidc-provider';
import * as z from 'zod';
import { SallyportError } from '../../shared/errors.ts';
import type { AuthorizationServerDeps, Part } from './authorization-server.ts';
import { identify, redirectHost } from './client-identity.ts';
import { MetadataProblem } from './client-metadata.ts';
import { isDocumentUrl } from './clients.ts';
import { type Page, pageHeaders, plainPage, strictHeaders, waitingPage } from './consent-page.ts';
import type { ConsentState } from './consents.ts';
import { allShared, authorityOf, readScope } from './scopes.ts';

/** What {@link createAuthorizationRoutes} needs. */
export interface AuthorizationRoutesDeps extends AuthorizationServerDeps {
  readonly provider: Provider;
  readonly part: Part;
}

type Context = Parameters<Middleware>[0];

const metadataPath =
  /^(?:\/[a-z0-9-]{1,40}\/mcp)?\/\.well-known\/(oauth-authorization-server|openid-configuration)(?:\/.*)?$/;
const consentPath = /^\/consent\/([A-Za-z0-9_-]{1,64})(\/state)?$/;
const resumePath = /^\/authorize\/[A-Za-z0-9_-]{1,64}$/;
const maxRegistration = 16_384;
const maxForm = 2_048;

/** Whether a path belongs to the authorization server. */
export function isAuthorizationPath(path: string): boolean {
  return (
    /^\/(?:authorize|token|register|revoke|jwks)$/.test(path) ||
    resumePath.test(path) ||
    consentPath.test(path) ||
    metadataPath.test(path)
  );
}

const requestParams = z.object({
  client_id: z.string(),
  redirect_uri: z.string(),
  scope: z.string().optional(),
  resource: z.union([
    z.string(),
    z
      .array(z.string())
      .length(1)
      .transform(([one]) => one ?? ''),
  ]),
});

/** What stands before and beside the library: well-known places, registration, the door, and the page that waits. */
export function createAuthorizationRoutes(deps: AuthorizationRoutesDeps): Middleware {
  const { issuer, provider, clients, consents, servers, clock, part } = deps;
  const origin = part === 'page' ? deps.pageOrigin : issuer;

  /** Metadata as this server is, not as the library assumes; the same at every place that clients try. */
  const metadata = async (ctx: Context, next: () => Promise<unknown>, name: string): Promise<void> => {
    ctx.path = `/.well-known/${name}`;
    await next();
    if (typeof ctx.body !== 'object' || ctx.body === null) return;
    Object.assign(ctx.body, {
      registration_endpoint: `${issuer}/register`,
      ...(deps.pageOrigin === undefined ? {} : { authorization_endpoint: `${deps.pageOrigin}/authorize` }),
      client_id_metadata_document_supported: true,
      revocation_endpoint_auth_methods_supported: ['none'],
      response_modes_supported: ['query'],
      scopes_supported: [allShared, readScope, 'offline_access'],
    });
  };

  const register = async (ctx: Context): Promise<void> => {
    if (ctx.method !== 'POST') return bare(ctx, 405);
    const refuse = (status: number, error: string, description: string): void => {
      ctx.status = status;
      ctx.body = { error, error_description: description };
      deps.onRefused(`registration: ${error}`);
    };
    let body: unknown;
    try {
      body = JSON.parse(await readText(ctx.req, maxRegistration));
    } catch {
      return refuse(400, 'invalid_client_metadata', 'The body must be JSON of at most 16 KiB.');
    }
    try {
      const client = clients.register(body);
      // The library's own rules too, before a client relies on the answer.
      await provider.Client.find(client.client_id);
      ctx.status = 201;
      ctx.body = { ...client, client_id_issued_at: Math.floor(clock.now() / 1_000) };
    } catch (error) {
      if (error instanceof MetadataProblem) return refuse(400, error.code, error.message);
      if (error instanceof errors.OIDCProviderError) {
        return refuse(400, 'invalid_client_metadata', error.error_description ?? error.message);
      }
      if (!(error instanceof SallyportError)) throw error;
      if (error.code === 'door_closed') consents.admit('', undefined);
      const words = `${error.message} ${error.hint ?? ''}`.trim();
      refuse(
        error.code === 'door_closed' ? 403 : 429,
        error.code === 'door_closed' ? 'access_denied' : 'temporarily_unavailable',
        words,
      );
    }
  };

  /** The door: who is not heard sees a page, and nothing else happens. */
  const authorize = async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    if (ctx.method !== 'GET') return bare(ctx, 405);
    if (deps.paused()) {
      return send(ctx, 503, 'Sallyport is paused', ['The person who runs it has paused everything. Try again later.']);
    }
    const { client_id: clientId, response_mode: mode, request, request_uri: requestUri } = ctx.query;
    if (
      typeof clientId !== 'string' ||
      clientId === '' ||
      clientId.length > 2_000 ||
      request !== undefined ||
      requestUri !== undefined ||
      (mode !== undefined && mode !== 'query')
    ) {
      deps.onRefused('authorization: malformed request');
      return send(ctx, 400, 'This request cannot be used', ['It is not in order. Start again from the agent.']);
    }
    const known = clients.peek(clientId);
    const agent = known
      ? identify(known).agent
      : isDocumentUrl(clientId)
        ? `client:${new URL(clientId).hostname}`
        : undefined;
    const admission = consents.admit(clientId, agent);
    if (admission !== 'heard') {
      return send(ctx, 403, 'Nobody is being let in', [
        'New agents are heard only while the person who runs this Sallyport lets one in.',
        'On that machine, open Sallyport and choose “Let an agent in” (or run: sallyport agents let-in). Then start again from the agent.',
      ]);
    }
    // Authority is asked for by scope; who asks for none asks for the least.
    const scope = typeof ctx.query.scope === 'string' ? ctx.query.scope : '';
    if (authorityOf(scope).length === 0) ctx.query = { ...ctx.query, scope: `${scope} ${readScope}`.trim() };
    await next();
  };

  const consent = async (ctx: Context, uid: string, stateOnly: boolean): Promise<void> => {
    let details: Awaited<ReturnType<Provider['interactionDetails']>>;
    try {
      // The signed cookie of this one browser; the address alone opens nothing.
      details = await provider.interactionDetails(ctx.req, ctx.res);
    } catch {
      if (stateOnly) ctx.body = { state: 'over' };
      else
        send(ctx, 400, 'Nothing waits here', [
          'This page is over, or belongs to another browser. Start again from the agent.',
        ]);
      return;
    }
    if (details.uid !== uid) return send(ctx, 400, 'Nothing waits here', ['Start again from the agent.']);
    if (details.result !== undefined && !stateOnly) {
      return send(ctx, 200, 'Answered', ['Going back to the agent…'], { seconds: 0, url: details.returnTo });
    }
    if (stateOnly) {
      const state = consents.state(uid);
      const waits = state?.phase === 'asked' || state?.phase === 'allowed';
      ctx.body = { state: waits ? `${state.phase}${state.codeTyped ? '+' : ''}` : 'over' };
      return;
    }
    const params = requestParams.safeParse(details.params);
    const server = params.success ? servers().find((one) => one.resource === params.data.resource) : undefined;
    if (!params.success || !server) {
      return finish(ctx, {
        error: 'invalid_target',
        error_description: 'name one shared server by the resource parameter',
      });
    }
    const client = await clients.find(params.data.client_id);
    if (!client) return finish(ctx, { error: 'access_denied', error_description: 'the client is gone' });
    const identity = identify(client);

    let wrong = false;
    if (ctx.method === 'POST') {
      const before = consents.state(uid);
      // A form of another site carries its own Origin, and does not know the token in the page.
      const form = new URLSearchParams(await readText(ctx.req, maxForm).catch(() => ''));
      const csrf = before && 'csrf' in before ? before.csrf : '';
      if (ctx.get('origin') !== origin || !equal(form.get('csrf') ?? '', csrf)) {
        deps.onRefused('consent: a form from elsewhere');
        return send(ctx, 403, 'This form cannot be used', [
          'It does not come from this page. Start again from the agent.',
        ]);
      }
      consents.typed(uid, form.get('code') ?? '');
      const after = consents.state(uid);
      wrong = after !== undefined && 'triesLeft' in after && !after.codeTyped;
    } else if (ctx.method !== 'GET') return bare(ctx, 405);

    if (!consents.state(uid)) {
      const opened = consents.open({
        id: uid,
        clientId: client.client_id,
        client: identity,
        redirectHost: redirectHost(params.data.redirect_uri),
        server: server.slug,
        resource: server.resource,
        scope: authorityOf(params.data.scope ?? readScope).join(' '),
        known: deps.known(client.client_id),
      });
      if (opened !== 'opened') {
        return send(
          ctx,
          429,
          'Another request waits',
          [
            opened === 'busy'
              ? 'This agent asks already, and waits for an answer.'
              : 'Too many requests wait for an answer.',
            'This page tries again by itself.',
          ],
          { seconds: 5 },
        );
      }
    }
    const state = consents.state(uid);
    if (state) await answer(ctx, state, { name: identity.name, server: server.name, wrong });
  };

  const answer = async (
    ctx: Context,
    state: ConsentState,
    shown: { readonly name: string; readonly server: string; readonly wrong: boolean },
  ): Promise<void> => {
    if ('triesLeft' in state) {
      const { phase, codeTyped, triesLeft, csrf } = state;
      return show(
        ctx,
        waitingPage({
          nonce: nonce(),
          client: shown.name,
          server: shown.server,
          csrf,
          phase,
          codeTyped,
          triesLeft,
          wrong: shown.wrong,
        }),
      );
    }
    if (state.phase === 'denied') {
      const why = {
        person: 'the person denied the request',
        code: 'the code was wrong three times',
        time: 'nobody answered in time; the agent may ask again',
      }[state.why];
      return await finish(ctx, { error: 'access_denied', error_description: why });
    }
    const { request, scope, until } = state;
    // Two visits at once must not make two grants.
    if (!consents.take(request.id)) return send(ctx, 200, 'Let in', ['Going back to the agent…'], { seconds: 1 });
    const details = await provider.interactionDetails(ctx.req, ctx.res);
    const grant = new provider.Grant({ accountId: 'owner', clientId: request.clientId });
    const oidc = (requestParams.parse(details.params).scope ?? '')
      .split(' ')
      .filter((part) => /^(?:openid|offline_access)$/.test(part));
    if (oidc.length > 0) grant.addOIDCScope(oidc.join(' '));
    grant.addResourceScope(request.resource, scope);
    const grantId = await grant.save();
    // The request becomes what was granted, so that the answer's `scope` says it.
    details.params.scope = [...oidc, scope].join(' ');
    await details.save(Math.max(1, details.exp - Math.floor(Date.now() / 1_000)));
    deps.onGranted({
      id: grantId,
      agent: request.client.agent,
      clientId: request.clientId,
      name: request.client.name,
      verified: request.client.verified,
      server: request.server,
      resource: request.resource,
      scope,
      createdAt: clock.now(),
      expiresAt: until,
    });
    await finish(ctx, { login: { accountId: 'owner', remember: false }, consent: { grantId } });
  };

  /** Sends the browser on. Not by a redirect of the form: its policy would have to name where that leads. */
  const finish = async (ctx: Context, result: Parameters<Provider['interactionResult']>[2]): Promise<void> => {
    const url = await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
    send(ctx, 200, 'error' in result ? 'Not let in' : 'Let in', ['Going back to the agent…'], { seconds: 0, url });
  };

  return async (ctx, next) => {
    ctx.set(strictHeaders);
    const { path } = ctx;
    // Where the two faces stand apart, each has its own half and nothing of the other's.
    const forBrowsers = path === '/authorize' || resumePath.test(path) || consentPath.test(path);
    if (part !== 'whole' && forBrowsers !== (part === 'page')) return bare(ctx, 404);
    const place = metadataPath.exec(path)?.[1];
    if (place !== undefined) return await metadata(ctx, next, place);
    if (path === '/register') return await register(ctx);
    if (path === '/authorize') return await authorize(ctx, next);
    const waiting = consentPath.exec(path);
    if (waiting?.[1] !== undefined) return await consent(ctx, waiting[1], waiting[2] !== undefined);
    if (path === '/token' && ctx.query.access_token !== undefined) return bare(ctx, 400);
    await next();
  };
}

function bare(ctx: Context, status: number): void {
  ctx.status = status;
}

function nonce(): string {
  return randomBytes(12).toString('base64url');
}

function show(ctx: Context | KoaContextWithOIDC, page: Page): void {
  ctx.status = page.status;
  ctx.set(pageHeaders(page));
  ctx.body = page.html;
}

function send(
  ctx: Context,
  status: number,
  title: string,
  sentences: readonly string[],
  refresh?: Page['refresh'],
): void {
  show(ctx, plainPage({ status, nonce: nonce(), title, sentences, ...(refresh ? { refresh } : {}) }));
}

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return expected !== '' && a.length === b.length && timingSafeEqual(a, b);
}

async function readText(request: IncomingMessage, max: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > max) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
