import { randomBytes, X509Certificate } from 'node:crypto';
import { isAbsolute } from 'node:path';
import type { Clock } from '../../../../../shared/clock.ts';
import type { RequestInput, RequestOutput } from '../../../../../shared/contract.ts';
import { SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import type { Secrets } from '../../../../secrets/secrets.ts';
import type { AnthropicApi, Settings } from '../../../../settings/settings.ts';
import { createAppCertificates } from '../../../pki/app-certificates.ts';
import { certificateFingerprint } from '../../../pki/fingerprint.ts';
import type { Network } from '../../network.ts';
import { tokenName } from '../anthropic-way.ts';
import { readConnectorToken } from '../connector-token.ts';
import { type ApiCredential, federatedToken, givenToken, identityFromFile } from './api-credential.ts';
import { defaultApiUrl, type ExchangeDeps, parseApiUrl } from './api-exchange.ts';
import { type ApiTunnel, createTunnelsApi, type TunnelsApi } from './tunnels-api.ts';

/** What {@link createTunnelsAccount} needs. */
export interface TunnelsAccountDeps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  readonly version: string;
  /** How this machine gets out. */
  readonly network: () => Promise<Network>;
  readonly onNote: (message: string) => void;
}

/** How the API is reached, as a person gives it; what is absent stays as it was. */
export type ApiChoice = NonNullable<NonNullable<RequestInput<'tunnel.use'>['anthropic']>['api']>;
/** A change at Anthropic, as a person asks for it. */
export type RemoteChange = RequestInput<'tunnel.remoteChange'>;

/** The person's tunnels at Anthropic, by the Tunnels API. */
export interface TunnelsAccount {
  /**
   * Makes or attaches the tunnel, registers this machine's authority and fetches the token. Every step is looked up before
   * it is taken, so that a run that broke off is gone on with by running it again. Private keys never leave.
   * @throws SallyportError `api_token_missing`, `tunnel_archived`, `tunnel_certificates_full`, and what the API throws
   */
  setUp(choice: ApiChoice): Promise<{ domain: string; token: string }>;
  list(): Promise<RequestOutput<'tunnel.remote'>>;
  /** `tcrt_…` under which this machine's authority is registered for that domain, as far as the API was used for it. */
  registeredAs(domain: string): string | undefined;
  /** @returns the new token where it was rotated. @throws SallyportError also `tunnel_in_use` */
  change(change: RemoteChange): Promise<{ domain: string; token: string } | undefined>;
}

const secretNames = { token: 'anthropic:api:token', identity: 'anthropic:api:identity-token' };
/** "A tunnel holds at most two non-archived certificates." */
const mostCertificates = 2;
const maxPem = 8_192;

