import type { RequestInput } from '../../../../shared/contract.ts';
import { SallyportError } from '../../../../shared/errors.ts';
import type { Secrets } from '../../../secrets/secrets.ts';
import type { AnthropicTunnel } from '../../../settings/settings.ts';
import { isDnsName } from '../../pki/certificate-names.ts';
import { tokenName } from './anthropic-way.ts';
import { findCloudflared } from './cloudflared/find-cloudflared.ts';
import { readConnectorToken } from './connector-token.ts';
import { readEdgeAddress } from './native/edge-addresses.ts';

/** What a person gave for Anthropic's tunnel. */
export type AnthropicChoice = NonNullable<RequestInput<'tunnel.use'>['anthropic']>;

/**
 * Checks what was given, fills in what is known from before, and puts the token into secrets. What cannot work is refused
 * here, before the way in that is in use is touched.
 * @throws SallyportError at hop `tunnel`: `tunnel_domain_needed`, `bad_tunnel_domain`, `tunnel_token_missing`,
 *   `tunnel_token_invalid`, `cloudflared_missing`, `cloudflared_too_old`, `cloudflared_broken`, `bad_edge_address`; with
 *   `api` also what setting up by the API throws
 */
export async function chooseAnthropic(
  deps: {
    readonly secrets: Secrets;
    readonly environment: Readonly<Record<string, string | undefined>>;
    /** Has Anthropic's API give domain and token, where the person chose that. */
    readonly setUp: (api: NonNullable<AnthropicChoice['api']>) => Promise<{ domain: string; token: string }>;
  },
  given: AnthropicChoice,
  before: AnthropicTunnel | undefined,
): Promise<AnthropicTunnel> {
  let choice = given;
  if (given.api) {
    // What is missing on this machine is said before anything is made at Anthropic.
    const runs = given.mode ?? before?.mode ?? 'cloudflared';
    if (runs === 'cloudflared') {
      await findCloudflared(given.cloudflared ?? before?.cloudflared, deps.environment.PATH ?? '');
    }
    choice = { ...given, ...(await deps.setUp(given.api)) };
  }
  const domain = (choice.domain ?? before?.domain)?.toLowerCase().replace(/\.$/, '');
  if (domain === undefined) {
    throw new SallyportError('tunnel_domain_needed', 'tunnel', 'Which tunnel? Its domain is needed.', {
      hint: 'The Console shows it, for instance abcd1234.tunnel.anthropic.com; give it with --domain.',
    });
  }
  if (!isDnsName(domain) || !domain.includes('.')) {
    throw new SallyportError('bad_tunnel_domain', 'tunnel', `${JSON.stringify(domain)} is no domain of a tunnel.`);
  }
  const kept = before?.domain === domain ? before : undefined;
  const mode = choice.mode ?? kept?.mode ?? 'cloudflared';
  const token = choice.token?.trim();
  if (token !== undefined) readConnectorToken(token);
  else if (mode !== 'listener' && (await deps.secrets.get(tokenName(domain))) === undefined) {
    throw new SallyportError('tunnel_token_missing', 'tunnel', `There is no token for ${domain} yet.`, {
      hint: 'Leave --token-file out to be asked for it, or give it with --token-file FILE, - for standard input.',
    });
  }
  const cloudflared = choice.cloudflared ?? kept?.cloudflared;
  if (mode === 'cloudflared') await findCloudflared(cloudflared, deps.environment.PATH ?? '');
  const edges = choice.edges ?? kept?.edges;
  for (const edge of edges ?? []) readEdgeAddress(edge);
  const listen = choice.listen ?? kept?.listen;
  const hosts = choice.hosts ?? kept?.hosts;
  const protocol = choice.protocol ?? kept?.protocol;
  const edgeCa = choice.edgeCa ?? kept?.edgeCa;
  if (token !== undefined) await deps.secrets.set(tokenName(domain), token);
  return {
    domain,
    mode,
    ...(listen === undefined ? {} : { listen }),
    ...(cloudflared === undefined ? {} : { cloudflared }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(edges === undefined ? {} : { edges }),
    ...(edgeCa === undefined ? {} : { edgeCa }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}
