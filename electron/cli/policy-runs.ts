import { homedir } from 'node:os';
import { createRememberedAnswers, rememberable } from '../core/approvals/remembered-answers.ts';
import { callDigest } from '../core/gateway/call-digest.ts';
import { type Canary, watchFor } from '../core/policy/canaries.ts';
import { createPolicy } from '../core/policy/create-policy.ts';
import { createPausedAgents } from '../core/policy/paused-agents.ts';
import type { PinStore } from '../core/policy/pin-store.ts';
import { createReplay, type Replay, type ReplayAnswers, replayAccess } from '../core/policy/replay.ts';
import type { RulesDocument } from '../core/policy/rules-document.ts';
import type { Clock } from '../shared/clock.ts';

/** Policy with nothing stored, over rules and a data folder, in which every tool is ticked. Nothing is written. */
export function openReplay(options: {
  readonly dataFolder: string;
  readonly rules: RulesDocument;
  readonly answers: ReplayAnswers;
  /** Time of the first line that names none, milliseconds since the epoch. */
  readonly start: number;
  readonly home?: string;
  /** Approved tools, where those of the data folder count. Default: none, every tool is ticked. */
  readonly pins?: PinStore;
}): Replay {
  let now = options.start;
  // Nothing is slow in a replay: no timer ever fires, what ends with time ends when it is looked at.
  const clock: Clock = { now: () => now, monotonic: () => now, schedule: () => () => {} };
  const agents = createPausedAgents({ clock });
  const planted: Canary[] = [];
  let foundIn = watchFor(planted);
  const policy = createPolicy({
    agents,
    canaries: { foundIn: (...nodes) => foundIn(...nodes) },
    store: options.pins ?? { load: () => ({ kind: 'none' }), save: () => {}, remove: () => {} },
    dataFolder: options.dataFolder,
    home: options.home ?? homedir(),
    rules: options.rules,
    access: replayAccess,
    takesUndeclared: true,
  });
  const remembered = createRememberedAnswers({
    clock,
    store: { load: () => [], save: () => {} },
    changed: () => {},
  });
  return createReplay({
    ...options.answers,
    policy,
    agents,
    plant(value, note) {
      planted.push({ id: `planted-${planted.length}`, note, value, at: new Date(now).toISOString() });
      foundIn = watchFor(planted);
    },
    remembered,
    rememberable,
    digestOf: ({ method, name, arguments: args, pin, agent, server }) =>
      callDigest({ method, name, arguments: args, pin, agent: agent.id, server }),
    clock: {
      now: () => now,
      set: (to) => {
        now = to;
      },
    },
  });
}

/** One example of a rules file that did not come out as it says. */
export interface FailedExample {
  readonly line: number;
  readonly call: string;
  readonly expect: string;
  readonly decision: string;
  readonly reasons: readonly string[];
}

/** Decides every example of a rules file, each in a session of its own. */
export function testExamples(document: RulesDocument, dataFolder: string, start: number): readonly FailedExample[] {
  return document.examples.flatMap(({ call, expect, line }) => {
    const answers: ReplayAnswers = { answer: 'deny', remember: 'once' };
    const replay = openReplay({ dataFolder, rules: document, answers, start });
    const came = replay.line(JSON.stringify({ type: 'call', ...call, arguments: call.arguments ?? {} }));
    if (came === undefined || came.decision === expect) return [];
    return [{ line, call: `${call.server}/${call.tool}`, expect, decision: came.decision, reasons: came.reasons }];
  });
}
