import type { Clock } from '../../shared/clock.ts';
import type { SallyportError } from '../../shared/errors.ts';
import { type FailedState, ServerFailure } from './failure.ts';
import type { HttpManner } from './http/http-session.ts';
import type { ServerHealth } from './servers.ts';

/** What is remembered of one server beyond its sessions: failures, the pause before the next start, its era. */
export interface ServerMemory {
  failed(error: SallyportError): void;
  /** A request failed while the session stays (an HTTP server that is not there): shown, nothing is held back. */
  troubled(error: ServerFailure): void;
  /** A start succeeded. */
  started(): void;
  /** A request was answered, or failed without saying anything of the server. */
  answered(): void;
  /** A session that began at `since` (monotonic) ended with that failure. */
  ended(failure: ServerFailure | undefined, since: number): void;
  /** A person stopped it: the next start is not held back. */
  reset(): void;
  /** Milliseconds until the next start may be tried, 0 for at once. */
  holdBack(): number;
  /** Failures in a row. */
  readonly failures: number;
  readonly state: FailedState | undefined;
  readonly lastError: string | undefined;
  /** How it is spoken to, if that was found out less than a day ago for this very target. */
  manner(target: string): HttpManner | undefined;
  setManner(target: string, manner: HttpManner | undefined): void;
  /** Whether it refused the old handshake, found out less than a day ago for this very target. */
  modernOnly(target: string): boolean;
  setModernOnly(target: string): void;
  /** The era last known and when it was found out, for showing. */
  readonly shownEra: ServerHealth['era'];
}

/** Restart back-off: doubling from the first to the last, forgotten after so long in good health. */
const firstBackOffMs = 200;
const maxBackOffMs = 30_000;
const healthyMs = 60_000;
/** A verdict that is never looked at again would keep a server legacy for ever (`reference/mcp.md` §1.6). */
const eraValidMs = 24 * 3_600_000;

/** Makes the memory of one server. */
export function createServerMemory(clock: Clock): ServerMemory {
  let failures = 0;
  let nextStart = 0;
  let state: FailedState | undefined;
  let lastError: string | undefined;
  let verdict: { readonly target: string; readonly manner: HttpManner; readonly at: number } | undefined;

  let refusedOld: { readonly target: string; readonly at: number } | undefined;
  const isFresh = (at: number): boolean => clock.now() - at < eraValidMs && clock.now() >= at;

  const failed = (error: SallyportError): void => {
    state = error instanceof ServerFailure ? error.state : 'crashed';
    lastError = error.message;
    failures += 1;
    nextStart = clock.monotonic() + Math.min(firstBackOffMs * 2 ** (failures - 1), maxBackOffMs);
  };
  const memory: ServerMemory = {
    failed,
    troubled(error) {
      state = error.state;
      lastError = error.message;
    },
    started() {
      state = undefined;
    },
    answered() {
      state = undefined;
      lastError = undefined;
    },
    ended(failure, since) {
      const healthy = clock.monotonic() - since >= healthyMs;
      if (healthy) failures = 0;
      if (failure) failed(failure);
    },
    reset() {
      failures = 0;
      nextStart = 0;
      state = undefined;
    },
    holdBack: () => Math.max(0, nextStart - clock.monotonic()),
    get failures() {
      return failures;
    },
    get state() {
      return state;
    },
    get lastError() {
      return lastError;
    },
    manner: (target) => (verdict?.target === target && isFresh(verdict.at) ? verdict.manner : undefined),
    modernOnly: (target) => refusedOld?.target === target && isFresh(refusedOld.at),
    setModernOnly(target) {
      refusedOld = { target, at: clock.now() };
    },
    setManner(target, manner) {
      // What is merely found again keeps its date: a server that learned the new revision would stay old for ever.
      if (manner !== undefined && memory.manner(target) === manner) return;
      verdict = manner === undefined ? undefined : { target, manner, at: clock.now() };
    },
    get shownEra() {
      return verdict && (verdict.manner === 'modern' ? 'modern' : 'legacy');
    },
  };
  return memory;
}
