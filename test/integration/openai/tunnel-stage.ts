import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { MessageConnector } from '../../../electron/core/tunnel/connectors/message-connector.ts';
import { type Network, readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import type { OpenAiAccess } from '../../../electron/core/tunnel/connectors/openai-command.ts';
import { createOpenAiConnector } from '../../../electron/core/tunnel/connectors/openai-connector.ts';
import { type CommandJournal, openCommandJournal } from '../../../electron/core/tunnel/connectors/openai-journal.ts';
import { type ControlPlane, openControlPlane } from '../../fixtures/openai-control-plane/control-plane.ts';
import { openStage, type Stage, type StageOptions } from '../gateway/stage.ts';

/** The connector between the strict stand-in and the gateway with its real neighbours. */
export interface TunnelStage {
  readonly stage: Stage;
  readonly plane: ControlPlane;
  readonly connector: MessageConnector;
  readonly notes: string[];
  /** Ends the connector at once, as a crash would, and starts another on the same files. */
  restart(): Promise<void>;
  /** Resolves when the connector's status fits. */
  until(fits: (state: string) => boolean): Promise<void>;
  /** From now on nothing can be noted on the disk. */
  breakJournal(): void;
  close(): Promise<void>;
}

export async function openTunnelStage(
  options: StageOptions & {
    access?: OpenAiAccess;
    channel?: string;
    hold?: boolean;
    network?: Network;
    /** Where the connector goes instead of straight to the stand-in. */
    baseUrl?: (port: number) => string;
  } = {},
): Promise<TunnelStage> {
  const stage = await openStage(options);
  const plane = await openControlPlane();
  const notes: string[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-commands-'));
  const path = join(folder, 'commands.db');
  let journal: CommandJournal | undefined;
  const openJournal = (): CommandJournal => {
    journal = openCommandJournal({ path, tunnelId: plane.tunnelId, clock: systemClock });
    return { ...journal, close: () => journal?.close() };
  };
  const make = (): MessageConnector =>
    createOpenAiConnector({
      clock: systemClock,
      journal: openJournal(),
      network: options.network ?? readNetwork({}),
      version: '0.0.0',
      account: {
        baseUrl: options.baseUrl?.(Number(new URL(plane.baseUrl).port)) ?? plane.baseUrl,
        tunnelId: plane.tunnelId,
        key: plane.key,
        instanceId: 'instance-1',
      },
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
  let connector = make();
  if (!options.hold) connector.start();
  return {
    stage,
    plane,
    get connector() {
      return connector;
    },
    notes,
    async restart() {
      await connector.stop(0);
      connector = make();
      const polled = plane.nextPoll();
      connector.start();
      await polled;
    },
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
    breakJournal() {
      journal?.close();
      journal = undefined;
    },
    async close() {
      await connector.stop(200);
      await plane.close();
      await stage.close();
      await rm(folder, { recursive: true, force: true });
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
