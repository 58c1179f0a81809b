import { createHash } from 'node:crypto';
import type { Call } from '../../shared/call.ts';
import { canonicalJson, type JsonNode, JsonObject, parseJson } from '../../shared/json-tree.ts';
import { visibleText } from '../../shared/visible-text.ts';
import { isLookupKey, isMuch, leavesOf, opaqueRun, runsKnown, sentencesOf, tellingValues } from './argument-pieces.ts';
import { resultInstructions } from './hidden-instructions.ts';
import { hiddenReadings } from './hidden-readings.ts';
import type { RuleBook } from './rule-book.ts';
import type { Budget } from './rules-document.ts';
import { findSecrets } from './secret-shapes.ts';
import { countPieces, createSmallPieces, type SmallPieces, takenTogether } from './small-pieces.ts';
import { mayHold } from './text-sketch.ts';
import type { ToolNature } from './tool-nature.ts';

/** What has passed through an agent's session. `injected` = untrusted text that speaks to the agent. */
export type Label = 'private' | 'untrusted' | 'secret' | 'injected';

/** Where something came from. */
export interface Origin {
  readonly server: string;
  readonly tool: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** What more there is to say. */
  readonly why?: string;
}

/** A budget that is used up. */
export interface UsedUp {
  readonly budget: Budget;
  readonly sentence: string;
}

/** What is remembered of agents' sessions: what passed through them, and how much (`design.md` §4, Labels, Budgets). */
export interface SessionMemory {
  labels(call: Call): ReadonlyMap<Label, Origin>;
  /** Sentences that say where values of the arguments first appeared. */
  provenance(call: Call): readonly string[];
  /** A value of the arguments that carries something out of an earlier result, in words; undefined if none. */
  carries(call: Call, nature: ToolNature): string | undefined;
  /** That many small calls together carry private results to another server, in words; undefined if they do not. */
  drips(call: Call, nature: ToolNature): string | undefined;
  /** The first budget that this call would exceed. */
  usedUp(call: Call, nature: ToolNature, book: RuleBook): UsedUp | undefined;
  /** Whether this agent's volume is unusual just now. */
  unusual(call: Call): boolean;
  /** Forgets what an agent used of its budgets: a person let it go on. */
  forgive(agent: string): void;
  /** A call is about to run. */
  ran(call: Call, nature: ToolNature, book: RuleBook): void;
  /** A result passed through. @param at milliseconds since the epoch */
  saw(call: Call, nature: ToolNature, result: JsonNode, at: number, book: RuleBook): void;
}

interface Passed {
  readonly text: string;
  /** Whether a piece may be in the text at all: asked before the text is searched. */
  readonly may: (piece: string) => boolean;
  readonly origin: Origin;
  readonly own: boolean;
}

interface Session {
  readonly labels: Map<Label, Origin>;
  readonly passed: Passed[];
  size: number;
  readonly runs: number[];
  readonly small: SmallPieces;
  readonly records: Map<number, Set<string>>;
}

const mostSessions = 500;
/** Text kept of one result, and of all of a session; the oldest leave first. */
const keptOfResult = 262_144;
const keptOfSession = 2_097_152;
const windowMs = { '1m': 60_000, '1h': 3_600_000 } as const;
/** Calls a minute beyond which an agent's volume is unusual. */
const unusualPerMinute = 60;

