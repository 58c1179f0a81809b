import type { Clock } from '../../../shared/clock.ts';
import { type ControlPlane, type Exchanged, errorCodeOf } from './openai-control-plane.ts';
import { retryDelay } from './openai-retry.ts';

/**
 * What became of a POST of an answer. `gone` = the service does not wait for it any more; `unclear` = it may have arrived;
 * `refused` = it has not, and will not.
 */
export type Delivered = 'delivered' | 'gone' | 'unclear' | 'refused' | 'too-large' | 'key-refused';

/** One answer on its way. */
export interface Delivery {
  readonly shardToken: string;
  readonly body: Buffer;
  /** The last word on a command; a notification is repeated only where it cannot have arrived. */
  readonly terminal: boolean;
  /** Aborted when the command's time is over. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds after which no attempt begins. */
  readonly until: number;
}

/** What deliveries need. */
export interface DeliveryDeps {
  readonly clock: Clock;
  readonly controlPlane: ControlPlane;
  readonly random: () => number;
}

const attemptMs = 10_000;
const maxAttempts = 12;
const repeatable: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
/** With these the service says that it took nothing. */
const untouched: ReadonlySet<number> = new Set([429, 503]);

/** Posts an answer, the same bytes and headers each time (protocol.md, Errors, retries, and concurrency). Never rejects. */
export async function deliver(delivery: Delivery, deps: DeliveryDeps): Promise<Delivered> {
  const { signal, terminal, until } = delivery;
  const { clock, random } = deps;
  const send = deps.controlPlane.response(delivery.shardToken, delivery.body);
  let unclear = false;
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const left = until - clock.monotonic();
    if (signal.aborted || left <= 0) break;
    const exchanged = await send({ timeoutMs: Math.min(attemptMs, left), signal });
    const ended = verdict(exchanged, unclear);
    if (ended !== 'again') return ended;
    const written = exchanged.kind === 'failed' ? exchanged.written : !untouched.has(exchanged.status);
    unclear ||= written;
    const mayRepeat = terminal || (exchanged.kind === 'failed' ? !exchanged.written : exchanged.status === 429);
    if (!mayRepeat) break;
    const wait = retryDelay(attempt, random, exchanged.kind === 'answered' ? exchanged.retryAfterMs : undefined);
    if (clock.monotonic() + wait >= until || !(await pause(clock, wait, signal))) break;
  }
  return unclear ? 'unclear' : 'refused';
}

function verdict(exchanged: Exchanged, unclear: boolean): Delivered | 'again' {
  if (exchanged.kind === 'failed') return 'again';
  const { status } = exchanged;
  if (status >= 200 && status < 300) return 'delivered';
  // After an attempt whose answer was lost, "not pending" most likely means that it arrived.
  if (status === 404) return unclear ? 'delivered' : 'gone';
  // The command is not of this tunnel: that says nothing about the key.
  if (status === 401 && errorCodeOf(exchanged.body) === 'tunnel_request_mismatch') return 'gone';
  if (status === 401 || status === 403) return 'key-refused';
  if (status === 413) return 'too-large';
  return repeatable.has(status) ? 'again' : 'refused';
}

/** Waits. @returns false if `signal` ended the wait */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const finish = (whole: boolean): void => {
      stopTimer();
      signal.removeEventListener('abort', aborted);
      resolve(whole);
    };
    const aborted = (): void => finish(false);
    const stopTimer = clock.schedule(milliseconds, () => finish(true));
    signal.addEventListener('abort', aborted, { once: true });
  });
}
