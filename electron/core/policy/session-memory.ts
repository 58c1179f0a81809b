import { createHash } from 'node:crypto';
import type { Call } from '../../shared/call.ts';
import { canonicalJson, type JsonNode, JsonObject, parseJson } from '../../shared/json-tree.ts';
import { visibleText } from '../../shared/visible-text.ts';
import { resultInstructions } from './hidden-instructions.ts';
import type { RuleBook } from './rule-book.ts';
import type { Budget } from './rules-document.ts';
import { encodedRuns, findSecrets } from './secret-shapes.ts';
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
  /** Pieces of private results that went to other servers since somebody was asked about it, with when. */
  readonly dripped: Map<string, number>;
  readonly records: Map<number, Set<string>>;
}

const mostSessions = 500;
/** Text kept of one result, and of all of a session; the oldest leave first. */
const keptOfResult = 262_144;
const keptOfSession = 2_097_152;
/** How long small pieces that went out are counted together, and how many are kept. */
const dripWindowMs = 30 * 60_000;
const mostDripped = 200;
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
      dripped: new Map(),
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
      for (const { name, text } of leavesOf(call.arguments)) {
        const shown = visibleText(name, { max: 40 });
        const secret = findSecrets(text)[0];
        if (secret) return `“${shown}” holds ${secret.kind}.`;
        if (!session || session.passed.length === 0) continue;
        for (const decoded of hiddenReadings(text)) {
          const from = session.passed.find((one) => holds(one, decoded.trim().slice(0, 200)));
          if (from) return `“${shown}” holds, encoded, what came in a result of ${told(from.origin, now)}.`;
        }
        for (const piece of sentencesOf(text)) {
          const from = session.passed.find((one) => one.own && one.origin.server !== call.server && holds(one, piece));
          if (from) return `“${shown}” holds text from a result of ${told(from.origin, now)}.`;
        }
        if (!nature.public && !nature.looksOutside) continue;
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
      const since = Date.parse(call.at) - dripWindowMs;
      const before = [...session.dripped].flatMap(([piece, at]) => (at > since ? [piece] : []));
      const now = piecesOut(session, call);
      if (now.length === 0) return undefined;
      const all = new Set([...before, ...now]);
      const length = [...all].reduce((sum, piece) => sum + piece.length, 0);
      const [pieces, characters] = nature.public || nature.looksOutside ? [4, 100] : [8, 240];
      if (all.size < pieces && length < characters) return undefined;
      return `It and calls before it took ${all.size} pieces of private results, ${length} characters, to other servers.`;
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
        // Where the person was asked about the pieces so far, counting begins anew.
        if (this.drips(call, nature) !== undefined) session.dripped.clear();
        else for (const piece of piecesOut(session, call)) session.dripped.set(piece, at);
        for (const oldest of session.dripped.keys()) {
          if (session.dripped.size <= mostDripped) break;
          session.dripped.delete(oldest);
        }
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

function leavesOf(node: JsonNode | undefined): readonly { name: string; text: string }[] {
  const found: { name: string; text: string }[] = [];
  const walk = (one: JsonNode | undefined, name: string): void => {
    if (found.length >= 40) return;
    if (typeof one === 'string') found.push({ name, text: one });
    else if (Array.isArray(one)) for (const item of one as readonly JsonNode[]) walk(item, name);
    else if (one instanceof JsonObject) for (const [member, value] of one.members) walk(value, member);
  };
  walk(node, 'arguments');
  return found;
}

function holds(one: Passed, piece: string): boolean {
  return one.may(piece) && one.text.includes(piece);
}

/** Short values of the arguments that stand in a private result of another server. */
function piecesOut(session: Session, call: Call): readonly string[] {
  const found = new Set<string>();
  for (const { text } of leavesOf(call.arguments)) {
    const piece = text.trim().slice(0, 400);
    if (piece.length < 6) continue;
    if (session.passed.some((one) => one.own && one.origin.server !== call.server && holds(one, piece))) {
      found.add(piece);
    }
  }
  return [...found];
}

/** Values by which people and accounts are told apart: mail addresses, long numbers, keys. */
function tellingValues(text: string): readonly string[] {
  const searched = text.slice(0, 20_000);
  const found: string[] = [];
  for (const shape of [
    /[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}/g,
    /\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b/g,
    /(?<![\w.])\+?\d(?:[ -]?\d){8,18}(?![\w.])/g,
    /(?<!\w)(?=\w{0,40}\d)(?=\w{0,40}[A-Z])(?=\w{0,40}[a-z])\w{14,80}(?!\w)/g,
  ]) {
    for (const [value] of searched.matchAll(shape)) if (found.length < 20) found.push(value);
  }
  return found;
}

/** What an argument may hold in another form: encoded once or twice, backwards, or with its letters moved by thirteen. */
function hiddenReadings(text: string): readonly string[] {
  const once = encodedRuns(text)
    .slice(0, 20)
    .map(({ decoded }) => decoded);
  const twice = once.flatMap((one) =>
    encodedRuns(one)
      .slice(0, 3)
      .map(({ decoded }) => decoded),
  );
  const turned = [...once, text].flatMap((one) => {
    const piece = one.trim().slice(0, 200);
    if (piece.length < 16) return [];
    return [[...piece].reverse().join(''), rotated(piece)];
  });
  return [...once, ...twice, ...turned];
}

function rotated(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) => {
    const base = letter <= 'Z' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base);
  });
}

/** Stretches of several words, long enough that nobody writes them twice by chance. */
function sentencesOf(text: string): readonly string[] {
  if (text.length < 40) return [];
  const pieces: string[] = [];
  for (const line of text.slice(0, 20_000).split(/[\n\r]+/)) {
    const trimmed = line.trim();
    if (trimmed.length >= 40 && /\s\S+\s\S+\s/.test(trimmed)) pieces.push(trimmed.slice(0, 200));
    if (pieces.length >= 20) break;
  }
  return pieces;
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
