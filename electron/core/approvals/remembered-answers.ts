import type { Call, Decision } from '../../shared/call.ts';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { canonicalJson, serializeJson } from '../../shared/json-tree.ts';
import type { ApprovalView, RememberedView } from '../../shared/views.ts';
import type { RememberedAnswer, RememberedStore } from './remembered-store.ts';

/** Remembered answers are kept this long at most when they are for a session (`design.md` §4: 12 h at most). */
const sessionMs = 12 * 3_600_000;
const quarterMs = 15 * 60_000;

/** What the person said and wants remembered. */
export interface ToRemember {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly scope: RememberedView['scope'];
  readonly duration: Exclude<RememberedView['duration'], 'once'>;
  readonly reason?: string;
}

/** Answers that settle later calls without asking. */
export interface RememberedAnswers {
  /** Forgets what was remembered of the tool's earlier definitions: this call comes with the newest pin. */
  voidOthers(call: Call): void;
  /** The answer that settles a call: a denial before an allowance. Counts it as used. */
  match(call: Call, decision: Decision): RememberedAnswer | undefined;
  /** A remembered denial of this call, which comes before everything that allows. */
  denial(call: Call): RememberedAnswer | undefined;
  /** @throws SallyportError `remembered_unwritable` */
  add(call: Call, answer: ToRemember): void;
  views(): readonly RememberedView[];
  /** @throws SallyportError `remembered_not_found`, `remembered_unwritable` */
  forget(id: string): void;
  close(): void;
}

/** What may be remembered of a call: nothing of a dangerous tool, and of a built-in question only these arguments. */
export function rememberable(decision: Decision): ApprovalView['remember'] {
  if (decision.class === 'dangerous' || asksAnyway(decision)) return { scopes: ['call'], durations: ['once'] };
  const durations: ApprovalView['remember']['durations'] = ['once', '15m', 'session', 'always'];
  return isNarrow(decision)
    ? { scopes: ['call', 'arguments'], durations }
    : { scopes: ['call', 'arguments', 'tool'], durations };
}

/** Asks over remembered answers too: a label, a budget or a rule of the person (`design.md` §4, Order). */
function asksAnyway(decision: Decision): boolean {
  return /^(?:label|budget|rule):/.test(decision.rule);
}

/** Remembered for these arguments at most: guarded places, and what cannot be taken back. */
function isNarrow(decision: Decision): boolean {
  return decision.rule.startsWith('built-in:') || decision.rule === 'access:irreversible';
}

