import type { GatewayMessage } from '../../gateway/message-exchange.ts';
import type { SharedRoute } from '../../gateway/routes.ts';
import type { ConnectorStatus } from './connector.ts';

/**
 * A message-level way in: whoever runs it reads every message and answer, so its type is not that of a {@link Connector},
 * which carries bytes that the middle cannot read. What it brings enters at the gateway (`design.md` §2, Connector).
 */
export interface MessageConnector {
  readonly level: 'message';
  /** Starts to fetch; resolves at once. */
  start(): void;
  status(): ConnectorStatus;
  /** Resolves when the service first answered that there is work or none. @throws SallyportError why it does not */
  proven(): Promise<void>;
  /** Calls `listener` after each change of {@link status}; the function returned ends that. */
  onChange(listener: () => void): () => void;
  /** Asks again at once instead of waiting (wake from sleep, network change). */
  retryNow(): void;
  /** Fetches nothing more; what runs gets up to `graceMs` (default 5 000), then its answers are given up. */
  stop(graceMs?: number): Promise<void>;
}

/** Where a message-level connector leads to: one channel for each shared server. */
export interface MessageChannel {
  /** `[a-z0-9_-]{1,64}`; `main` is the server that the person chose. */
  readonly name: string;
  readonly route: SharedRoute;
}

/** What a message-level connector needs of the app. */
export interface MessageEntrance {
  /** Shared servers by channel; asked anew for each message, so that a switch shows at once. */
  channels(): readonly MessageChannel[];
  /** Protected-resource metadata (RFC 9728) of one shared server. */
  metadata(resource: string): Readonly<Record<string, unknown>>;
  /** Takes a message into the gateway. */
  receive(message: GatewayMessage): void;
}
