import type { Answer, Call, Decision } from '../../shared/call.ts';
import { toPlain } from '../../shared/json-tree.ts';
import type { ApprovalView } from '../../shared/views.ts';
import type { LastCall } from './last-calls.ts';
import { argumentsText, rememberable } from './remembered-answers.ts';
import { summarize } from './summary.ts';

/** A request that is held open while the person is asked. */
export interface Waiter {
  readonly call: Call;
  /** Monotonic time at which it began to wait. */
  readonly since: number;
  /** Answers the request and ends its timer and listener. Further calls do nothing. */
  settle(answer: Answer): void;
}

/** One question to the person with everybody who waits for its answer. */
export interface Prompt {
  readonly key: string;
  /** The newest call of those that share the prompt; they differ in id and time only. */
  call: Call;
  decision: Decision;
  /** What it is compared with, as it was when the prompt opened. */
  readonly last: LastCall | undefined;
  /** What is shown, and the id to answer by; replaced whole when anything of it changes. */
  view: ApprovalView;
  readonly waiting: Set<Waiter>;
  /** Calls that stopped waiting (told to ask again, or their stream closed) and may come back. */
  absent: number;
  readonly openedAt: number;
  expiresAtMs: number;
  /** Ends the timer of the prompt's life. */
  cancel: () => void;
}

/** What is shown of a prompt, all but its id. */
export function shown(
  prompt: Pick<Prompt, 'call' | 'decision' | 'last' | 'waiting' | 'absent'>,
  times: { readonly at: string; readonly expiresAt: string; readonly deadlineAt: string | undefined },
  home: string | undefined,
): Omit<ApprovalView, 'id'> {
  const { call, decision, last } = prompt;
  const { verb, target, line } = summarize(call, home);
  return {
    digest: call.digest,
    at: times.at,
    expiresAt: times.expiresAt,
    agent: { id: call.agent.id, name: call.agent.name },
    server: call.server,
    tool: call.name ?? call.method,
    class: decision.class,
    arguments: call.arguments === undefined ? {} : toPlain(call.arguments),
    argumentsText: argumentsText(call),
    verb,
    ...(target === undefined ? {} : { target }),
    summary: line,
    reasons: [...decision.reasons],
    unusual: [...(decision.unusual ?? [])],
    ...(last ? { last } : {}),
    risk: decision.risk,
    count: Math.max(1, prompt.waiting.size + prompt.absent),
    ...(times.deadlineAt === undefined ? {} : { deadlineAt: times.deadlineAt }),
    remember: rememberable(decision),
  };
}
