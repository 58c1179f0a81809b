import type { Refusal } from './resource-server.ts';
import { allShared, authorityOf, toolScope } from './scopes.ts';

/** Scopes of a minted token: everything shared, or `tool:<name>` for each tool that it is narrowed to. */
export function scopeOf(tools: readonly string[] | undefined): string {
  return tools === undefined ? allShared : tools.map(toolScope).join(' ');
}

/**
 * The token of an `Authorization` header (RFC 6750 §2.1, token68).
 * @returns `undefined` where there is none or it is malformed
 */
export function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/-]{1,4096}=*) *$/i.exec(header ?? '')?.[1];
}

/**
 * Where the protected-resource metadata of a resource stands: the well-known segment goes between host and path
 * (RFC 9728 §3.1).
 * @param resource the shared server's URL
 */
export function metadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`;
}

/** 401 for a request without a bearer token: no error code then (RFC 6750 §3.1). */
export function missingToken(resource: string): Refusal {
  return { status: 401, challenge: challenge(resource), why: 'no_token' };
}

/**
 * 401 for a token that does not open this resource. Unknown, expired, revoked and foreign tokens get the same words, so
 * that nothing is learned from trying; `why` is for the log.
 */
export function invalidToken(resource: string, why: 'bad_token' | 'expired' | 'revoked' | 'wrong_audience'): Refusal {
  return {
    status: 401,
    challenge: challenge(resource, 'invalid_token', 'The access token is not valid for this resource'),
    why,
  };
}

/** 400 for a header that is no bearer token at all (RFC 6750 §3.1 `invalid_request`). */
export function malformedHeader(resource: string): Refusal {
  return {
    status: 400,
    challenge: challenge(resource, 'invalid_request', 'The Authorization header is malformed'),
    why: 'bad_token',
  };
}

/**
 * 403 for a call beyond the scope of its grant (RFC 6750 §3.1): names everything that the client should ask for next, what
 * it holds included, so that a new request loses nothing.
 */
export function insufficientScope(resource: string, held: string, tool: string): Refusal {
  const scope = [...new Set([...authorityOf(held), toolScope(tool)])].join(' ');
  return {
    status: 403,
    challenge: challenge(resource, 'insufficient_scope', 'The grant does not cover this tool', scope),
    why: 'insufficient_scope',
  };
}

function challenge(resource: string, error?: string, description?: string, scope: string = allShared): string {
  const parameters = [
    ...(error === undefined ? [] : [`error="${error}"`, `error_description="${description}"`]),
    `resource_metadata="${metadataUrl(resource)}"`,
    `scope="${scope}"`,
  ];
  return `Bearer ${parameters.join(', ')}`;
}