/** Makes it. Bounded: the session that was silent longest is forgotten first. */
export function createSessionMemory(): SessionMemory {
  const sessions = new Map<string, Session>();
  /** Uses of budgets: what was counted when, by budget, agent and session. */
  const uses = new Map<string, { at: number; amount: number; call: string }[]>();

  const known = (call: Call): Session | undefined => sessions.get(keyOf(call));
  const sessionOf = (call: Call): Session => {
    const key = keyOf(call);
    const session = sessions.get(key) ?? {
      labels: new Map(),
      passed: [],
      size: 0,
      runs: [],
      small: createSmallPieces(),
      records: new Map(),
    };
    sessions.delete(key);
    sessions.set(key, session);
    if (sessions.size > mostSessions) for (const oldest of sessions.keys()) if (sessions.delete(oldest)) break;
    return session;
  };

  const spentOf = (call: Call, index: number, budget: Budget, now: number): number => {
    const key = budgetKey(call, index, budget);
    const since = budget.per === 'session' ? Number.NEGATIVE_INFINITY : now - windowMs[budget.per];
    const recent = (uses.get(key) ?? []).filter(({ at }) => at > since);
    if (recent.length > 0) uses.set(key, recent);
    else uses.delete(key);
    // A call that is judged again right before it is forwarded was counted already.
    return recent.reduce((sum, { amount, call: id }) => (id === call.id ? sum : sum + amount), 0);
  };
  const spend = (call: Call, index: number, budget: Budget, at: number, amount: number): void => {
    if (amount <= 0) return;
    const key = budgetKey(call, index, budget);
    const list = uses.get(key) ?? [];
    list.push({ at, amount, call: call.id });
    uses.set(key, list);
    if (uses.size > 10_000) for (const oldest of uses.keys()) if (uses.delete(oldest)) break;
  };

  return {
    labels: (call) => known(call)?.labels ?? new Map(),
    provenance(call) {
      const session = known(call);
      if (!session) return [];
      const now = Date.parse(call.at);
      const found: string[] = [];
      for (const { name, text } of leavesOf(call.arguments)) {
        if (found.length >= 3) break;
        if (text.trim().length < 4) continue;
        const probe = text.trim().slice(0, 400);
        const first = session.passed.find((one) => holds(one, probe));
        if (!first) continue;
        found.push(`“${visibleText(name, { max: 40 })}” first appeared in a result of ${told(first.origin, now)}.`);
      }
      return found;
    },
    carries(call, nature) {
      const session = known(call);
      const now = Date.parse(call.at);
      const taken: string[] = [];
      for (const { name, text } of leavesOf(call.arguments)) {
        const shown = visibleText(name, { max: 40 });
        const secret = findSecrets(text)[0];
        if (secret) return `“${shown}” holds ${secret.kind}.`;
        if (!session || session.passed.length === 0) continue;
        const others = session.passed.filter((one) => one.own && one.origin.server !== call.server);
        for (const decoded of hiddenReadings(text)) {
          const piece = decoded.trim().slice(0, 200);
          const from = session.passed.find((one) => holds(one, piece)) ?? firstWithRun(others, decoded);
          if (from) return `“${shown}” holds, encoded, what came in a result of ${told(from.origin, now)}.`;
        }
        for (const piece of sentencesOf(text)) {
          const from = others.find((one) => holds(one, piece));
          if (from) return `“${shown}” holds text from a result of ${told(from.origin, now)}.`;
        }
        if (others.length > 0 && (nature.public || nature.looksOutside || !isLookupKey(text))) {
          taken.push(...runsKnown(text, (piece) => others.some((one) => holds(one, piece))));
          const from = isMuch(taken) ? others.find((one) => holds(one, taken.at(-1) ?? '')) : undefined;
          if (from) return `“${shown}” holds values from a result of ${told(from.origin, now)}.`;
        }
        if (!nature.public && !nature.looksOutside) continue;
        const opaque = others.length > 0 ? opaqueRun(text) : undefined;
        if (opaque !== undefined) return `“${shown}” holds ${opaque.length} characters that say nothing to a reader.`;
        for (const value of tellingValues(text)) {
          const from = session.passed.find((one) => one.own && holds(one, value));
          if (from) return `“${shown}” holds a value from a result of ${told(from.origin, now)}.`;
        }
      }
      return undefined;
    },
    drips(call, nature) {
      const session = known(call);
      if (!session) return undefined;
      return takenTogether(session.small, call, nature.public || nature.looksOutside, elsewhere(session, call));
    },
    usedUp(call, nature, book) {
      const now = Date.parse(call.at);
      for (const [index, budget] of book.budgetsFor(call)) {
        const [limit, what] = limitOf(budget);
        if (what === 'effects' && nature.classified.class === 'read') continue;
        const spent = spentOf(call, index, budget, now);
        if (spent < limit) continue;
        const per = budget.per === 'session' ? 'a session' : budget.per === '1m' ? 'a minute' : 'an hour';
        return { budget, sentence: `The budget of ${limit} ${words[what]} ${per} is used up.` };
      }
      return undefined;
    },
    forgive(agent) {
      for (const key of [...uses.keys()]) if (key.split('\n')[1] === agent) uses.delete(key);
    },
    unusual(call) {
      const session = known(call);
      const since = Date.parse(call.at) - windowMs['1m'];
      return session !== undefined && session.runs.filter((at) => at > since).length >= unusualPerMinute;
    },
    ran(call, nature, book) {
      const at = Date.parse(call.at);
      const session = sessionOf(call);
      session.runs.push(at);
      if (nature.classified.class === 'read') {
        countPieces(session.small, call, this.drips(call, nature) !== undefined, elsewhere(session, call));
      }
      if (session.runs.length > 2 * unusualPerMinute) session.runs.splice(0, session.runs.length - unusualPerMinute);
      for (const [index, budget] of book.budgetsFor(call)) {
        const what = limitOf(budget)[1];
        if (what === 'calls' || (what === 'effects' && nature.classified.class !== 'read')) {
          spend(call, index, budget, at, 1);
        }
      }
    },
    saw(call, nature, result, at, book) {
      const session = sessionOf(call);
      const { text, records } = readResult(result);
      if (text.trim() === '') return;
      const tool = call.name ?? call.method;
      const origin: Origin = { server: call.server, tool, at };
      const mark = (label: Label, why?: string): void => {
        if (!session.labels.has(label)) session.labels.set(label, why === undefined ? origin : { ...origin, why });
      };
      mark('untrusted');
      const own = !nature.public && (nature.classified.class !== 'effect' || text.length > 2_000);
      if (own) mark('private');
      const secret = findSecrets(text)[0];
      if (secret) mark('secret', secret.kind);
      const injected = resultInstructions(text);
      if (injected !== undefined) mark('injected', injected);
      session.passed.push({ text, may: mayHold(text), origin, own });
      session.size += text.length;
      while (session.size > keptOfSession) session.size -= session.passed.shift()?.text.length ?? session.size;
      for (const [index, budget] of book.budgetsFor(call)) {
        const what = limitOf(budget)[1];
        if (what === 'bytes-out') spend(call, index, budget, at, Buffer.byteLength(text));
        if (what === 'records') {
          const seen = session.records.get(index) ?? new Set();
          session.records.set(index, seen);
          const fresh = records.filter((one) => !seen.has(one));
          for (const one of fresh) seen.add(one);
          spend(call, index, budget, at, fresh.length);
        }
      }
    },
  };
}