/** Makes it; nothing is sent before the first call. */
export function createTunnelsAccount(deps: TunnelsAccountDeps): TunnelsAccount {
  const { settings, secrets, onNote } = deps;
  let opened: { readonly api: TunnelsApi; readonly stored: string } | undefined;
  const stored = (): AnthropicApi | undefined => settings.get().tunnel.anthropicApi;
  const store = (next: AnthropicApi): void => {
    settings.update((current) => ({ ...current, tunnel: { ...current.tunnel, anthropicApi: next } }));
  };

  /** Checks what was given and keeps it: secrets in secrets, the rest in settings. */
  const adopt = async (choice: ApiChoice): Promise<AnthropicApi> => {
    const before = stored();
    const url = parseApiUrl(choice.url ?? before?.url ?? defaultApiUrl);
    const generation = choice.generation ?? before?.generation ?? 'workspace';
    const { token, federation } = choice;
    if (token !== undefined) {
      givenToken(token);
      await secrets.set(secretNames.token, token);
    }
    if (federation?.identityToken !== undefined) await secrets.set(secretNames.identity, federation.identityToken);
    if (federation?.identityFile !== undefined && !isAbsolute(federation.identityFile)) {
      throw new SallyportError(
        'identity_token_unreadable',
        'app',
        'The file of the identity token needs a whole path.',
      );
    }
    const given = federation && {
      rule: federation.rule,
      organization: federation.organization,
      serviceAccount: federation.serviceAccount,
      workspace: federation.workspace,
      identityFile: federation.identityFile,
    };
    // A token that is given takes the place of a federation, and the other way round.
    const kept = given ?? (token === undefined ? before?.federation : undefined);
    const same = before?.url === url && before.generation === generation;
    const next: AnthropicApi = {
      url,
      generation,
      ...(kept ? { federation: kept } : {}),
      ...(same && choice.tunnel === undefined && before.tunnelId !== undefined ? { tunnelId: before.tunnelId } : {}),
      ...(same && before.making !== undefined ? { making: before.making } : {}),
      ...(choice.tunnel === undefined || choice.tunnel === 'new' ? {} : { tunnelId: choice.tunnel }),
    };
    store(next);
    opened = undefined;
    return next;
  };

  const credentialOf = async (wanted: AnthropicApi, how: ExchangeDeps): Promise<ApiCredential> => {
    const { federation } = wanted;
    if (federation) {
      const held = await secrets.get(secretNames.identity);
      const { identityFile: file } = federation;
      if (file === undefined && held === undefined) throw missing('identity token', '--identity-token-file');
      return federatedToken(how, {
        ...federation,
        identity: file === undefined ? async () => held ?? '' : identityFromFile(file),
      });
    }
    const token = await secrets.get(secretNames.token);
    if (token === undefined) throw missing('token', '--api-token-file');
    return givenToken(token);
  };

  const api = async (): Promise<TunnelsApi> => {
    const wanted = stored();
    if (!wanted) {
      throw new SallyportError('api_token_missing', 'tunnel', 'Anthropic’s Tunnels API is not set up.', {
        hint: 'Run `sallyport tunnel use anthropic --api`.',
      });
    }
    const key = JSON.stringify([wanted.url, wanted.generation, wanted.federation]);
    if (opened?.stored === key) return opened.api;
    const { clock, version, network } = deps;
    const how: ExchangeDeps = { url: wanted.url, clock, version, network };
    const made = createTunnelsApi({
      ...how,
      generation: wanted.generation,
      credential: await credentialOf(wanted, how),
    });
    opened = { api: made, stored: key };
    return made;
  };

  /** The tunnel that was chosen, that an earlier run began to make, or a new one. */
  const findOrMake = async (wanted: AnthropicApi, name: string | undefined): Promise<ApiTunnel> => {
    const client = await api();
    if (wanted.tunnelId !== undefined) return live(await client.get(wanted.tunnelId));
    // Noted before the request: making is not idempotent, and an answer that is lost must not make a second one.
    const making = wanted.making ?? `${name ?? 'Sallyport'} ${randomBytes(4).toString('hex')}`.slice(0, 255);
    const begun = wanted.making === undefined ? undefined : await made(client, making);
    if (wanted.making === undefined) store({ ...wanted, making });
    const tunnel =
      begun ??
      (await client.create(making).catch(async (error: unknown) => {
        const lost = error instanceof SallyportError && error.code === 'tunnel_api_unreachable';
        const found = lost ? await made(client, making).catch(() => undefined) : undefined;
        if (found) return found;
        throw error;
      }));
    const { making: _done, ...rest } = wanted;
    store({ ...rest, tunnelId: tunnel.id });
    onNote(`The tunnel ${tunnel.id} (${tunnel.domain}) was made at Anthropic.`);
    return tunnel;
  };

  const registerAuthority = async (tunnel: ApiTunnel): Promise<void> => {
    const client = await api();
    const { domain } = tunnel;
    const certificates = await createAppCertificates({
      domain,
      hosts: [domain, `*.${domain}`],
      constrained: false,
      secrets,
      folder: deps.folder,
      clock: deps.clock,
    });
    certificates.close();
    const { pem } = certificates.ca();
    const publicOnly = onlyCertificate(pem);
    const fingerprint = certificateFingerprint(new X509Certificate(publicOnly)).replaceAll(':', '').toLowerCase();
    const registered = (await client.certificates(tunnel.id)).filter((one) => one.archived_at === null);
    let ours = registered.find((one) => one.fingerprint === fingerprint);
    if (!ours) {
      if (registered.length >= mostCertificates) throw full(registered.map(({ id }) => id));
      ours = await client.addCertificate(tunnel.id, publicOnly);
      if (ours.fingerprint !== fingerprint) {
        throw new SallyportError('tunnel_api_answer', 'tunnel', 'Anthropic registered another certificate than ours.');
      }
      onNote(`The authority of this machine is registered with the tunnel (${ours.id}).`);
    }
    const current = stored();
    if (current) store({ ...current, tunnelId: tunnel.id, domain, certificateId: ours.id, fingerprint });
  };

  const chosenTunnel = (): string => {
    const id = stored()?.tunnelId;
    if (id !== undefined) return id;
    throw new SallyportError('tunnel_not_found', 'tunnel', 'No tunnel was made or attached by the API yet.', {
      hint: 'Run `sallyport tunnel use anthropic --api`.',
    });
  };

  return {
    async setUp(choice) {
      const wanted = await adopt(choice);
      const tunnel = await findOrMake(wanted, choice.name);
      await registerAuthority(tunnel);
      const token = await (await api()).revealToken(tunnel.id);
      readConnectorToken(token);
      await secrets.set(tokenName(tunnel.domain), token);
      return { domain: tunnel.domain, token };
    },
    registeredAs: (domain) => {
      const current = stored();
      return current?.domain === domain ? current.certificateId : undefined;
    },
    async list() {
      const client = await api();
      const current = stored();
      const tunnels = await client.list(true);
      const chosen = tunnels.find(({ id }) => id === current?.tunnelId);
      const certificates = chosen && chosen.archived_at === null ? await client.certificates(chosen.id) : [];
      return {
        tunnels: tunnels.map((one) => ({
          id: one.id,
          ...(one.display_name === null ? {} : { name: visibleText(one.display_name, { max: 255 }) }),
          domain: one.domain,
          createdAt: one.created_at,
          ...(one.archived_at === null ? {} : { archivedAt: one.archived_at }),
          chosen: one.id === current?.tunnelId,
        })),
        certificates: certificates.map((one) => ({
          id: one.id,
          fingerprint: one.fingerprint,
          createdAt: one.created_at,
          ...(one.expires_at === null ? {} : { expiresAt: one.expires_at }),
          ours: one.fingerprint === current?.fingerprint,
        })),
      };
    },
    async change(change) {
      const client = await api();
      if (change.do === 'archive-certificate') {
        await client.archiveCertificate(chosenTunnel(), change.id);
        onNote(`The certificate ${change.id} was archived at Anthropic.`);
        return undefined;
      }
      if (change.do === 'archive') {
        const { way, anthropic } = settings.get().tunnel;
        const before = await client.get(change.id);
        if (way === 'anthropic' && anthropic?.domain === before.domain) {
          throw new SallyportError('tunnel_in_use', 'tunnel', `${before.domain} is the way in that is in use.`, {
            hint: 'Choose another way in first; archiving cannot be undone.',
          });
        }
        await client.archive(change.id);
        const current = stored();
        if (current?.tunnelId === change.id) {
          const { tunnelId: _gone, domain: _domain, certificateId: _id, fingerprint: _print, ...rest } = current;
          store(rest);
        }
        await secrets.delete(tokenName(before.domain)).catch(() => {});
        onNote(`The tunnel ${change.id} was archived at Anthropic.`);
        return undefined;
      }
      const tunnel = live(await client.get(chosenTunnel()));
      // Where the answer is lost the token may be a new one all the same: what holds now is asked for.
      const token = await client.rotateToken(tunnel.id, change.reason).catch((error: unknown) => {
        if (error instanceof SallyportError && error.code === 'tunnel_api_unreachable') {
          return client.revealToken(tunnel.id);
        }
        throw error;
      });
      readConnectorToken(token);
      await secrets.set(tokenName(tunnel.domain), token);
      onNote(`The token of ${tunnel.domain} was rotated.`);
      return { domain: tunnel.domain, token };
    },
  };
}

