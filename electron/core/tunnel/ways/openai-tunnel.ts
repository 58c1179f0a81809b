import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../shared/clock.ts';
import type { RequestInput } from '../../../shared/contract.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { ServerRecord } from '../../servers/servers.ts';
import type { SettingsData } from '../../settings/settings.ts';
import type { MessageChannel, MessageConnector, MessageEntrance } from '../connectors/message-connector.ts';
import type { Network } from '../connectors/network.ts';
import { createOpenAiConnector } from '../connectors/openai-connector.ts';
import { isTunnelId, parseBaseUrl } from '../connectors/openai-control-plane.ts';
import { openCommandJournal } from '../connectors/openai-journal.ts';
import { isWithheld } from '../readable-way.ts';

/** What settings keep of OpenAI's tunnel. */
export type OpenAiSettings = NonNullable<SettingsData['tunnel']['openai']>;

/** What the way through OpenAI's tunnel is made of. */
export interface OpenAiTunnelDeps {
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly version: string;
  readonly entrance: MessageEntrance;
  /** How this machine gets out. */
  readonly network: () => Promise<Network>;
  /** File that holds which commands were taken before. */
  readonly commandsFile: string;
  readonly onNote: (message: string) => void;
}

/** Root of OpenAI's control plane. */
export const openAiBaseUrl = 'https://api.openai.com';

/** What passes OpenAI's service in the clear: everything. */
export const openAiSees = [
  'which servers and tools are shared',
  'arguments',
  'results',
  'tokens that agents send',
  'names, sizes and times',
];
/** What it cannot reach through the tunnel. */
export const openAiSeesNot = ['servers and tools that are not shared', 'keys and secrets of this machine'];

/**
 * Merges a choice into what is known of the tunnel.
 * @throws SallyportError `openai_tunnel_id`, `openai_base_url`, `server_not_found`
 */
export function chooseOpenAi(
  known: OpenAiSettings | undefined,
  choice: NonNullable<RequestInput<'tunnel.use'>['openai']>,
  slugOf: (name: string) => string,
): OpenAiSettings {
  const tunnelId = choice.tunnelId ?? known?.tunnelId;
  const sameTunnel = known?.tunnelId === tunnelId ? known : undefined;
  const baseUrl = parseBaseUrl(choice.baseUrl ?? sameTunnel?.baseUrl ?? openAiBaseUrl);
  if (tunnelId === undefined || !isTunnelId(tunnelId, baseUrl)) {
    throw new SallyportError('openai_tunnel_id', 'app', 'A tunnel id is tunnel_ and 32 small letters or digits.', {
      hint: 'Copy it from https://platform.openai.com/settings/organization/tunnels',
    });
  }
  const organization = choice.organization ?? sameTunnel?.organization;
  const main = choice.main === undefined ? known?.main : slugOf(choice.main);
  return {
    tunnelId,
    baseUrl,
    access: choice.access ?? known?.access ?? 'oauth',
    ...(organization === undefined ? {} : { organization }),
    ...(main === undefined ? {} : { main }),
  };
}

/**
 * Opens the way with the key given or stored.
 * @param prove wait until a poll was answered; the connector that failed is stopped. Nothing is stored before
 * @throws SallyportError `openai_key_missing`; while proving also `openai_key_refused`, `openai_tunnel_unknown`,
 *   `openai_unreachable`, `openai_unavailable`
 */
export async function openOpenAi(
  deps: OpenAiTunnelDeps,
  settings: OpenAiSettings,
  options: { readonly key?: string | undefined; readonly prove: boolean },
): Promise<MessageConnector> {
  const name = keyName(settings.tunnelId);
  const key = options.key ?? (await deps.secrets.get(name));
  if (key === undefined) {
    throw new SallyportError('openai_key_missing', 'app', 'There is no runtime key for this tunnel.', {
      hint: 'Run sallyport tunnel use openai, and give the key at the prompt or with --key-file.',
    });
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new SallyportError('openai_key_malformed', 'app', 'The runtime key holds spaces or other odd characters.', {
      hint: 'Give the key alone, on one line.',
    });
  }
  const { clock, version, entrance, onNote } = deps;
  const { access, ...rest } = settings;
  const account = { ...rest, key, instanceId: await instanceId(deps.secrets) };
  const network = await deps.network();
  const journal = openCommandJournal({ path: deps.commandsFile, tunnelId: settings.tunnelId, clock });
  const connector = createOpenAiConnector({ clock, version, entrance, network, journal, onNote, access, account });
  connector.start();
  if (options.prove) {
    try {
      await connector.proven();
    } catch (error) {
      await connector.stop(0);
      throw error;
    }
  }
  if (options.key !== undefined) await deps.secrets.set(name, options.key);
  return connector;
}

/**
 * Channels of the shared servers: each under its slug, and `main` for the one that was chosen, or the only one. `harpoon` is
 * the service's own. A server whose results are private has none, unless the person said so in a second step.
 */
export function channelsOf(
  records: readonly ServerRecord[],
  main: string | undefined,
  urlOf: (slug: string) => string,
): MessageChannel[] {
  const shared = records.filter((record) => record.shared && !isWithheld(record));
  const first = shared.find((record) => record.slug === main) ?? (shared.length === 1 && !main ? shared[0] : undefined);
  const channel = (name: string, record: ServerRecord): MessageChannel => ({
    name,
    route: { record, resource: urlOf(record.slug) },
  });
  return [
    ...(first ? [channel('main', first)] : []),
    ...shared
      .filter((record) => record.slug !== 'main' && record.slug !== 'harpoon')
      .map((record) => channel(record.slug, record)),
  ];
}

function keyName(tunnelId: string): string {
  return `openai:${tunnelId}:runtime-key`;
}

/** This installation's stable name at the service, made once; it says nothing about the machine. */
async function instanceId(secrets: Secrets): Promise<string> {
  const stored = await secrets.get('openai:instance-id');
  if (stored !== undefined) return stored;
  const made = randomUUID();
  await secrets.set('openai:instance-id', made);
  return made;
}
