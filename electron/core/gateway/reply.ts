import type { Clock } from '../../shared/clock.ts';
import { type JsonObject, serializeJson } from '../../shared/json-tree.ts';
import type { EventStream } from './event-stream.ts';
import type { Exchange } from './exchange.ts';

/** The way back for one JSON-RPC request. */
export interface Reply {
  /** Aborted when the client is not there any more. */
  readonly gone: AbortSignal;
  /** Sends something that belongs to the request; left out where the client takes no event stream. */
  notify(message: JsonObject): void;
  /**
   * Sends something that must arrive, as a request to the client must.
   * @returns false where the client takes no event stream, or the stream is over
   */
  insist(message: JsonObject): boolean;
  /** Holds the way back open with keep-alive comments, where the client takes an event stream. */
  hold(): void;
  /**
   * Takes the way back over as a stream without end of its own; nothing can be answered through this reply then.
   * @returns `undefined` where the client takes no event stream
   */
  take(onEnd: () => void): EventStream | undefined;
  /** Sends the answer, once. Status and headers count only while no event stream has begun. @returns bytes sent */
  answer(text: string, status?: number, headers?: Readonly<Record<string, string>>): number;
  /** Resolves with whether the answer got through, where that is known only later. */
  readonly delivered?: () => Promise<boolean>;
  /**
   * The server broke its stream off, to go on later: so does the way back, where the client can come back to it.
   * @param retryMs when the server wants to be asked again
   */
  pause?(retryMs: number): void;
  /** The answer did not get through. @param claim gives what a client that comes back may have in its place */
  undelivered?(claim: () => string): void;
}

/** After this long without an answer, a client that takes event streams gets one, so that no middle gives up. */
const holdAfterMs = 2_000;

/** What a client takes, from its `Accept` header. */
export interface Accepts {
  readonly json: boolean;
  readonly events: boolean;
}

/** Reads `Accept`; absent means anything, and only an explicit `text/event-stream` gets one. */
export function readAccepts(header: string | undefined): Accepts {
  if (header === undefined || header.trim() === '') return { json: true, events: false };
  const types = header.split(',').map((part) => part.split(';')[0]?.trim().toLowerCase());
  return {
    json: types.some((type) => type === 'application/json' || type === '*/*' || type === 'application/*'),
    events: types.includes('text/event-stream'),
  };
}

/** The way back over one HTTP exchange: JSON, or an event stream as soon as one is needed. */
export function exchangeReply(
  exchange: Exchange,
  accepts: Accepts,
  clock: Clock,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  if (exchange.message) return exchange.message.reply(headers);
  let stream: EventStream | undefined;
  let over = false;
  const events = (): EventStream | undefined => {
    if (over || !accepts.events || exchange.gone.aborted || (!stream && exchange.answered)) return undefined;
    stopTimer();
    stream ??= exchange.stream(headers);
    return stream;
  };
  const stopTimer = clock.schedule(holdAfterMs, () => events());
  exchange.gone.addEventListener('abort', stopTimer, { once: true });
  return {
    gone: exchange.gone,
    notify(message) {
      events()?.offer(serializeJson(message));
    },
    insist(message) {
      const open = events();
      open?.insist(serializeJson(message));
      return open?.open ?? false;
    },
    hold() {
      events();
    },
    take(onEnd) {
      if (over || stream || !accepts.events || exchange.gone.aborted) return undefined;
      over = true;
      stopTimer();
      return exchange.stream(headers, onEnd);
    },
    answer(text, status = 200, more = {}) {
      if (over) return 0;
      if (!accepts.json) events();
      over = true;
      stopTimer();
      if (!stream) return exchange.send(status, text, { 'content-type': 'application/json', ...headers, ...more });
      const sent = stream.send(text);
      stream.end();
      return sent;
    },
  };
}

/** Ways back for the elements of one batch: their answers leave together, as one array, when the last one is there. */
export function batchReplies(count: number, gone: AbortSignal, send: (text: string) => void): readonly Reply[] {
  const answers: string[] = [];
  return Array.from({ length: count }, () => {
    let over = false;
    return {
      gone,
      notify() {},
      insist: () => false,
      hold() {},
      take: () => undefined,
      answer(text: string) {
        if (over) return 0;
        over = true;
        answers.push(text);
        if (answers.length === count) send(`[${answers.join(',')}]`);
        return Buffer.byteLength(text);
      },
    };
  });
}
