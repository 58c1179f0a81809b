import { asSallyportError, type SallyportError } from '../../../shared/errors.ts';
import type { TunnelView } from '../../../shared/views.ts';
import type { ServerRecord } from '../../servers/servers.ts';
import type { ConnectorStatus } from '../connectors/connector.ts';
import type { MessageChannel, MessageConnector, MessageEntrance } from '../connectors/message-connector.ts';
import { embeddedDomain } from '../edge/embedded-edge.ts';
import type { Probe } from '../probe.ts';
import { isWithheld } from '../readable-way.ts';
import { type EmbeddedWayDeps, openEmbedded } from './embedded.ts';
import {
  channelsOf,
  chooseOpenAi,
  type OpenAiSettings,
  type OpenAiTunnelDeps,
  openAiSees,
  openAiSeesNot,
  openOpenAi,
} from './openai-tunnel.ts';
import { pathUrl, type Way, type WayDeps, type WayIn } from './way.ts';

/** What OpenAI's tunnel takes besides. */
export interface OpenAiWayDeps
  extends EmbeddedWayDeps,
    Pick<WayDeps, 'secrets' | 'network' | 'onNote'>,
    Pick<OpenAiTunnelDeps, 'version' | 'commandsFile'> {
  /** Where messages enter, and which servers they can reach. */
  readonly entrance: Pick<MessageEntrance, 'metadata' | 'receive'> & {
    records(): readonly ServerRecord[];
    /** @throws SallyportError `server_not_found` */
    slugOf(name: string): string;
  };
  readonly onChange: () => void;
}

/** OpenAI's tunnel, which brings messages and reads them. The embedded edge stays open beside it, for agents on this machine. */
export function createOpenAiWay(deps: OpenAiWayDeps): Way {
  const { settings, entrance } = deps;
  const port = (): number => settings.get().ports.edge.port;
  const urlOf = (slug: string, at: number): string => pathUrl(settings.get().tunnel.domain, at, slug);
  let openPort: number | undefined;
  const channels = (): readonly MessageChannel[] =>
    channelsOf(entrance.records(), settings.get().tunnel.openai?.main, (slug) => urlOf(slug, openPort ?? port()));
  const tunnelDeps: OpenAiTunnelDeps = {
    ...deps,
    entrance: { channels, metadata: entrance.metadata, receive: entrance.receive },
  };

  return {
    ownPort: true,
    async choose({ openai: choice }, before) {
      const openai = chooseOpenAi(before.openai, choice ?? {}, entrance.slugOf);
      const proven = await openOpenAi(tunnelDeps, openai, { key: choice?.key, prove: true });
      return { domain: embeddedDomain, kept: { openai }, proven };
    },
    async open(proven) {
      const embedded = await openEmbedded(deps);
      openPort = embedded.port;
      return await besideEmbedded(embedded, proven);
    },
    port,
    urlOf,
  };

  async function besideEmbedded(embedded: WayIn, proven: MessageConnector | undefined): Promise<WayIn> {
    const known = settings.get().tunnel.openai;
    let missing: SallyportError | undefined;
    let messages = proven;
    if (!messages && known) {
      try {
        messages = await openOpenAi(tunnelDeps, known, { prove: false });
      } catch (thrown) {
        // A missing key must not keep the app from starting: it is where the key is given.
        missing = asSallyportError(thrown, 'tunnel');
        deps.onNote(missing.message);
      }
    }
    messages?.onChange(deps.onChange);
    const status = (): ConnectorStatus | undefined =>
      messages?.status() ?? (missing && { state: 'trouble', connections: [], error: missing.toShape() });
    return {
      ...embedded,
      status,
      /** Nobody can knock from outside: what was proven is our own end, and that polls are answered. */
      judge(result: Probe): Probe {
        if (!result.ok) return result;
        const now = status();
        if (now && now.connections.length > 0) {
          return { ...result, detail: 'It entered at this machine; OpenAI answers polls, and its part is not proven.' };
        }
        return { ...result, ok: false, hop: 'edge', detail: now?.error?.message ?? 'OpenAI has not answered yet.' };
      },
      retryNow() {
        embedded.connector.retryNow();
        messages?.retryNow();
      },
      view() {
        const openai = settings.get().tunnel.openai;
        const connected = status()?.state === 'connected';
        return {
          canSee: openAiSees,
          cannotSee: openAiSeesNot,
          proof: 'own-end',
          ...(connected ? { detail: 'Connected to OpenAI, not proven from outside.' } : {}),
          ...(openai ? { openai: openAiView(openai, channels(), withheldFrom(entrance.records())) } : {}),
        };
      },
      async close(graceMs) {
        await messages?.stop(graceMs);
        await embedded.close(graceMs);
      },
    };
  }
}

/** Shared servers that are kept from a middle that reads. */
function withheldFrom(records: readonly ServerRecord[]): string[] {
  return records.flatMap((record) => (record.shared && isWithheld(record) ? [record.slug] : []));
}

function openAiView(
  { tunnelId, baseUrl, organization, access }: OpenAiSettings,
  channels: readonly MessageChannel[],
  withheld: readonly string[],
): NonNullable<TunnelView['openai']> {
  return {
    tunnelId,
    baseUrl,
    access,
    ...(organization === undefined ? {} : { organization }),
    channels: channels.map(({ name, route }) => ({ channel: name, server: route.record.slug })),
    ...(withheld.length > 0 ? { withheld: [...withheld] } : {}),
  };
}
