import * as z from 'zod';

/** A client as the authorization server keeps it: public, code flow, nothing that makes it fetch anything. */
export interface ClientMetadata {
  readonly client_id: string;
  readonly client_name: string;
  readonly redirect_uris: readonly string[];
  readonly application_type: 'web' | 'native';
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly token_endpoint_auth_method: 'none';
}

/** Schema of {@link ClientMetadata}, for what comes back from the disk. */
export const storedMetadata = z.object({
  client_id: z.string(),
  client_name: z.string(),
  redirect_uris: z.array(z.string()),
  application_type: z.enum(['web', 'native']),
  grant_types: z.array(z.string()),
  response_types: z.array(z.string()),
  token_endpoint_auth_method: z.literal('none'),
});

/** What of a client's own metadata is read (RFC 7591 §2); everything else is left out before the library sees it. */
const offered = z.object({
  client_name: z.string().min(1).max(200).optional(),
  redirect_uris: z.array(z.string().min(1).max(2_000)).min(1).max(10),
});

/** Schemes that a redirect must never have, whatever a client says. */
const forbiddenScheme = /^(?:javascript|data|vbscript|file|blob|about|view-source|ws|wss|ftp|http|https|mailto|tel):$/;

/** Why metadata is not taken: an error code of RFC 7591 §3.2.2 and a sentence. */
export class MetadataProblem extends Error {
  readonly code: 'invalid_redirect_uri' | 'invalid_client_metadata';
  constructor(code: MetadataProblem['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Makes a client of the metadata that a stranger offered (registration or document).
 * @throws MetadataProblem
 */
export function readMetadata(clientId: string, value: unknown): ClientMetadata {
  const parsed = offered.safeParse(value);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path[0];
    if (where === 'redirect_uris') {
      throw new MetadataProblem('invalid_redirect_uri', 'redirect_uris must list one to ten addresses.');
    }
    throw new MetadataProblem('invalid_client_metadata', 'The client metadata cannot be read.');
  }
  const { redirect_uris, client_name } = parsed.data;
  for (const uri of redirect_uris) checkRedirect(uri);
  return {
    client_id: clientId,
    client_name: client_name ?? 'Unnamed client',
    redirect_uris: [...new Set(redirect_uris)],
    // Native makes the port of a loopback redirect free (RFC 8252 §7.3) and own schemes possible.
    application_type: redirect_uris.every((uri) => new URL(uri).protocol === 'https:') ? 'web' : 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
}

/** Whether an address stays on the machine of the browser. */
export function isLoopback(uri: string): boolean {
  const url = URL.parse(uri);
  return url?.protocol === 'http:' && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
}

function checkRedirect(uri: string): void {
  const why = redirectProblem(uri);
  if (why !== undefined) throw new MetadataProblem('invalid_redirect_uri', `A redirect address ${why}.`);
}

function redirectProblem(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (!url) return 'is no address';
  if (uri.includes('#')) return 'has a fragment';
  if (url.username !== '' || url.password !== '') return 'holds a user name';
  if (url.protocol === 'https:' || isLoopback(uri)) return undefined;
  return forbiddenScheme.test(url.protocol) ? 'is neither https nor on loopback' : undefined;
}