async function made(client: TunnelsApi, name: string): Promise<ApiTunnel | undefined> {
  return (await client.list(false)).find((one) => one.display_name === name);
}

function live(tunnel: ApiTunnel): ApiTunnel {
  if (tunnel.archived_at === null) return tunnel;
  throw new SallyportError(
    'tunnel_archived',
    'tunnel',
    `The tunnel ${tunnel.id} was archived; that cannot be undone.`,
    {
      hint: 'Attach another with --tunnel, or make a new one with --tunnel new.',
    },
  );
}

/** The certificate alone. What leaves this machine is checked here and not by trust in the caller. */
function onlyCertificate(pem: string): string {
  const blocks = pem.match(/-----BEGIN [^-]+-----/g) ?? [];
  if (blocks.length === 1 && blocks[0] === '-----BEGIN CERTIFICATE-----' && pem.length <= maxPem) return pem;
  throw new SallyportError('tunnel_api_answer', 'app', 'The authority is not one certificate of at most 8 KiB.');
}

function full(ids: readonly string[]): SallyportError {
  return new SallyportError(
    'tunnel_certificates_full',
    'tunnel',
    `The tunnel has ${ids.length} authorities already (${ids.join(', ')}), and takes no more than two.`,
    {
      hint: 'Archive one that is not used any more: sallyport tunnel api archive-certificate ID. Then run this again.',
    },
  );
}

function missing(what: string, option: string): SallyportError {
  return new SallyportError('api_token_missing', 'tunnel', `There is no ${what} for Anthropic’s API.`, {
    hint: `Give it with ${option} FILE, - for standard input.`,
  });
}
