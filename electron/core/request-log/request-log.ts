import type { Answer, Call, Decision, Outcome } from '../../shared/call.ts';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import type { JsonNode } from '../../shared/json-tree.ts';
import type { LogDetail, LogRow } from '../../shared/views.ts';
import type { Removed } from './retention.ts';

declare const stored: unique symbol;
declare const forwardable: unique symbol;

/** A call whose decision is in the log. Only the log makes one. */
export interface Judged {
  readonly call: Call;
  readonly decision: Decision;
  readonly [stored]: true;
}

/** A call that may be forwarded: the log holds a decision, and where it asked an answer, that allow it. Used once. */
export interface Decided extends Judged {
  readonly [forwardable]: true;
}

/** How a call ended. */
export interface Completion {
  readonly outcome: Outcome;
  /** The result as it went to the agent. */
  readonly result?: JsonNode;
  readonly error?: string;
  /** Milliseconds at the server. */
  readonly ms?: number;
  readonly bytesOut: number;
}

/** Something to log that is no call. The message must hold no secret. */
export interface LogNote {
  readonly kind: 'app' | 'server' | 'tunnel' | 'authority';
  readonly message: string;
  readonly server?: string;
  /** The front that did it, for `authority`. */
  readonly by?: string;
}

/**
 * The request log: a hash-chained sequence of events, none ever changed (`security.md` S18). `decided` is committed
 * before the forward, `completed` after. Writing never throws into the call's way but for `decided` and `answered`:
 * where those cannot be stored, nothing may run.
 */
export interface RequestLog {
  /** Stores the decision. @throws SallyportError `log_unavailable` at hop `app`: the call must be refused */
  decided(call: Call, decision: Decision): Judged;
  /** What may run without asking: `judged.decision.effect` is `allow`. @throws SallyportError `internal` otherwise */
  permit(judged: Judged): Decided;
  /** Stores how an `ask` was answered; a {@link Decided} only if it was allowed. @throws SallyportError `log_unavailable` */
  answered(judged: Judged, answer: Answer): Decided | undefined;
  /** Stores how the call ended, exactly once per judged call. */
  completed(judged: Judged, completion: Completion): void;
  note(note: LogNote): void;
  /** A page, read at once; where it is filtered, it may end early with a `next`. For people {@link RequestLog.search} is faster. */
  list(query: RequestInput<'log.list'>): RequestOutput<'log.list'>;
  /** @throws SallyportError `log_row_not_found` */
  show(id: string): LogDetail;
  /** A page, by the index and away from the road of calls. @throws SallyportError `log_unreadable` */
  search(query: RequestInput<'log.list'>): Promise<RequestOutput<'log.list'>>;
  /** One row, as {@link RequestLog.search} looks for it. @throws SallyportError `log_row_not_found`, `log_unreadable` */
  find(id: string): Promise<LogDetail>;
  verify(): Promise<RequestOutput<'log.verify'>>;
  /** Calls of one agent since a moment (RFC 3339). */
  countSince(agent: string, since: string): number;
  /** When the newest call was decided; undefined if there was none. */
  lastCallAt(): string | undefined;
  /** Rows as they are made or change, one at a time. */
  onRow(listener: (row: LogRow) => void): () => void;
  /** Takes away what the limits do not keep any more; done by itself every hour. */
  keepToLimits(): Removed | undefined;
  /** When the oldest entry was written. */
  oldest(): string | undefined;
  /** Bytes that entries take up in the file. */
  usedBytes(): number;
  /** Writes what is left and closes the file. */
  close(): void;
  /** Resolves when secrets hold the last checkpoint, or could not take it. Never rejects. */
  settled(): Promise<void>;
}
