import { EventEmitter } from 'node:events';
import { serialize } from 'node:v8';
import type { IpcMain, IpcMainInvokeEvent } from 'electron';
import { strict } from './strict.ts';

type Handler = Parameters<IpcMain['handle']>[1];

const handlers = new Map<string, Handler>();

export class DoubleIpcMain extends EventEmitter implements Pick<IpcMain, 'handle'> {
  handle(channel: string, handler: Handler): void {
    if (handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
    handlers.set(channel, handler);
  }
}

/** `electron.ipcMain`. */
export const ipcMain = strict('ipcMain', new DoubleIpcMain());

/** Names of the channels that have a handler. */
export function channels(): string[] {
  return [...handlers.keys()].sort();
}

/** Runs a channel's handler as Electron would for a message of that sender. */
export async function answerInvoke(
  channel: string,
  event: object,
  args: readonly unknown[],
): Promise<{ ok: boolean; value: unknown }> {
  const handler = handlers.get(channel);
  if (!handler) return { ok: false, value: `Error invoking remote method '${channel}': no handler registered` };
  try {
    const value: unknown = await handler(event as IpcMainInvokeEvent, ...args);
    serialize(value); // what cannot be cloned throws, as in Electron
    return { ok: true, value };
  } catch (error) {
    return { ok: false, value: `Error invoking remote method '${channel}': ${String(error)}` };
  }
}
