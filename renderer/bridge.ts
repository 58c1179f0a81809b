import * as z from 'zod';
import type {
  ContractClient,
  EventName,
  EventPayload,
  RequestInput,
  RequestName,
  RequestOutput,
} from '../electron/shared/contract.ts';
import { errorShape, SallyportError } from '../electron/shared/errors.ts';
import { createWebSocketBridge, takeKey } from './websocket-bridge.ts';

/** How the window stands to the core. */
export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online' }
  | { readonly kind: 'offline'; readonly since: number; readonly retryAt: number }
  | { readonly kind: 'no-key'; readonly reason: 'missing' | 'refused' };

/** The contract's client together with the state of its connection: all that the renderer knows of the outside. */
export interface Bridge extends ContractClient {
  /** `app` = inside Electron's window, `browser` = the page that `sallyport run` serves. */
  readonly front: 'app' | 'browser';
  connection(): Connection;
  /** Called on every change of {@link Bridge.connection}. */
  onConnection(listener: () => void): () => void;
  /** Dials again at once instead of waiting for the next try. */
  retry(): void;
}

/**
 * What the preload script exposes as `window.sallyport`. Electron keeps only the message of an error that crosses
 * worlds, so answers and failures come as values, like the frames of the other fronts.
 */
export interface PreloadApi {
  request(name: string, input: unknown): Promise<unknown>;
  /** Answers the function that ends the subscription. */
  subscribe(topic: string, listener: (payload: unknown) => void): () => void;
}

declare global {
  interface Window {
    readonly sallyport?: PreloadApi;
  }
}

const envelope = z.union([
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), error: errorShape }),
]);

/** The bridge for this window: the preload's where there is one, else a WebSocket to where the page came from. */
export function createBridge(): Bridge {
  if (window.sallyport) return createPreloadBridge(window.sallyport);
  const key = takeKey();
  return createWebSocketBridge({ url: contractUrl(), key });
}

function contractUrl(): string {
  const url = new URL('/contract', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return url.href;
}

function createPreloadBridge(api: PreloadApi): Bridge {
  return {
    front: 'app',
    connection: () => ({ kind: 'online' }),
    onConnection: () => () => undefined,
    retry: () => undefined,
    async request<Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>> {
      const answer = envelope.safeParse(await api.request(name, input));
      if (!answer.success) throw new SallyportError('bad_answer', 'app', `The app gave no readable answer to ${name}.`);
      if (!answer.data.ok) throw SallyportError.fromShape(answer.data.error);
      return answer.data.value as RequestOutput<Name>;
    },
    subscribe<Name extends EventName>(topic: Name, listener: (payload: EventPayload<Name>) => void): () => void {
      return api.subscribe(topic, (payload) => listener(payload as EventPayload<Name>));
    },
  };
}
