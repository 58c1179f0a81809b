import { SallyportError } from '../../../shared/errors.ts';
import { chooseAnthropic } from '../connectors/anthropic/anthropic-choice.ts';
import { openAnthropic } from '../connectors/anthropic/anthropic-way.ts';
import type { Containment } from '../connectors/anthropic/cloudflared/containment.ts';
import type { StartChild } from '../connectors/anthropic/cloudflared/supervisor.ts';
import type { Recorder } from '../connectors/anthropic/recorder.ts';
import type { TunnelsAccount } from '../connectors/anthropic/tunnels-api/tunnels-account.ts';
import type { Environment } from '../connectors/proxy.ts';
import type { Way, WayDeps } from './way.ts';

/** What Anthropic's tunnel takes besides. */
export interface AnthropicDeps extends WayDeps {
  /** What cloudflared is found by and started with. */
  readonly environment: Environment;
  readonly startChild: StartChild;
  /** Whether cloudflared can be contained here. */
  readonly containment: () => Promise<Containment>;
  readonly recorder: Recorder;
  readonly account: Pick<TunnelsAccount, 'setUp' | 'registeredAs'>;
  /** Slugs of the servers that are shared now. */
  readonly sharedSlugs: () => readonly string[];
}

/** A tunnel of Anthropic's: servers are told apart by host, and the public door opens to Claude alone. */
export function createAnthropicWay(deps: AnthropicDeps): Way {
  const { settings, account } = deps;
  const urlOf = (slug: string): string => {
    const { domain, anthropic } = settings.get().tunnel;
    const exact = Object.entries(anthropic?.hosts ?? {}).find(([, name]) => name === slug)?.[0];
    return `https://${exact ?? `${slug}.${domain}`}/mcp`;
  };
  /** Kept, so that the alarm outlives the app. */
  const keepAlarm = (where: string): void => {
    settings.update((current) => {
      const { anthropic } = current.tunnel;
      if (!anthropic) return current;
      return { ...current, tunnel: { ...current.tunnel, anthropic: { ...anthropic, overridden: where } } };
    });
  };
  return {
    ownPort: false,
    async choose({ anthropic: wanted }, before) {
      const anthropic = await chooseAnthropic({ ...deps, setUp: account.setUp }, wanted ?? {}, before.anthropic);
      return { domain: anthropic.domain, kept: { anthropic } };
    },
    open() {
      const { anthropic } = settings.get().tunnel;
      if (!anthropic) {
        throw new SallyportError('tunnel_domain_needed', 'tunnel', 'Which tunnel? Its domain is needed.', {
          hint: 'Run `sallyport tunnel use anthropic`.',
        });
      }
      return openAnthropic(
        {
          ...deps,
          routes: () => deps.sharedSlugs().map((slug) => new URL(urlOf(slug)).host),
          registeredAs: account.registeredAs(anthropic.domain),
          onOverridden: keepAlarm,
        },
        anthropic,
      );
    },
    port: () => 443,
    urlOf,
    issuer: () => `https://auth.${settings.get().tunnel.domain}`,
  };
}