/** `read_file of files, 12 s ago`. */
export function told(origin: Origin, now: number): string {
  const seconds = Math.max(0, Math.round((now - origin.at) / 1_000));
  const ago =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7_200
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3_600)} h`;
  return `${visibleText(origin.tool, { max: 60 })} of ${visibleText(origin.server, { max: 60 })}, ${ago} ago`;
}

const words = { calls: 'calls', effects: 'changing calls', 'bytes-out': 'bytes', records: 'records' } as const;

function limitOf(budget: Budget): readonly [limit: number, what: keyof typeof words] {
  for (const what of ['calls', 'effects', 'bytes-out', 'records'] as const) {
    const limit = budget[what];
    if (limit !== undefined) return [limit, what];
  }
  return [Number.POSITIVE_INFINITY, 'calls'];
}

function keyOf(call: Call): string {
  return `${call.agent.id}\n${call.agentSession}`;
}

function budgetKey(call: Call, index: number, budget: Budget): string {
  return `${index}\n${call.agent.id}\n${budget.server === undefined ? '' : call.server}\n${budget.per === 'session' ? call.agentSession : ''}`;
}

function holds(one: Passed, piece: string): boolean {
  return one.may(piece) && one.text.includes(piece);
}

/** The result that a decoded text has a stretch of words in common with. */
function firstWithRun(results: readonly Passed[], decoded: string): Passed | undefined {
  return results.find((one) => runsKnown(decoded, (piece) => holds(one, piece)).length > 0);
}

function elsewhere(session: Session, call: Call): (piece: string) => boolean {
  return (piece) => session.passed.some((one) => one.own && one.origin.server !== call.server && holds(one, piece));
}

/** Every text of a result, and the things that it lists as hashes. */
function readResult(result: JsonNode): { text: string; records: readonly string[] } {
  const texts: string[] = [];
  const records: string[] = [];
  let length = 0;
  const record = (node: JsonNode): void => {
    if (records.length < 10_000) records.push(createHash('sha256').update(canonicalJson(node)).digest('base64'));
  };
  const walk = (node: JsonNode | undefined, depth: number): void => {
    if (length > keptOfResult || depth > 40) return;
    if (typeof node === 'string') {
      texts.push(node.slice(0, keptOfResult));
      length += node.length;
      if (depth > 3 || !/^\s*[[{]/.test(node) || node.length > keptOfResult) return;
      try {
        const inner = parseJson(node);
        // Values inside JSON text count as themselves, not as they are escaped.
        walk(inner, depth + 10);
      } catch {
        // Not JSON after all.
      }
    } else if (Array.isArray(node)) {
      for (const item of node as readonly JsonNode[]) {
        if (item instanceof JsonObject && item.get('type') !== 'text') record(item);
        walk(item, depth + 1);
      }
    } else if (node instanceof JsonObject) {
      for (const [, value] of node.members) walk(value, depth + 1);
    }
  };
  walk(result instanceof JsonObject ? result.with('_meta', undefined).with('resultType', undefined) : result, 0);
  return { text: texts.join('\n'), records };
}
