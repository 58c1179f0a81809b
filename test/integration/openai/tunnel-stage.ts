import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { MessageConnector } from '../../../electron/core/tunnel/connectors/message-connector.ts';
import type { OpenAiAccess } from '../../../electron/core/tunnel/connectors/openai-command.ts';
import { createOpenAiConnector } from '../../../electron/core/tunnel/connectors/openai-connector.ts';
import { type ControlPlane, openControlPlane } from '../../fixtures/openai-control-plane/control-plane.ts';
import { openStage, type Stage, type StageOptions } from '../gateway/stage.ts';

/** The connector between the strict stand-in and the gateway with its real neighbours. */
export interface TunnelStage {
  readonly stage: Stage;
  readonly plane: ControlPlane;
  readonly connector: MessageConnector;
  readonly notes: string[];
  /** Resolves when the connector's status fits. */
  until(fits: (state: string) => boolean): Promise<void>;
  close(): Promise<void>;
}

export async function openTunnelStage(
  options: StageOptions & { access?: OpenAiAccess; channel?: string; hold?: boolean } = {},
): Promise<TunnelStage> {
  const stage = await openStage(options);
  const plane = await openControlPlane();
  const notes: string[] = [];
  const connector = createOpenAiConnector({
    clock: systemClock,
    version: '0.0.0',
    account: { baseUrl: plane.baseUrl, tunnelId: plane.tunnelId, key: plane.key, instanceId: 'instance-1' },
    access: options.access ?? 'tunnel',
    entrance: {
      channels: () =>
        ['main', options.channel ?? 'notes'].map((name) => ({
          name,
          route: { record: stage.record, resource: stage.url.href },
        })),
      metadata: (resource) => stage.resourceServer.metadata(resource),
      receive: (message) => stage.gateway.receive(message),
    },
    onNote: (message) => notes.push(message),
  });
  if (!options.hold) connector.start();
  return {
    stage,
    plane,
    connector,
    notes,
    until: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!fits(connector.status().state)) return;
          stop();
          resolve();
        };
        const stop = connector.onChange(look);
        look();
      }),
    async close() {
      await connector.stop(200);
      await plane.close();
      await stage.close();
    },
  };
}

/** A request of the modern era, whose envelope travels in the body. */
export function modern(id: number | string, method: string, params: object = {}): object {
  return {
    jsonrpc: '2.0',
    id,
    method,
    params: {
      ...params,
      _meta: {
        ...('_meta' in params ? (params._meta as object) : {}),
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  };
}

/** Calls a tool in the modern era. */
export function modernCall(id: number | string, name: string, args: object = {}, meta: object = {}): object {
  return modern(id, 'tools/call', { name, arguments: args, _meta: meta });
}
