import { randomBytes } from 'node:crypto';
import type { EventStream } from './event-stream.ts';

/**
 * What goes out on a session's GET stream. Each event has an id, and the last ones are kept, so that a client whose
 * connection broke gets what it missed (MCP 2025-11-25, Resumability and Redelivery). Ids are good in this stream alone.
 */
export interface ResumableStream {
  /** Whether a connection is there that takes events. */
  readonly open: boolean;
  /** Sends one message, or keeps it for a client that comes back. */
  insist(text: string): void;
  /**
   * Takes a new connection; the one before ends.
   * @param lastEventId what the client got last, where it says so
   * @param primes whether the client knows events without data, which give it an id before anything was sent
   * @returns whether it goes on where the client was
   */
  attach(stream: EventStream, lastEventId: string | undefined, primes: boolean): boolean;
  /** The connection is over; a client may come back. */
  detach(stream: EventStream): void;
  /** Ends it for good. */
  end(): void;
}

/** Events kept, and their characters together: a client that was away for longer starts anew. */
const maxKept = 64;
const maxCharacters = 128 * 1024;

/** Makes one. */
export function createResumableStream(): ResumableStream {
  const key = randomBytes(6).toString('base64url');
  const idOf = (at: number): string => `${key}.${at}`;
  let kept: { readonly at: number; readonly text: string }[] = [];
  let characters = 0;
  let at = 0;
  let stream: EventStream | undefined;
  let known = false;

  const keep = (text: string): void => {
    kept.push({ at, text });
    characters += text.length;
    while (kept.length > maxKept || characters > maxCharacters) characters -= kept.shift()?.text.length ?? 0;
  };
  return {
    get open() {
      return stream?.open ?? false;
    },
    insist(text) {
      // A client that never listened has nothing to come back to.
      if (!known) return;
      at += 1;
      keep(text);
      stream?.insist(text, idOf(at));
    },
    attach(next, lastEventId, primes) {
      stream?.end();
      stream = next;
      const [, after] = lastEventId?.startsWith(`${key}.`) ? (/\.([0-9]{1,15})$/.exec(lastEventId) ?? []) : [];
      const resumed = known && after !== undefined && Number(after) <= at;
      known = true;
      if (!resumed) {
        kept = [];
        characters = 0;
      }
      if (primes && !resumed) next.prime(idOf(at));
      for (const event of kept) if (event.at > Number(after)) next.send(event.text, idOf(event.at));
      return resumed;
    },
    detach(one) {
      if (stream === one) stream = undefined;
    },
    end() {
      stream?.end();
      stream = undefined;
    },
  };
}
