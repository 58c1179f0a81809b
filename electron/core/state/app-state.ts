import type { AppState } from '../../shared/contract.ts';

/** The one immutable state that fronts see, made anew when a station says that it changed. */
export interface AppStateStore {
  /** The state as of now: what changed since the last flush is in it. */
  get(): AppState;
  /** Notes that something changed; listeners hear of it once, after the current turn of the event loop. */
  touch(): void;
  onChange(listener: (state: AppState) => void): () => void;
  close(): void;
}

/**
 * Makes the store. @param collect reads all stations and builds the state; it gets the state before, for what is kept
 * (`status.since`)
 */
export function createAppState(collect: (previous: AppState | undefined) => AppState): AppStateStore {
  const listeners = new Set<(state: AppState) => void>();
  let state: AppState | undefined;
  let dirty = true;
  let flushing: NodeJS.Immediate | undefined;
  let closed = false;
  const get = (): AppState => {
    if (dirty || state === undefined) {
      dirty = false;
      state = collect(state);
    }
    return state;
  };
  return {
    get,
    touch() {
      // Stations close one after the other and say so; nothing may be read of those that are gone.
      if (closed) return;
      dirty = true;
      flushing ??= setImmediate(() => {
        flushing = undefined;
        const current = get();
        for (const listener of listeners) listener(current);
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      if (flushing) clearImmediate(flushing);
      flushing = undefined;
      listeners.clear();
    },
  };
}
