import type { Answer, Call, Decision } from '../../shared/call.ts';
import type { EventPayload, RequestInput, RequestOutput } from '../../shared/contract.ts';
import type { ApprovalView, RememberedView } from '../../shared/views.ts';

/** Options of {@link Approvals.settle}. */
export interface SettleOptions {
  /** Aborted when the agent withdrew the request (stream closed, `notifications/cancelled`). */
  readonly signal: AbortSignal;
  /** A cancel withdraws the prompt too; a closed stream does not. Read when `signal` fires. */
  readonly cancelled?: () => boolean;
  /** How long the request is held before the agent is told to ask again, milliseconds. Default 45 000. */
  readonly holdMs?: number;
}

/** Asks the person, and remembers what was said (`design.md` §4, Asking and Waiting). */
export interface Approvals {
  /**
   * Settles a call that policy wants asked: a remembered answer or a permit answers at once, otherwise one prompt is
   * shown (identical calls share it) and the request is held. Never throws; nobody to ask is a denial.
   */
  settle(call: Call, decision: Decision, options: SettleOptions): Promise<Answer>;
  /** A denial that the person wants remembered and that covers this call, whatever else would allow it. */
  denial(call: Call): { readonly reason?: string | undefined } | undefined;
  list(): readonly ApprovalView[];
  remembered(): readonly RememberedView[];
  /**
   * Answers a prompt. @param by the front: `window`, `browser`, `cli`, `tray`, `notification`
   * @throws SallyportError at hop `approval`: `approval_not_found`, `approval_stale`, `approval_not_rememberable`
   */
  answer(input: RequestInput<'approvals.answer'>, by: string): RequestOutput<'approvals.answer'>;
  /** The person goes or is back: what waits lives until the return, and its usual time from then on. */
  awayChanged(away: boolean): void;
  /** Forgets a remembered answer. @throws SallyportError `remembered_not_found` */
  forget(id: string): void;
  /** Forgets every answer that was remembered for a session. @returns how many */
  endSessions(): number;
  /** Denies what waits and clears permits: pause, unshare, revoke. Absent filters mean all. */
  withdraw(filter: { readonly agent?: string; readonly server?: string }, why: 'paused' | 'denied'): void;
  onEvent(listener: (event: EventPayload<'approvals'>) => void): () => void;
  /** After each change of {@link list} or {@link remembered}. */
  onChange(listener: () => void): () => void;
  /** Ends all waiting as denied and stops its timers. */
  close(): void;
}
