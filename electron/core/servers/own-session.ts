import type { ServerFailure } from './failure.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** A session as the station itself holds it: what callers see, and what its pool needs to know. */
export interface OwnSession extends Omit<UpstreamSession, 'close' | 'onClose'> {
  /** Ends it, children within about `graceMs`. */
  stop(graceMs: number): Promise<void>;
  /** Settles when it is over: with the failure that ended it, or undefined if it was stopped or ended in peace. */
  readonly closed: Promise<ServerFailure | undefined>;
  /** Requests waiting. */
  readonly inFlight: number;
}
