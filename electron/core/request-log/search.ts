import { Worker } from 'node:worker_threads';
import * as z from 'zod';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import { errorShape, SallyportError } from '../../shared/errors.ts';
import type { LogDetail } from '../../shared/views.ts';

/** What the thread is asked. */
export type SearchQuestion =
  | { readonly id: number; readonly kind: 'list'; readonly query: RequestInput<'log.list'> }
  | { readonly id: number; readonly kind: 'show'; readonly row: string }
  | { readonly id: number; readonly kind: 'catchUp' };

const answerShape = z.object({ id: z.number(), value: z.unknown(), error: errorShape.optional() });

/** Looks things up in the log away from the road of calls. */
export interface LogSearch {
  list(query: RequestInput<'log.list'>): Promise<RequestOutput<'log.list'>>;
  /** @throws SallyportError `log_row_not_found` */
  show(row: string): Promise<LogDetail>;
  /** An event was stored. The index follows after some of them. */
  stored(): void;
  /** Resolves when the thread is gone. */
  close(): Promise<void>;
}

/** Events that are stored before the index follows by itself. A search takes in what is left first. */
const followEvery = 500;

/**
 * Makes the search: a thread with connections of its own, begun at the first need, that keeps the index and answers from it.
 * @throws SallyportError `log_unreadable` from `list` and `show`
 */
export function createLogSearch(path: string): LogSearch {
  let worker: Worker | undefined;
  let waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  let count = 0;
  let fresh = 0;

  const begin = (): Worker => {
    const started = new Worker(new URL('./log-search-worker.ts', import.meta.url), { workerData: { path } });
    // It must not keep the app from ending.
    started.unref();
    const gone = (error: unknown): void => {
      if (worker === started) worker = undefined;
      const why = error instanceof Error ? error.message : String(error);
      for (const { reject } of waiting.values()) {
        reject(new SallyportError('log_unreadable', 'app', `The log could not be searched: ${why}.`, { cause: error }));
      }
      waiting = new Map();
    };
    started.on('message', (message: unknown) => {
      const { id, value, error } = answerShape.parse(message);
      const asked = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) started.unref();
      if (error)
        asked?.reject(new SallyportError(error.code, error.hop, error.message, error.hint ? { hint: error.hint } : {}));
      else asked?.resolve(value);
    });
    started.once('error', gone);
    started.once('exit', () => gone(new Error('its thread ended')));
    return started;
  };
  const post = (question: SearchQuestion): void => {
    worker ??= begin();
    worker.postMessage(question);
  };
  const ask = (make: (id: number) => SearchQuestion): Promise<unknown> =>
    new Promise((resolve, reject) => {
      count += 1;
      waiting.set(count, { resolve, reject });
      post(make(count));
      worker?.ref();
    });

  return {
    // What comes from our own thread is what the type says; the dispatcher parses it once more.
    list: async (query) => (await ask((id) => ({ id, kind: 'list', query }))) as RequestOutput<'log.list'>,
    show: async (row) => (await ask((id) => ({ id, kind: 'show', row }))) as LogDetail,
    stored() {
      fresh += 1;
      if (fresh < followEvery) return;
      fresh = 0;
      post({ id: 0, kind: 'catchUp' });
    },
    async close() {
      const ending = worker;
      worker = undefined;
      for (const { reject } of waiting.values()) {
        reject(new SallyportError('log_unreadable', 'app', 'The log was closed while it was searched.'));
      }
      waiting.clear();
      await ending?.terminate();
    },
  };
}
