import type { Http2Session } from 'node:http2';
import type { Clock } from '../../../shared/clock.ts';
import { pingIntervalMs, pingTimeoutMs } from './protocol.ts';

/** When to ask and how long to wait, in milliseconds. */
export interface LivenessOptions {
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly clock: Clock;
  /** Called with each measured round trip in milliseconds. */
  readonly onRoundTrip?: (milliseconds: number) => void;
  /** Called when an answer did not come in time; must destroy the session and its socket. */
  readonly onDead: () => void;
}

/**
 * Asks the peer by HTTP/2 PING whether it is still there. Needed because a PING never fails by itself and TCP notices a
 * peer that went away only after minutes (measured: a stopped process leaves the callback unanswered for ever).
 * The session's close ends it.
 * @returns a function that asks at once (after sleep, after a change of network) instead of at the next interval
 */
export function watchLiveness(session: Http2Session, options: LivenessOptions): () => void {
  const { clock } = options;
  const intervalMs = options.intervalMs ?? pingIntervalMs;
  const timeoutMs = options.timeoutMs ?? pingTimeoutMs;
  let cancel: () => void = () => undefined;
  let ended = false;
  const stop = (): void => {
    ended = true;
    cancel();
  };
  const dead = (): void => {
    stop();
    options.onDead();
  };
  let asking = false;
  const ask = (): void => {
    if (ended || asking || session.destroyed) return;
    asking = true;
    cancel();
    const sentAt = clock.monotonic();
    cancel = clock.schedule(timeoutMs, dead);
    // `false` or an error here means that the session is going; its 'close' tells the rest.
    session.ping((error) => {
      asking = false;
      if (ended || error) return;
      cancel();
      options.onRoundTrip?.(clock.monotonic() - sentAt);
      cancel = clock.schedule(intervalMs, ask);
    });
  };
  session.once('close', stop);
  ask();
  return ask;
}
