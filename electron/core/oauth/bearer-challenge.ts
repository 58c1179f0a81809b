import type { Refusal } from './resource-server.ts';

/** Scope that a token without narrowing carries, and that a challenge asks for. */
export const toolsScope = 'mcp:tools';

/** Scopes of a token that is narrowed to some tools: `tool:<name>` each, unusual characters percent-encoded (RFC 6749 §3.3). */
export function scopeOf(tools: readonly string[] | undefined): string {
  if (tools === undefined) return toolsScope;
  return tools.map((tool) => `tool:${encodeURIComponent(tool)}`).join(' ');
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

function challenge(resource: string, error?: string, description?: string): string {
  const parameters = [
    ...(error === undefined ? [] : [`error="${error}"`, `error_description="${description}"`]),
    `resource_metadata="${metadataUrl(resource)}"`,
    `scope="${toolsScope}"`,
  ];
  return `Bearer ${parameters.join(', ')}`;
}
