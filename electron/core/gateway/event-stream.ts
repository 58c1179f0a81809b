import type { Clock } from '../../shared/clock.ts';

/** Where an event stream's bytes go. */
export interface EventSink {
  write(chunk: string): void;
  end(): void;
  /** Bytes that were written and have not left this process. */
  buffered(): number;
}

/** A `text/event-stream` answer (WHATWG HTML, Server-sent events), one JSON-RPC message an event. */
export interface EventStream {
  readonly open: boolean;
  /**
   * Sends one message, already serialized on one line. @param id of the event, where the client may come back to it
   * @returns bytes written; 0 if the stream is over
   */
  send(text: string, id?: string): number;
  /** Sends an event without data, which only gives the client an id to come back to, and after how long. */
  prime(id: string, retryMs?: number): void;
  /** Says after how long the client should come back. */
  retry(milliseconds: number): void;
  /** Sends one message that may be lost: left out while the reader is too slow. */
  offer(text: string, id?: string): void;
  /** Sends one message that must arrive: a reader too slow for it loses the stream instead, and starts anew. */
  insist(text: string, id?: string): void;
  end(): void;
}

const keepAliveMs = 15_000;
const lossyLimit = 256 * 1024;

/**
 * Starts an event stream with keep-alive comments every 15 s, which middles need to keep a silent stream.
 * @param onEnd called once when it is over, whoever ended it
 */
export function createEventStream(sink: EventSink, clock: Clock, onEnd: () => void = () => {}): EventStream {
  let open = true;
  let stopTimer: () => void = () => {};
  const keepAlive = (): void => {
    stopTimer = clock.schedule(keepAliveMs, () => {
      if (!open) return;
      if (sink.buffered() < lossyLimit) sink.write(': keep-alive\n\n');
      keepAlive();
    });
  };
  const end = (): void => {
    if (!open) return;
    open = false;
    stopTimer();
    sink.end();
    onEnd();
  };
  const write = (text: string, id?: string): number => {
    if (!open) return 0;
    const event = `${id === undefined ? '' : `id: ${id}\n`}event: message\ndata: ${text}\n\n`;
    sink.write(event);
    return Buffer.byteLength(event);
  };
  keepAlive();
  return {
    get open() {
      return open;
    },
    send: write,
    offer(text, id) {
      if (sink.buffered() < lossyLimit) write(text, id);
    },
    prime(id, retryMs) {
      if (open) sink.write(`id: ${id}\n${retryMs === undefined ? '' : `retry: ${retryMs}\n`}data:\n\n`);
    },
    retry(milliseconds) {
      if (open) sink.write(`retry: ${milliseconds}\n\n`);
    },
    insist(text, id) {
      if (sink.buffered() < lossyLimit) write(text, id);
      else end();
    },
    end,
  };
}
