import { randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import { serializeJson } from '../../shared/json-tree.ts';
import type { EventStream } from './event-stream.ts';
import type { Exchange } from './exchange.ts';
import { type Accepts, exchangeReply, type Reply } from './reply.ts';

/**
 * Answers of one session of the legacy era on event streams of their own, which a client whose connection broke goes on with
 * by GET and `Last-Event-ID` (MCP 2025-11-25, Resumability and Redelivery). A stream carries its own request and nothing else.
 */
export interface AnswerStreams {
  /** The way back for one request. Where the client takes no event stream, it is one JSON document. */
  reply(exchange: Exchange, accepts: Accepts): Reply;
  /** Whether that event is one of an answer's that is not forgotten yet. */
  knows(lastEventId: string | undefined): boolean;
  /** Goes on after that event. @param connect opens the connection; its `onEnd` must be called when that is over */
  resume(lastEventId: string, connect: (onEnd: () => void) => EventStream): void;
  /** Forgets all: the session is over. */
  end(): void;
}

interface Answering {
  /** Events sent or to be sent, oldest first. */
  events: { readonly at: number; readonly text: string }[];
  characters: number;
  at: number;
  stream: EventStream | undefined;
  answered: boolean;
  /** The answer where nobody was there to take it, as it may be given now. */
  parked: (() => string) | undefined;
  /** Monotonic; when the answer was there. */
  answeredAt: number;
  /** Told when a connection takes the answer after all. */
  taken: () => void;
}

/** The stream begins after this long without an answer, so that a client whose connection breaks has something to name. */
const beginAfterMs = 250;
/** What a client should wait before it comes back. */
const retryMs = 1_000;
/** How long an answer waits for a client that was told to come back. */
const patienceMs = 30_000;
/** How long an answer that was sent can be asked for again: its connection may have broken on the way. */
const keptMs = 60_000;
/** Streams of one session that are kept after their answer, and the characters of all its streams. */
const maxAnswered = 32;
const maxCharacters = 4 * 1024 * 1024;
/** Events of one stream before its answer. */
const maxEvents = 64;
/** Characters kept in all sessions together. */
const maxInAll = 32 * 1024 * 1024;

/** Characters that all sessions keep for clients that come back. */
export interface AnswerRoom {
  characters: number;
}

/**
 * Makes those of one session.
 * @param primes whether the client knows events without data, which give it an id before anything was sent (2025-11-25)
 */
export function createAnswerStreams(clock: Clock, primes: boolean, room: AnswerRoom): AnswerStreams {
  const streams = new Map<string, Answering>();
  let characters = 0;
  let stopSweep: (() => void) | undefined;

  const grow = (one: Answering, by: number): void => {
    one.characters += by;
    characters += by;
    room.characters += by;
  };
  const drop = (key: string, one: Answering): void => {
    if (!streams.delete(key)) return;
    characters -= one.characters;
    room.characters -= one.characters;
  };
  const full = (): boolean => streams.size > maxAnswered || characters > maxCharacters || room.characters > maxInAll;
  /** Makes room: events of one stream that are too many, then the oldest answers. */
  const trim = (one: Answering): void => {
    while (one.events.length > maxEvents || (!one.answered && one.characters > maxCharacters)) {
      grow(one, -(one.events.shift()?.text.length ?? 0));
    }
    if (!full()) return;
    for (const [key, other] of streams) {
      if (!full()) return;
      if (other.answered) drop(key, other);
    }
  };
  const sweep = (): void => {
    stopSweep = undefined;
    const now = clock.monotonic();
    for (const [key, one] of streams) if (one.answered && now - one.answeredAt >= keptMs) drop(key, one);
    sweepLater();
  };
  const sweepLater = (): void => {
    if (streams.size > 0) stopSweep ??= clock.schedule(keptMs, sweep);
  };

  const add = (one: Answering, text: string): number => {
    one.at += 1;
    one.events.push({ at: one.at, text });
    grow(one, text.length);
    trim(one);
    return one.at;
  };

  const reply: AnswerStreams['reply'] = (exchange, accepts) => {
    if (!accepts.events || exchange.message) return exchangeReply(exchange, accepts, clock);
    const key = randomBytes(6).toString('base64url');
    const own: Answering = {
      events: [],
      characters: 0,
      at: 0,
      stream: undefined,
      answered: false,
      parked: undefined,
      answeredAt: 0,
      taken: () => {},
    };
    const { promise: takenLate, resolve: late } = Promise.withResolvers<boolean>();
    let begun = false;
    let paused = false;
    const begin = (): boolean => {
      if (begun) return true;
      if (exchange.gone.aborted || exchange.answered) return false;
      begun = true;
      stopTimer();
      streams.set(key, own);
      const stream = exchange.stream({}, () => {
        if (own.stream === stream) own.stream = undefined;
      });
      own.stream = stream;
      if (primes) stream.prime(`${key}.0`, retryMs);
      return true;
    };
    const stopTimer = clock.schedule(beginAfterMs, () => void begin());
    exchange.gone.addEventListener('abort', stopTimer, { once: true });
    const push = (text: string): string => `${key}.${add(own, text)}`;
    return {
      gone: exchange.gone,
      notify(message) {
        if (own.answered || !begin()) return;
        const text = serializeJson(message);
        const id = push(text);
        own.stream?.offer(text, id);
      },
      insist(message) {
        if (own.answered || !begin() || !own.stream?.open) return false;
        const text = serializeJson(message);
        own.stream.insist(text, push(text));
        return own.stream?.open ?? false;
      },
      hold: () => void begin(),
      take: () => undefined,
      pause(milliseconds) {
        // Only a client that has an id can come back to it.
        if (!primes || own.answered || !begin() || !own.stream) return;
        paused = true;
        own.stream.retry(milliseconds);
        own.stream.end();
      },
      answer(text, status = 200, headers = {}) {
        if (own.answered) return 0;
        own.answered = true;
        own.answeredAt = clock.monotonic();
        stopTimer();
        if (!begun && status !== 200) {
          late(true);
          return exchange.send(status, text, { 'content-type': 'application/json', ...headers });
        }
        if (!begin()) return 0;
        const { stream } = own;
        sweepLater();
        if (stream?.open) {
          late(true);
          const id = push(text);
          const sent = stream.send(text, id);
          stream.end();
          return sent;
        }
        own.parked = () => text;
        grow(own, text.length);
        trim(own);
        own.taken = () => late(true);
        // Nobody broke anything off where it was us who ended the connection: the client was told to come back.
        if (!paused) return 0;
        clock.schedule(patienceMs, () => late(false));
        return Buffer.byteLength(text);
      },
      delivered: () => takenLate,
      undelivered(claim) {
        if (own.parked) own.parked = claim;
      },
    };
  };

  const find = (lastEventId: string | undefined): { readonly one: Answering; readonly after: number } | undefined => {
    const [, key, after] = /^([A-Za-z0-9_-]{8})\.([0-9]{1,15})$/.exec(lastEventId ?? '') ?? [];
    const one = key === undefined ? undefined : streams.get(key);
    return one && Number(after) <= one.at ? { one, after: Number(after) } : undefined;
  };

  return {
    reply,
    knows: (lastEventId) => find(lastEventId) !== undefined,
    resume(lastEventId, connect) {
      const found = find(lastEventId);
      if (!found) return;
      const { one, after } = found;
      const [key] = lastEventId.split('.');
      const before = one.stream;
      const stream = connect(() => {
        if (one.stream === stream) one.stream = undefined;
      });
      one.stream = stream;
      // A client that comes back has lost the connection before, whose end may not have come through yet.
      before?.end();
      for (const event of one.events) if (event.at > after) stream.send(event.text, `${key}.${event.at}`);
      const { parked } = one;
      if (parked) {
        one.parked = undefined;
        const text = parked();
        stream.send(text, `${key}.${add(one, text)}`);
        one.taken();
      }
      if (one.answered) stream.end();
    },
    end() {
      stopSweep?.();
      for (const [key, one] of [...streams]) {
        one.stream?.end();
        drop(key, one);
      }
    },
  };
}
