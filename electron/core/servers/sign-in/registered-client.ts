import { type FetchLike, RegistrationRejectedError, registerClient } from '@modelcontextprotocol/client';
import type { Proposal } from './proposal.ts';
import type { StoredSignIn } from './stored-sign-in.ts';

/**
 * The client that signs in: the one that the person gave, else one registered for this very sign-in (RFC 7591), since its
 * redirect names the port that listens now.
 */
export async function clientFor(
  proposal: Proposal,
  redirectUrl: string,
  fetchFn: FetchLike,
): Promise<StoredSignIn['client']> {
  const { clientId, clientSecret } = proposal.given;
  if (clientId !== undefined) {
    return { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) };
  }
  const scope = proposal.consent.scopes.join(' ');
  const register = (scopes: { readonly scope?: string }) =>
    registerClient(proposal.authorizationServer, {
      ...(proposal.metadata ? { metadata: proposal.metadata } : {}),
      clientMetadata: {
        client_name: 'Sallyport',
        redirect_uris: [redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
      },
      ...scopes,
      fetchFn,
    });
  const { client_id, client_secret } = await (scope === ''
    ? register({})
    : register({ scope }).catch((thrown: unknown) => {
        // Some take no scopes of resources in a registration, and all of them in a request.
        if (thrown instanceof RegistrationRejectedError && thrown.status === 400) return register({});
        throw thrown;
      }));
  return { client_id, ...(client_secret === undefined ? {} : { client_secret }) };
}
