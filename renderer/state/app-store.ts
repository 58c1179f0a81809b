import type { AppState, EventPayload } from '../../electron/shared/contract.ts';
import type { Bridge, Connection } from '../bridge.ts';
import { onVisibility } from './visibility.ts';

/** What components see of the core's state. `state` stays the last known one while offline. */
export interface AppSnapshot {
  readonly connection: Connection;
  readonly state: AppState | undefined;
}

/** Keeps the newest {@link AppState} from snapshots and patches, in the form that `useSyncExternalStore` takes. */
export interface AppStore {
  subscribe(listener: () => void): () => void;
  getSnapshot(): AppSnapshot;
}

/** Starts to listen; a gap between revisions means that a patch was lost, so the topic is subscribed to again. */
export function createAppStore(bridge: Bridge): AppStore {
  let snapshot: AppSnapshot = { connection: bridge.connection(), state: undefined };
  let rev: number | undefined;
  let stop: (() => void) | undefined;
  const listeners = new Set<() => void>();
  const set = (next: Partial<AppSnapshot>): void => {
    snapshot = { ...snapshot, ...next };
    for (const listener of listeners) listener();
  };
  const receive = (payload: EventPayload<'state'>): void => {
    if ('state' in payload) {
      rev = payload.rev;
      set({ state: payload.state });
      return;
    }
    if (rev === undefined || !snapshot.state || payload.rev <= rev) return;
    if (payload.rev !== rev + 1) {
      rev = undefined;
      listen();
      return;
    }
    rev = payload.rev;
    set({ state: { ...snapshot.state, ...payload.patch } });
  };
  const listen = (): void => {
    stop?.();
    stop = bridge.subscribe('state', receive);
  };
  bridge.onConnection(() => {
    if (bridge.connection().kind !== 'online') rev = undefined;
    set({ connection: bridge.connection() });
  });
  listen();
  // A tab's title says what waits, so a browser page goes on listening; in the app the tray says it.
  if (bridge.front === 'app') {
    onVisibility((hidden) => {
      if (!hidden) listen();
      else {
        stop?.();
        stop = undefined;
        rev = undefined;
      }
    });
  }
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    getSnapshot: () => snapshot,
  };
}
