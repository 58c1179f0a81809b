import { createHash } from 'node:crypto';
import type { Approvals } from '../../../electron/core/approvals/approvals.ts';
import { type ApprovalsDeps, createApprovals } from '../../../electron/core/approvals/create-approvals.ts';
import type { RememberedAnswer, RememberedStore } from '../../../electron/core/approvals/remembered-store.ts';
import type { Answer, Call, Decision } from '../../../electron/shared/call.ts';
import type { EventPayload } from '../../../electron/shared/contract.ts';
import { canonicalJson, fromPlain } from '../../../electron/shared/json-tree.ts';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { createManualClock } from '../../manual-clock.ts';

/** A decision that asks, as policy makes it for an effect. */
export const asks: Decision = {
  effect: 'ask',
  rule: 'access:ask',
  reasons: ['It changes things.'],
  risk: 40,
  class: 'effect',
};

/** What differs between the calls of a test. */
export interface CallOptions {
  readonly agent?: string;
  readonly session?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly arguments?: unknown;
  readonly pin?: string;
  readonly deadline?: number;
}

let calls = 0;

/** A call with a digest over what the real one covers. */
export function call(options: CallOptions = {}): Call {
  calls += 1;
  const agent = options.agent ?? 'token:a';
  const server = options.server ?? 'files';
  const name = options.tool ?? 'write_file';
  const args = fromPlain(options.arguments ?? { path: '/tmp/x' });
  const pin = options.pin ?? 'sha256:1';
  const covered = canonicalJson(fromPlain([agent, server, name, args, pin]));
  return {
    id: `call-${calls}`,
    at: '2026-11-22T12:00:00.000Z',
    agent: { id: agent, name: agent },
    agentSession: options.session ?? 'session-1',
    server,
    method: 'tools/call',
    name,
    arguments: args,
    digest: `sha256:${createHash('sha256').update(covered).digest('hex')}`,
    pin,
    era: '2025-11-25',
    ...(options.deadline === undefined ? {} : { deadline: options.deadline }),
    bytesIn: 100,
  };
}

/** One request as a test holds it: its answer once there is one, and how to withdraw it. */
export interface Request {
  readonly answer: Promise<Answer>;
  /** The answer so far, read after {@link Stage.settled}. */
  now(): Answer | undefined;
  closeStream(): void;
  cancel(): void;
}

/** Approvals on a manual clock with a store in memory. */
export function stage(options: Partial<ApprovalsDeps> = {}, kept: readonly RememberedAnswer[] = []) {
  const clock = createManualClock();
  let ids = 0;
  let stored = kept;
  const store: RememberedStore & { fail: boolean } = {
    fail: false,
    load: () => stored,
    save(answers) {
      if (store.fail) throw new Error('disk full');
      stored = [...answers];
    },
  };
  const approvals: Approvals = createApprovals({
    clock,
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    store,
    ...options,
  });
  const events: EventPayload<'approvals'>[] = [];
  approvals.onEvent((event) => events.push(event));
  return {
    approvals,
    clock,
    events,
    store,
    stored: () => stored,
    ask(what: Call, decision: Decision = asks, holdMs?: number): Request {
      const controller = new AbortController();
      let cancelled = false;
      let answer: Answer | undefined;
      const promise = approvals.settle(what, decision, {
        signal: controller.signal,
        cancelled: () => cancelled,
        ...(holdMs === undefined ? {} : { holdMs }),
      });
      promise.then(
        (value) => {
          answer = value;
        },
        () => {},
      );
      return {
        answer: promise,
        now: () => answer,
        closeStream: () => controller.abort(),
        cancel: () => {
          cancelled = true;
          controller.abort();
        },
      };
    },
    /** The only prompt there is. */
    only(): ApprovalView {
      const [view, ...others] = approvals.list();
      if (!view || others.length > 0) throw new Error(`${approvals.list().length} prompts are open, not one`);
      return view;
    },
    /** Lets promises that are settled tell so. */
    settled: () => new Promise<void>((resolve) => setImmediate(resolve)),
  };
}
