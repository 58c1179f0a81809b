import type { Answer, Call, Decision } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import type { EventPayload, RequestInput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import { canonicalJson, type JsonNode, JsonObject, parseJson } from '../../shared/json-tree.ts';
import type { Approvals, SettleOptions } from './approvals.ts';
import { createKeptAnswers } from './kept-answers.ts';
import { createLastCalls } from './last-calls.ts';
import { type ApprovalLimits, approvalLimits } from './limits.ts';
import { type Prompt, shown, type Waiter } from './prompt.ts';
import { createRememberedAnswers } from './remembered-answers.ts';
import type { RememberedStore } from './remembered-store.ts';
import { createRestraint } from './restraint.ts';

/** What {@link createApprovals} needs. */
export interface ApprovalsDeps {
  readonly clock: Clock;
  /** A new identifier each time, never used before: prompts and remembered answers. */
  readonly newId: () => string;
  /** Where answers for always are kept: `createRememberedFile({ dataFolder, clock })`. */
  readonly store: RememberedStore;
  /** The person's home folder, shown as `~` in summaries. */
  readonly home?: string;
  /**
   * Whether a question can reach anybody. Default: always, since without a window prompts lie in the queue, where
   * `approvals list` and `watch` find them, and time out to a denial. Where it says no, an ask is a denial at once.
   */
  readonly canAsk?: () => boolean;
  /** Set while the person is away: what asks is told so at once, and its prompt waits for the return. */
  readonly absence?: () => { readonly reason: string; readonly retryAfterMs: number } | undefined;
  readonly limits?: Partial<ApprovalLimits>;
}

/** Ids that were replaced are known for so many prompts, to answer `approval_stale` and not `approval_not_found`. */
const staleIds = 2_000;

/** The approvals station. What is remembered for always is read from its store at once. */
export function createApprovals(deps: ApprovalsDeps): Approvals {
  const { clock, newId } = deps;
  const limits: ApprovalLimits = { ...approvalLimits, ...deps.limits };
  const prompts = new Map<string, Prompt>();
  const stale = new Set<string>();
  const eventListeners = new Set<(event: EventPayload<'approvals'>) => void>();
  const changeListeners = new Set<() => void>();
  const restraint = createRestraint(clock, limits);
  const kept = createKeptAnswers(clock, limits.permitMs);
  const lastCalls = createLastCalls();
  let closed = false;

  /** A listener that fails is its own trouble: no call may hang or run for it. */
  const tell = <Payload>(listeners: ReadonlySet<(payload: Payload) => void>, payload: Payload): void => {
    for (const listener of [...listeners]) {
      try {
        listener(payload);
      } catch {
        // Nothing to be done here; the listener's owner reports it.
      }
    }
  };
  const tellEvent = (event: EventPayload<'approvals'>): void => tell(eventListeners, event);
  const changed = (): void => tell(changeListeners, undefined);
  const remembered = createRememberedAnswers({ clock, store: deps.store, changed });

  /** Shows the prompt anew if anything that is shown has changed; the old id is stale from then on. */
  const refresh = (prompt: Prompt, deadlineAt: string | undefined, expiresAt = prompt.view.expiresAt): void => {
    const { id, ...before } = prompt.view;
    const next = shown(prompt, { at: before.at, expiresAt, deadlineAt }, deps.home);
    if (JSON.stringify(before) === JSON.stringify(next)) return;
    retire(id);
    prompt.view = { id: newId(), ...next };
    tellEvent({ type: 'changed', approval: prompt.view });
    changed();
  };

  const retire = (id: string): void => {
    stale.add(id);
    for (const oldest of stale) {
      if (stale.size <= staleIds) break;
      stale.delete(oldest);
    }
  };

  /** Takes a prompt off the list; from here on no answer reaches it. */
  const end = (prompt: Prompt, answer: EventPayload<'approvals'>['answer'], by?: string): readonly Waiter[] => {
    prompts.delete(prompt.key);
    prompt.cancel();
    const waiting = [...prompt.waiting];
    prompt.waiting.clear();
    // Told before the waiters are settled, so that what follows for the calls comes after.
    tellEvent({
      type: 'closed',
      approval: prompt.view,
      ...(by ? { by } : {}),
      ...(answer ? { answer } : {}),
    });
    changed();
    return waiting;
  };

  const expire = (prompt: Prompt): void => {
    restraint.unanswered(prompt.call);
    for (const waiter of end(prompt, 'expired')) {
      waiter.settle({
        outcome: 'expired',
        after: clock.monotonic() - waiter.since,
        reason: 'Nobody answered in time.',
      });
    }
  };

  const open = (key: string, call: Call, decision: Decision): Prompt => {
    const at = new Date(clock.now()).toISOString();
    const expiresAt = new Date(clock.now() + limits.promptMs).toISOString();
    const base = { call, decision, last: lastCalls.like(call), waiting: new Set<Waiter>(), absent: 0 };
    const view = { id: newId(), ...shown(base, { at, expiresAt, deadlineAt: undefined }, deps.home) };
    const openedAt = clock.monotonic();
    const prompt: Prompt = { ...base, key, view, openedAt, expiresAtMs: openedAt + limits.promptMs, cancel: () => {} };
    prompt.cancel = clock.schedule(limits.promptMs, () => expire(prompt));
    prompts.set(key, prompt);
    restraint.opened(call);
    return prompt;
  };

  /** Gives a prompt so long to live from now on. */
  const live = (prompt: Prompt, ms: number): void => {
    prompt.cancel();
    prompt.expiresAtMs = clock.monotonic() + ms;
    prompt.cancel = clock.schedule(ms, () => expire(prompt));
    refresh(prompt, prompt.view.deadlineAt, new Date(clock.now() + ms).toISOString());
  };

  /** Leaves the question for the person's return; the agent hears so at once. A call that is repeated meanwhile counts once. */
  const leave = (
    prompt: Prompt,
    call: Call,
    decision: Decision,
    absence: { readonly reason: string; readonly retryAfterMs: number },
  ): Answer => {
    if (prompt.absent === 0) prompt.absent = 1;
    prompt.call = call;
    prompt.decision = decision;
    refresh(prompt, prompt.view.deadlineAt);
    changed();
    return { outcome: 'pending', after: 0, ...absence };
  };

  /** How long this request may be held: never past the client's own deadline. */
  const holdFor = (call: Call, asked: number | undefined): number => {
    const hold = asked ?? limits.holdMs;
    const left = call.deadline === undefined ? hold : call.deadline - limits.deadlineMarginMs - clock.now();
    return Math.max(0, Math.min(hold, left));
  };

  const attach = (
    prompt: Prompt,
    isNew: boolean,
    call: Call,
    decision: Decision,
    options: SettleOptions,
  ): Promise<Answer> =>
    new Promise((resolve) => {
      const since = clock.monotonic();
      const hold = holdFor(call, options.holdMs);
      const waiter: Waiter = {
        call,
        since,
        settle(answer) {
          prompt.waiting.delete(waiter);
          stopTimer();
          options.signal.removeEventListener('abort', withdrawn);
          resolve(answer);
        },
      };
      const stopTimer = clock.schedule(hold, () => {
        prompt.absent += 1;
        const retryAfterMs = Math.min(limits.retryAfterMs, Math.max(0, prompt.expiresAtMs - clock.monotonic()));
        waiter.settle({ outcome: 'pending', after: clock.monotonic() - since, retryAfterMs });
      });
      const withdrawn = (): void => {
        const cancelled = options.cancelled?.() === true;
        // A stream that closed may come back with the same call; a cancel means that it is not wanted any more.
        if (!cancelled) prompt.absent += 1;
        waiter.settle({ outcome: 'cancelled', after: clock.monotonic() - since });
        if (cancelled) leftOver(prompt);
      };
      options.signal.addEventListener('abort', withdrawn);
      prompt.waiting.add(waiter);
      // A call that comes back takes the place of one that went.
      if (!isNew && prompt.absent > 0) prompt.absent -= 1;
      prompt.call = call;
      prompt.decision = decision;
      const until = new Date(Math.max(clock.now(), clock.now() + hold)).toISOString();
      const known = prompt.waiting.size > 1 ? prompt.view.deadlineAt : undefined;
      const deadlineAt = known !== undefined && known < until ? known : until;
      if (isNew) {
        prompt.view = { ...prompt.view, deadlineAt };
        tellEvent({ type: 'opened', approval: prompt.view });
        changed();
      } else refresh(prompt, deadlineAt);
    });

  /** Answers what waits and is covered by a new remembered answer, as that would answer the same calls from now on. */
  const settleRemembered = (): void => {
    for (const prompt of [...prompts.values()]) {
      // Two sessions of one agent may share a prompt, so each call is looked at by itself.
      const verdicts = [...prompt.waiting].map((waiter) => ({
        waiter,
        known: remembered.match(waiter.call, prompt.decision),
      }));
      const ofPrompt = remembered.match(prompt.call, prompt.decision);
      const covered = verdicts.filter(({ known }) => known !== undefined);
      if (ofPrompt && covered.length === verdicts.length) end(prompt, ofPrompt.effect, 'remembered');
      for (const { waiter, known } of covered) {
        const after = clock.monotonic() - waiter.since;
        const allowed = known?.effect === 'allow';
        waiter.settle(
          allowed ? { outcome: 'allowed', by: 'remembered', after } : denial('remembered', known?.reason, after),
        );
      }
      if (covered.length > 0 && prompts.has(prompt.key)) leftOver(prompt);
    }
  };

  /** After a call left for good: the prompt stands for those that remain, or ends. */
  const leftOver = (prompt: Prompt): void => {
    if (prompt.waiting.size + prompt.absent === 0) end(prompt, 'withdrawn');
    else refresh(prompt, prompt.view.deadlineAt);
  };

  const denied = (reason: string, retryAfterMs?: number): Answer => ({
    outcome: 'denied',
    after: 0,
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

  const settle = (call: Call, decision: Decision, options: SettleOptions): Promise<Answer> | Answer => {
    if (options.signal.aborted) return { outcome: 'cancelled', after: 0 };
    if (closed) return denied('Sallyport is shutting down.');
    if (decision.effect === 'deny') return denied(decision.reasons[0] ?? 'It is not allowed.');
    const key = keyOf(call);
    remembered.voidOthers(call);
    const known = remembered.match(call, decision);
    if (known?.effect === 'deny') return denial('remembered', known.reason);
    const waited = kept.take(key);
    if (waited?.effect === 'deny') return denial(waited.by, waited.reason);
    if (waited) {
      const edited = waited.arguments === undefined ? {} : { arguments: waited.arguments };
      return { outcome: 'allowed', by: 'permit', after: 0, ...edited };
    }
    if (known) return { outcome: 'allowed', by: 'remembered', after: 0 };
    if (deps.canAsk?.() === false) return denied('Nobody is there to ask.');
    const existing = prompts.get(key);
    const absence = deps.absence?.();
    if (existing && absence) return leave(existing, call, decision, absence);
    if (existing) {
      if (existing.absent === 0 && existing.waiting.size >= limits.callsPerPrompt) {
        return denied(`${limits.callsPerPrompt} identical calls already wait for the person.`);
      }
      return attach(existing, false, call, decision, options);
    }
    const ofAgent = [...prompts.values()].filter((prompt) => prompt.call.agent.id === call.agent.id).length;
    const refusal = restraint.refusal(call, ofAgent, prompts.size);
    if (refusal) return denied(refusal.reason, refusal.retryAfterMs);
    if (absence) {
      const prompt = open(key, call, decision);
      live(prompt, limits.awayPromptMs);
      tellEvent({ type: 'opened', approval: prompt.view });
      return leave(prompt, call, decision, absence);
    }
    return attach(open(key, call, decision), true, call, decision, options);
  };

  return {
    async settle(call, decision, options) {
      try {
        const answer = await settle(call, decision, options);
        if (answer.outcome === 'allowed') lastCalls.allowed(call);
        return answer;
      } catch {
        return denied('The question could not be put to the person.');
      }
    },
    denial: (call) => remembered.denial(call),
    list: () => [...prompts.values()].map((prompt) => prompt.view),
    remembered: () => remembered.views(),
    answer(input, by) {
      const prompt = [...prompts.values()].find((one) => one.view.id === input.id);
      if (!prompt || (input.digest !== undefined && input.digest !== prompt.view.digest)) {
        if (prompt || stale.has(input.id)) {
          throw new SallyportError('approval_stale', 'approval', 'What this prompt shows has changed since.', {
            hint: 'Look at it again, then answer.',
          });
        }
        throw new SallyportError('approval_not_found', 'approval', 'There is no open prompt of that id.', {
          hint: 'It may have been answered, withdrawn or timed out: see `sallyport approvals list`.',
        });
      }
      const scope = input.scope ?? 'call';
      const duration = input.for ?? 'once';
      const effect = input.answer;
      const edited = editedArguments(input, prompt.call);
      if (duration !== 'once') {
        const { scopes, durations } = prompt.view.remember;
        if (!scopes.includes(scope) || !durations.includes(duration)) {
          throw new SallyportError(
            'approval_not_rememberable',
            'approval',
            'This answer cannot be remembered like that.',
            {
              hint: `Possible here: ${scopes.join(', ')} for ${durations.join(', ')}.`,
            },
          );
        }
        // Stored first: if it cannot be, nothing is answered and the prompt stays.
        const reason = input.reason === undefined ? {} : { reason: input.reason };
        remembered.add(prompt.call, { id: newId(), effect, scope, duration, ...reason });
      }
      restraint.answered(prompt.call);
      const { absent, call, key } = prompt;
      const waiting = end(prompt, effect, by);
      // Something remembered settles the calls that come back; otherwise each gets the answer once.
      if (duration === 'once') {
        const reason = input.reason === undefined ? {} : { reason: input.reason };
        kept.add(key, call, absent, { effect, by, ...reason, ...edited });
      }
      for (const waiter of waiting) {
        const after = clock.monotonic() - waiter.since;
        waiter.settle(
          effect === 'allow' ? { outcome: 'allowed', by, after, ...edited } : denial(by, input.reason, after),
        );
      }
      if (duration !== 'once') settleRemembered();
      return { id: input.id, answer: effect, scope, for: duration };
    },
    awayChanged(away) {
      for (const prompt of [...prompts.values()]) live(prompt, away ? limits.awayPromptMs : limits.promptMs);
    },
    forget: (id) => remembered.forget(id),
    endSessions() {
      const ended = remembered.views().filter((one) => one.duration === 'session');
      for (const { id } of ended) remembered.forget(id);
      return ended.length;
    },
    withdraw(filter, why) {
      const matches = (call: Call): boolean =>
        (filter.agent === undefined || call.agent.id === filter.agent) &&
        (filter.server === undefined || call.server === filter.server);
      kept.clear(matches);
      if (filter.agent !== undefined || filter.server !== undefined) lastCalls.forget(matches);
      for (const prompt of [...prompts.values()]) {
        if (!matches(prompt.call)) continue;
        for (const waiter of end(prompt, 'withdrawn')) {
          waiter.settle({ outcome: why, after: clock.monotonic() - waiter.since, reason: withdrawnBecause[why] });
        }
      }
    },
    onEvent(listener) {
      eventListeners.add(listener);
      return () => eventListeners.delete(listener);
    },
    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },
    close() {
      closed = true;
      kept.clear(() => true);
      for (const prompt of [...prompts.values()]) {
        for (const waiter of end(prompt, 'withdrawn')) {
          waiter.settle(denied('Sallyport is shutting down.'));
        }
      }
      remembered.close();
    },
  };
}

/** What the person wrote in place of the arguments, if that is anything else. @throws SallyportError `arguments_invalid` */
function editedArguments(input: RequestInput<'approvals.answer'>, call: Call): { readonly arguments?: JsonObject } {
  if (input.arguments === undefined) return {};
  const fail = (why: string): never => {
    throw new SallyportError('arguments_invalid', 'approval', `The changed arguments cannot be used: ${why}.`, {
      hint: 'Nothing was answered. Write one JSON object, and allow it once.',
    });
  };
  const once = (input.scope ?? 'call') === 'call' && (input.for ?? 'once') === 'once';
  if (input.answer !== 'allow' || !once) fail('they can only be allowed, and once');
  let tree: JsonNode = null;
  try {
    tree = parseJson(input.arguments);
  } catch (error) {
    fail(error instanceof Error ? error.message.replace(/\.$/, '') : 'no JSON');
  }
  if (!(tree instanceof JsonObject)) return fail('they are no object');
  const same = canonicalJson(tree) === canonicalJson(call.arguments ?? new JsonObject());
  return same ? {} : { arguments: tree };
}

const withdrawnBecause = {
  paused: 'The person has paused Sallyport.',
  denied: 'The person has ended this access.',
} as const;

function denial(by: string, reason: string | undefined, after = 0): Answer {
  return { outcome: 'denied', by, after, ...(reason === undefined ? {} : { reason }) };
}

/** One prompt per identical call. The digest covers agent and server too; they are named here so that no error in it mixes two. */
function keyOf(call: Call): string {
  return JSON.stringify([call.agent.id, call.server, call.method, call.name ?? null, call.digest, call.pin ?? null]);
}
