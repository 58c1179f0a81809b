import { createHash } from 'node:crypto';
import type {
  AuthorizationServerMetadata,
  FetchLike,
  OAuthProtectedResourceMetadata,
} from '@modelcontextprotocol/client';
import { discoverOAuthServerInfo, selectResourceURL } from '@modelcontextprotocol/client';
import type { RequestInput, RequestOutput } from '../../../shared/contract.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import type { Reach } from '../http/upstream-address.ts';
import type { ServerRecord } from '../servers.ts';
import type { Challenge } from './challenge.ts';
import { mayLeadTo } from './sign-in-fetch.ts';

/** What a person is asked before a browser is sent anywhere. */
export type SignInConsent = Extract<RequestOutput<'servers.authorize'>, { step: 'consent' }>;
/** A client that the person registered by hand, where the authorization server takes no other. */
export type GivenClient = Pick<RequestInput<'servers.authorize'>, 'clientId' | 'clientSecret' | 'port'>;

/** A sign-in that could be begun, with what the person is shown of it. */
export interface Proposal {
  readonly consent: SignInConsent;
  readonly authorizationServer: string;
  readonly metadata: AuthorizationServerMetadata | undefined;
  readonly resource: string | undefined;
  readonly given: GivenClient;
}

/**
 * Finds out where a server signs people in (RFC 9728, RFC 8414), and checks that it may. Only reads.
 * @throws SallyportError `authorization_not_offered`, `authorization_refused`, `authorization_needs_client`, and what
 *   `fetchFn` throws, at hop `server`
 */
export async function findSignIn(options: {
  readonly record: ServerRecord;
  readonly given: GivenClient;
  readonly challenge: Challenge | undefined;
  readonly from: Reach;
  readonly fetchFn: FetchLike;
}): Promise<Proposal> {
  const { record, given, challenge, from, fetchFn } = options;
  const url = urlOf(record);
  const found = await discoverOAuthServerInfo(url, {
    fetchFn,
    ...(challenge?.resourceMetadata === undefined ? {} : { resourceMetadataUrl: new URL(challenge.resourceMetadata) }),
  }).catch((thrown: unknown) => {
    throw told(record, thrown);
  });
  const { authorizationServerUrl, authorizationServerMetadata: metadata, resourceMetadata } = found;
  if (!challenge && !metadata && !resourceMetadata) {
    throw new SallyportError('authorization_not_offered', 'server', `${record.name} asks for no sign-in.`, {
      hint: 'If it wants a key of its own, add it again with --header.',
    });
  }
  if (metadata && !metadata.code_challenge_methods_supported?.includes('S256')) {
    throw refused(record, 'the authorization server does not say that it takes PKCE with S256');
  }
  const resource = await resourceOf(url, resourceMetadata).catch(() => {
    throw refused(record, 'its metadata is about another address than this server’s');
  });
  const issuer = metadata?.issuer ?? new URL(authorizationServerUrl).origin;
  const endpoint = (named: string | undefined, path: string): string =>
    metadata ? (named ?? '') : new URL(path, authorizationServerUrl).href;
  const page = endpoint(metadata?.authorization_endpoint, '/authorize');
  const token = endpoint(metadata?.token_endpoint, '/token');
  for (const each of [page, token]) {
    if (!mayLeadTo(each, from)) throw refused(record, `it leads to ${visibleText(each, { max: 200 })}`);
  }
  const scopes = scopesOf(challenge, resourceMetadata, metadata);
  const registers = metadata === undefined || metadata.registration_endpoint !== undefined;
  if (given.clientId === undefined && !registers) {
    throw new SallyportError(
      'authorization_needs_client',
      'server',
      `${visibleText(issuer, { max: 200 })}, where ${record.name} signs people in, registers no clients by itself.`,
      { hint: 'Register one there by hand, then: sallyport servers authorize NAME --client-id ID --port PORT.' },
    );
  }
  const shown = {
    issuer,
    page: new URL(page).origin,
    scopes,
    ...(resource === undefined ? {} : { resource }),
    client: given.clientId === undefined ? ('registers' as const) : ('given' as const),
  };
  const digest = createHash('sha256')
    .update(JSON.stringify([shown, page, token, metadata?.registration_endpoint, given.clientId]))
    .digest('hex');
  return {
    consent: { step: 'consent', server: record.slug, digest, ...shown },
    authorizationServer: String(authorizationServerUrl),
    metadata,
    resource,
    given,
  };
}

async function resourceOf(url: string, metadata: OAuthProtectedResourceMetadata | undefined) {
  if (!metadata) return undefined;
  const provider = {} as Parameters<typeof selectResourceURL>[1];
  await selectResourceURL(url, provider, metadata);
  return metadata.resource;
}

/** What is asked for: what the server's challenge names, else what its metadata lists; and to stay signed in. */
function scopesOf(
  challenge: Challenge | undefined,
  resource: OAuthProtectedResourceMetadata | undefined,
  metadata: AuthorizationServerMetadata | undefined,
): string[] {
  const named = challenge?.scope?.split(' ') ?? resource?.scopes_supported ?? [];
  const scopes = [...new Set(named.filter(Boolean))].slice(0, 100);
  const stays = scopes.length > 0 && metadata?.scopes_supported?.includes('offline_access');
  return stays && !scopes.includes('offline_access') ? [...scopes, 'offline_access'] : scopes;
}

/** Address of an HTTP server. @throws SallyportError `authorization_not_offered` */
export function urlOf(record: ServerRecord): string {
  if (record.target.kind === 'http') return record.target.url;
  throw new SallyportError('authorization_not_offered', 'server', `${record.name} runs on this machine.`, {
    hint: 'Only servers with a URL have a sign-in.',
  });
}

/** A sign-in that is not begun. */
function refused(record: ServerRecord, why: string): SallyportError {
  return new SallyportError('authorization_refused', 'server', `Signing in to ${record.name} was not begun: ${why}.`);
}

/** What went wrong, in words; the kit's own messages may quote what a stranger answered. */
export function told(record: ServerRecord, thrown: unknown): SallyportError {
  if (thrown instanceof SallyportError) return thrown;
  const why = visibleText(asSallyportError(thrown).message, { max: 300 });
  return new SallyportError(
    'authorization_failed',
    'server',
    `The sign-in for ${record.name} did not succeed: ${why}`,
    {
      cause: thrown,
    },
  );
}