/** @param changed called after each change of what {@link RememberedAnswers.views} gives */
export function createRememberedAnswers(deps: {
  readonly clock: Clock;
  readonly store: RememberedStore;
  readonly changed: () => void;
}): RememberedAnswers {
  const { clock } = deps;
  let answers: readonly RememberedAnswer[] = deps.store.load().filter((one) => one.duration === 'always');
  const timers = new Map<string, () => void>();

  /** Keeps `next`, on disk first where something that is for always differs. */
  const replace = (next: readonly RememberedAnswer[]): void => {
    const lasting = (list: readonly RememberedAnswer[]) => list.filter((one) => one.duration === 'always');
    const [before, after] = [lasting(answers), lasting(next)];
    if (before.length !== after.length || before.some((one, at) => one !== after[at])) deps.store.save(after);
    answers = next;
    for (const [id, cancel] of timers) {
      if (next.some((one) => one.id === id)) continue;
      cancel();
      timers.delete(id);
    }
    deps.changed();
  };

  /** Removing is in effect at once, whether or not it can be stored: it only narrows. */
  const drop = (gone: (answer: RememberedAnswer) => boolean): void => {
    const next = answers.filter((one) => !gone(one));
    if (next.length === answers.length) return;
    try {
      replace(next);
    } catch {
      answers = next;
      deps.changed();
    }
  };

  const expired = (one: RememberedAnswer): boolean => one.until !== undefined && Date.parse(one.until) <= clock.now();

  const fits = (one: RememberedAnswer, call: Call, canonical: () => string): boolean => {
    if (!concerns(one, call) || one.pin !== call.pin) return false;
    if (one.duration === 'session' && one.agentSession !== call.agentSession) return false;
    if (one.scope === 'call') return one.digest === call.digest;
    return one.scope === 'tool' || one.canonicalArguments === canonical();
  };

  return {
    denial(call) {
      if (!answers.some((one) => one.effect === 'deny')) return undefined;
      drop(expired);
      return answers.find((one) => one.effect === 'deny' && fits(one, call, () => canonicalArguments(call)));
    },
    voidOthers(call) {
      drop((one) => concerns(one, call) && one.pin !== call.pin);
    },
    match(call, decision) {
      drop(expired);
      if (decision.class === 'dangerous') return undefined;
      const canonical = canonicalArguments(call);
      const fitting = answers.filter((one) => {
        if (one.effect === 'allow' && asksAnyway(decision)) return false;
        if (!fits(one, call, () => canonical)) return false;
        return one.scope !== 'tool' || one.effect === 'deny' || !isNarrow(decision);
      });
      const found = fitting.find((one) => one.effect === 'deny') ?? fitting[0];
      if (!found) return undefined;
      const used = { ...found, used: found.used + 1 };
      answers = answers.map((one) => (one === found ? used : one));
      deps.changed();
      return used;
    },
    add(call, answer) {
      const ms = answer.duration === '15m' ? quarterMs : answer.duration === 'session' ? sessionMs : undefined;
      const made: RememberedAnswer = {
        id: answer.id,
        agent: { id: call.agent.id, name: call.agent.name },
        server: call.server,
        tool: call.name ?? call.method,
        ...(call.pin === undefined ? {} : { pin: call.pin }),
        effect: answer.effect,
        scope: answer.scope,
        duration: answer.duration,
        digest: call.digest,
        canonicalArguments: canonicalArguments(call),
        argumentsText: argumentsText(call),
        ...(answer.reason === undefined ? {} : { reason: answer.reason }),
        ...(answer.duration === 'session' ? { agentSession: call.agentSession } : {}),
        at: timestamp(clock),
        ...(ms === undefined ? {} : { until: new Date(clock.now() + ms).toISOString() }),
        used: 0,
      };
      // A new word on the same thing replaces the old one.
      const stays = answers.filter((one) => !covers(made, one));
      replace([...stays, made]);
      if (ms !== undefined)
        timers.set(
          made.id,
          clock.schedule(ms, () => drop((one) => one.id === made.id)),
        );
    },
    views: () => answers.filter((one) => !expired(one)).map(viewOf),
    forget(id) {
      if (!answers.some((one) => one.id === id)) {
        throw new SallyportError('remembered_not_found', 'approval', 'There is no remembered answer of that id.');
      }
      replace(answers.filter((one) => one.id !== id));
    },
    close() {
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}

/** The arguments as the text that would run; a call without arguments runs with none, which is the empty object. */
export function argumentsText(call: Call): string {
  return call.arguments === undefined ? '{}' : serializeJson(call.arguments);
}

function canonicalArguments(call: Call): string {
  return call.arguments === undefined ? '{}' : canonicalJson(call.arguments);
}

/** Whether an answer is about the agent and the tool of a call, whatever its arguments and pin. */
function concerns(one: RememberedAnswer, call: Call): boolean {
  return one.agent.id === call.agent.id && one.server === call.server && one.tool === (call.name ?? call.method);
}

function covers(made: RememberedAnswer, old: RememberedAnswer): boolean {
  const same = made.agent.id === old.agent.id && made.server === old.server && made.tool === old.tool;
  if (!same || made.scope !== old.scope || (made.agentSession ?? '') !== (old.agentSession ?? '')) return false;
  if (made.scope === 'call') return made.digest === old.digest;
  return made.scope === 'tool' || made.canonicalArguments === old.canonicalArguments;
}

function viewOf(one: RememberedAnswer): RememberedView {
  return {
    id: one.id,
    agent: one.agent,
    server: one.server,
    tool: one.tool,
    effect: one.effect,
    scope: one.scope,
    duration: one.duration,
    ...(one.scope === 'tool' ? {} : { argumentsText: one.argumentsText }),
    at: one.at,
    ...(one.until === undefined ? {} : { until: one.until }),
    used: one.used,
  };
}
