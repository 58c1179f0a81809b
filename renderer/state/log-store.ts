import { asSallyportError, type SallyportError } from '../../electron/shared/errors.ts';
import type { LogRow } from '../../electron/shared/views.ts';
import type { Bridge } from '../bridge.ts';
import { onVisibility } from './visibility.ts';

/** Rows kept for the live view; older ones leave it (never the log) and come back by asking. */
export const keptRows = 2_000;
/** Most rows after asking for older ones again and again. */
const mostRows = 10_000;
const pageSize = 500;
/** Updates reach components at most this often, in milliseconds: a burst of rows is one redraw. */
const flushEvery = 50;

/** What the Requests page shows. Rows are in the order of the log, oldest first. */
export interface LogSnapshot {
  readonly rows: readonly LogRow[];
  /** Rows that came too fast or too long ago to be kept in view; all of them are in the log. */
  readonly dropped: number;
  readonly loaded: boolean;
  /** Whether the log holds rows older than the first one here. */
  readonly more: boolean;
  readonly error: SallyportError | undefined;
}

/** The live request log in bounded memory. */
export interface LogStore {
  subscribe(listener: () => void): () => void;
  getSnapshot(): LogSnapshot;
  /** Fetches the page before the first row shown. */
  loadOlder(): Promise<void>;
}

/** Listens to new and changed rows, and fetches the newest page whenever a connection begins. */
export function createLogStore(bridge: Bridge): LogStore {
  const rows = new Map<string, LogRow>();
  let snapshot: LogSnapshot = { rows: [], dropped: 0, loaded: false, more: false, error: undefined };
  let dropped = 0;
  let more = false;
  let keep = keptRows;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listeners = new Set<() => void>();

  const publish = (next: Partial<LogSnapshot>): void => {
    snapshot = { ...snapshot, ...next };
    for (const listener of listeners) listener();
  };
  const flush = (): void => {
    timer = undefined;
    let ordered = [...rows.values()].sort((a, b) => a.seq - b.seq);
    if (ordered.length > keep) {
      const gone = ordered.length - keep;
      for (const row of ordered.slice(0, gone)) rows.delete(row.id);
      ordered = ordered.slice(gone);
      dropped += gone;
      more = true;
    }
    publish({ rows: ordered, dropped, more });
  };
  const schedule = (): void => {
    if (timer === undefined) timer = setTimeout(flush, flushEvery);
  };
  const put = (row: LogRow): void => {
    const known = rows.get(row.id);
    // A call keeps its place: its later events carry higher sequence numbers, but it is one line.
    rows.set(row.id, known ? { ...row, seq: known.seq } : row);
  };

  const listen = (): (() => void) =>
    bridge.subscribe('log', (batch) => {
      for (const row of batch.rows) put(row);
      dropped += batch.dropped;
      schedule();
    });
  let stop: (() => void) | undefined = listen();

  /** @param anew what is kept is out of date: it gives way to what comes */
  const load = async (before?: number, anew = false): Promise<void> => {
    try {
      const page = await bridge.request('log.list', { limit: pageSize, ...(before === undefined ? {} : { before }) });
      if (anew) rows.clear();
      for (const row of page.rows) if (!rows.has(row.id)) put(row);
      more = page.next !== undefined;
      publish({ loaded: true, error: undefined });
      flush();
    } catch (thrown) {
      publish({ loaded: true, error: asSallyportError(thrown) });
    }
  };
  onVisibility((hidden) => {
    if (hidden) {
      stop?.();
      stop = undefined;
    } else if (!stop) {
      stop = listen();
      void load(undefined, true);
    }
  });
  let online = false;
  const onConnection = (): void => {
    const now = bridge.connection().kind === 'online';
    if (now && !online) void load();
    online = now;
  };
  bridge.onConnection(onConnection);
  onConnection();

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    getSnapshot: () => snapshot,
    async loadOlder() {
      keep = Math.min(mostRows, keep + pageSize);
      await load(snapshot.rows[0]?.seq);
    },
  };
}
