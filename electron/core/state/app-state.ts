import type { AppState } from '../../shared/contract.ts';

/** The one immutable state that fronts see, made anew when a station says that it changed. */
export interface AppStateStore {
  /** The state as of now: what changed since the last flush is in it. */
  get(): AppState;
  /**
   * Notes that something changed; listeners hear of it once: after the current turn of the event loop, or 50 ms after they heard last.
   */
  touch(): void;
  onChange(listener: (state: AppState) => void): () => void;
  close(): void;
}

/**
 * Makes the store. @param collect reads all stations and builds the state; it gets the state before, for what is kept
 * (`status.since`).
 * @param leastBetweenFlushesMs milliseconds. Making the state costs more than judging a call does, so a busy agent must not have it made at
 * every row of the log; nobody sees the difference between twenty pictures a second and two hundred
 */
export function createAppState(
  collect: (previous: AppState | undefined) => AppState,
  leastBetweenFlushesMs = 50,
): AppStateStore {
  const listeners = new Set<(state: AppState) => void>();
  let state: AppState | undefined;
  let dirty = true;
  let stopFlush: (() => void) | undefined;
  let flushedAt = Number.NEGATIVE_INFINITY;
  let closed = false;
  const get = (): AppState => {
    if (dirty || state === undefined) {
      dirty = false;
      state = collect(state);
    }
    return state;
  };
  const flush = (): void => {
    stopFlush = undefined;
    flushedAt = performance.now();
    const current = get();
    for (const listener of listeners) listener(current);
  };
  return {
    get,
    touch() {
      // Stations close one after the other and say so; nothing may be read of those that are gone.
      if (closed) return;
      dirty = true;
      stopFlush ??= soon(flush, flushedAt + leastBetweenFlushesMs - performance.now());
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      stopFlush?.();
      listeners.clear();
    },
  };
}

/** Runs `run` after the current turn of the event loop, or after `ms` if that is later. @returns what calls it off */
function soon(run: () => void, ms: number): () => void {
  if (ms <= 0) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  }
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
