import type { Approvals } from '../../../electron/core/approvals/approvals.ts';
import type { Answer, Call, Decision } from '../../../electron/shared/call.ts';

/** One call that waits at the desk. */
export interface Waiting {
  readonly call: Call;
  readonly decision: Decision;
  answer(answer: Answer): void;
}

/** A person who answers by hand in a test: each question is taken from {@link next} and answered. */
export interface Desk extends Pick<Approvals, 'settle' | 'denial'> {
  next(): Promise<Waiting>;
  /** Calls whose request was withdrawn, with whether it was cancelled expressly. */
  readonly withdrawn: { readonly call: Call; readonly cancelled: boolean }[];
  onWithdrawn(): Promise<void>;
}

export function createDesk(): Desk {
  const queue: Waiting[] = [];
  const takers: ((waiting: Waiting) => void)[] = [];
  const watchers: (() => void)[] = [];
  const withdrawn: { call: Call; cancelled: boolean }[] = [];
  return {
    denial: () => undefined,
    withdrawn,
    onWithdrawn: () => new Promise((resolve) => void watchers.push(resolve)),
    settle: (call, decision, options) =>
      new Promise((resolve) => {
        options.signal.addEventListener('abort', () => {
          withdrawn.push({ call, cancelled: options.cancelled?.() ?? false });
          resolve({ outcome: 'cancelled' });
          for (const watcher of watchers.splice(0)) watcher();
        });
        const waiting: Waiting = { call, decision, answer: resolve };
        const taker = takers.shift();
        if (taker) taker(waiting);
        else queue.push(waiting);
      }),
    next: () => {
      const waiting = queue.shift();
      return waiting ? Promise.resolve(waiting) : new Promise((resolve) => void takers.push(resolve));
    },
  };
}
