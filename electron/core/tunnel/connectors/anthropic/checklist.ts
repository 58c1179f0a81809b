import type { TunnelView } from '../../../../shared/views.ts';
import type { ConnectorStatus } from '../connector.ts';

/** What was seen so far of a tunnel of Anthropic's. */
export interface Seen {
  /** Server name of the first TLS hand-shake from outside that succeeded; `''` without one. */
  securedAs?: string;
  /** Newest hand-shake from outside that failed, in the words of the log. */
  refusedBecause?: string;
  /** `tcrt_…` under which Anthropic's API said that the authority is registered. */
  registeredAs?: string;
  /** A request from outside reached a route. */
  requested?: boolean;
}

/**
 * The steps of setting up Anthropic's tunnel, each with what can be verified from here. That the authority is registered is
 * known once somebody outside finished TLS with us: TLS clients finish only after they have checked the certificate.
 */
export function anthropicChecklist(
  domain: string,
  status: ConnectorStatus,
  seen: Seen,
  shared: readonly string[],
): NonNullable<TunnelView['checklist']> {
  const registered = seen.securedAs !== undefined;
  const connected = status.connections.length;
  return [
    { step: 'tunnel', state: 'done', detail: `${domain}, its token is stored` },
    registered
      ? { step: 'authority', state: 'done', detail: 'Anthropic trusts the authority of this machine' }
      : seen.refusedBecause !== undefined
        ? { step: 'authority', state: 'failed', detail: seen.refusedBecause }
        : seen.registeredAs !== undefined
          ? {
              step: 'authority',
              state: 'done',
              detail: `Registered by the API as ${seen.registeredAs}; the first connection proves it`,
            }
          : {
              step: 'authority',
              state: 'unproven',
              detail:
                'Register the certificate of `sallyport tunnel ca` with the tunnel; until then no agent is offered it. Proven by the first connection',
            },
    connected > 0
      ? {
          step: 'connector',
          state: 'done',
          detail: `${connected} connections: ${status.connections.map(({ edge }) => edge).join(', ')}`,
        }
      : {
          step: 'connector',
          state: status.state === 'trouble' ? 'failed' : 'open',
          detail: status.error?.message ?? 'not connected yet',
        },
    shared.length > 0
      ? { step: 'servers', state: 'done', detail: shared.join(', ') }
      : { step: 'servers', state: 'open', detail: 'Share a server: its address is one label below the domain' },
    seen.requested
      ? { step: 'first-call', state: 'done', detail: 'A request from outside came through' }
      : { step: 'first-call', state: 'unproven', detail: 'Nothing came from outside yet' },
  ];
}
