import { type Clock, timestamp } from '../../../../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../../../../shared/errors.ts';
import type { Connector, ConnectorStatus } from '../connector.ts';
import { openWebSocketListener, type WebSocketListener, type WebSocketListenerDeps } from './listener.ts';

/** What {@link createExternalConnector} needs. */
export interface ExternalConnectorDeps {
  readonly clock: Clock;
  readonly listen: number;
  readonly onUpgrade?: WebSocketListenerDeps['onUpgrade'];
  readonly isProbe?: WebSocketListenerDeps['isProbe'];
  readonly onTls?: WebSocketListenerDeps['onTls'];
  readonly onListening?: (port: number) => void;
}

const retryMs = 5_000;

/**
 * The listener alone, for a `cloudflared` that the person runs: what the proxy of the Docker stack was. How that
 * `cloudflared` stands cannot be seen from here; it counts as connected once it brought somebody.
 */
export function createExternalConnector(deps: ExternalConnectorDeps): Connector {
  const { clock } = deps;
  const listeners = new Set<() => void>();
  let listener: WebSocketListener | undefined;
  let lastError: SallyportError | undefined;
  let firstAt: string | undefined;
  let started = false;
  let opening: Promise<void> | undefined;
  let cancelRetry = (): void => {};
  const changed = (): void => {
    for (const tell of listeners) tell();
  };
  return {
    start(onConnection) {
      if (started) return;
      started = true;
      const open = (): void => {
        opening = openWebSocketListener({
          port: deps.listen,
          clock,
          label: 'your cloudflared',
          ...(deps.onUpgrade ? { onUpgrade: deps.onUpgrade } : {}),
          ...(deps.isProbe ? { isProbe: deps.isProbe } : {}),
          ...(deps.onTls ? { onTls: deps.onTls } : {}),
          onConnection(stream, peer) {
            if (peer.edge !== 'here' && firstAt === undefined) {
              firstAt = timestamp(clock);
              changed();
            }
            onConnection(stream, peer);
          },
        }).then(
          (opened) => {
            listener = opened;
            lastError = undefined;
            deps.onListening?.(opened.port);
            changed();
          },
          (error: unknown) => {
            lastError = asSallyportError(error, 'tunnel');
            if (started) cancelRetry = clock.schedule(retryMs, open);
            changed();
          },
        );
      };
      open();
    },
    status(): ConnectorStatus {
      if (!started) return { state: 'off', connections: [] };
      if (lastError) return { state: 'trouble', connections: [], error: lastError.toShape() };
      const remarks = listener
        ? [`Waiting at http://127.0.0.1:${listener.port}: give your cloudflared this as --url.`]
        : [];
      if (firstAt === undefined) return { state: 'connecting', connections: [], remarks };
      const connections = [{ edge: 'your cloudflared', transport: 'websocket' as const, since: firstAt }];
      return { state: 'connected', connections, remarks };
    },
    onChange(tell) {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    retryNow() {},
    async stop() {
      if (!started) return;
      started = false;
      cancelRetry();
      await opening;
      await listener?.close();
      listener = undefined;
      changed();
    },
  };
}
